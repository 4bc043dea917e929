/* The simple card: one large sentence and one button, for children and old people. Loaded with the first such card. */
import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { BatchWatcher } from "../batch-watcher";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadPart } from "../load-part";
import { partTexts } from "../localize";
import type { Batch } from "../print/batch";
import { afterDoubleTap } from "../print-once";
import { base, buttons } from "../styles";
import { OPEN, TAKEN, jobsOf, statusText, summarize } from "../summary";
import { TaskController } from "../tasks";
import en from "../translations/simple.en.json";
import zh from "../translations/simple.zh-Hans.json";
import type { Feed, Job, Printer } from "../types";
import { Part } from "./part";
import "./file-chooser";

const texts = partTexts(en, zh);
const TOLD_FOR = 60 * 60_000; // ms for which the card shows the outcome of a job
/* Ids of finished jobs whose outcome somebody has acknowledged. */
const seen = new Set<string>();
const NO_PAPER = "out_of_paper";
/* Printer states in which a job that the printer already has does not come out. */
const STOPS = [NO_PAPER, "cover_open", "paper_jam", "out_of_ribbon", "out_of_ink", "paused", "stopped"];

interface Line {
  sentence: string;
  /* Key of the button's label; undefined if there is no button. `press` is what the button does. */
  button?: keyof typeof en;
  press?: () => unknown;
  /* Whether this user has to answer a question about the job, for which one button is not enough. */
  asks?: boolean;
}

@define("lianke-simple")
export class LiankeSimple extends Part {
  @property({ attribute: false }) feed!: Feed;
  @property({ attribute: false }) devices: string[] = [];
  @property({ attribute: false }) batch: Batch | undefined;

  protected readonly _watcher = new BatchWatcher(this);
  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);
  private _timer: ReturnType<typeof setTimeout> | undefined;

  static override styles = [
    base,
    buttons,
    css`
      .column {
        padding: 20px 16px;
        gap: 16px;
        align-items: stretch;
      }
      .sentence {
        font-size: clamp(24px, 8vw, 36px);
        line-height: 1.3;
        font-weight: var(--ha-font-weight-medium, 500);
        text-align: center;
      }
      button {
        min-height: 64px;
        font-size: 22px;
        border-radius: 32px;
      }
    `,
  ];

  constructor() {
    super();
    this.addEventListener("files-chosen", (event) => {
      const device = this._target;
      const added = device && this.addTo(device, (batch) => batch.add((event as CustomEvent<File[]>).detail));
      if (added) void this._tasks.run("simple", () => added);
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this._timer);
  }

  protected override render() {
    const { context, batch, feed } = this;
    if (batch?.items.length) {
      return html`<div class="column">
        <lianke-print-form .context=${context} .batch=${batch}></lianke-print-form>
      </div>`;
    }
    const job = this._job();
    const printer = job && feed.printers[job.device_id];
    const line = job && printer ? this._line(job, printer) : this._idle();
    const error = this._tasks.errorOf("simple");
    if (line.asks) loadPart(import("./answer"));
    // Each job and each purpose gets a new button element, so that the second of two taps, a key that is held down or
    // text typed for one job cannot reach the next job.
    const key = `${line.button} ${job?.job_id}`;
    return html`<section class="column" data-key="section">
      <p class="sentence" role="status">${line.sentence}</p>
      ${repeat([key], String, () =>
        line.asks ? html`<lianke-answer .context=${context} .job=${job}></lianke-answer>` : this._button(line, key),
      )}
      ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
    </section>`;
  }

  private _button({ button, press }: Line, key: string) {
    if (!button) return nothing;
    const words = this._text(button);
    if (!press)
      return html`<lianke-file-chooser .context=${this.context} .label=${words} .text=${words}></lianke-file-chooser>`;
    return html`<button
      class="main"
      data-key=${key}
      aria-disabled=${this._tasks.isWorking("simple") ? "true" : nothing}
      @click=${() => this._tasks.run("simple", async () => void (await press()))}
    >
      ${words}
    </button>`;
  }

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  /* The first printer on which this user may print. */
  private get _target(): string | undefined {
    return this.devices.find((one) => this.feed.printers[one]?.may_control);
  }

  /* The job that the sentence is about: the newest that is open or has just ended; the user's own jobs come first. */
  private _job(): Job | undefined {
    clearTimeout(this._timer);
    const { hass } = this.context;
    const left = ({ finished_at: end }: Job) => TOLD_FOR - (Date.now() - Date.parse(end ?? ""));
    const told = this.feed.jobs.filter(
      (job) =>
        this.devices.includes(job.device_id) && (OPEN.includes(job.state) || (!seen.has(job.job_id) && left(job) > 0)),
    );
    const own = told.filter(({ user_id: user }) => user && user === hass.user?.id);
    const [first] = own.length ? own : told;
    if (first && !OPEN.includes(first.state)) this._timer = setTimeout(() => this.requestUpdate(), left(first));
    return first;
  }

  private _where(device: string): string {
    const { devices = {}, areas = {} } = this.context.hass;
    const area = areas[devices[device]?.area_id ?? ""]?.name;
    return area ? this._text("at", { area }) : (this.feed.printers[device]?.name ?? "");
  }

  private _idle(): Line {
    const device = this._target ?? this.devices.find((one) => one in this.feed.printers);
    const printer = device && this.feed.printers[device];
    if (!printer) return { sentence: this.t.text("gone") };
    const where = this._where(device);
    const { open } = jobsOf(this.feed, device);
    const { state, tone } = summarize(printer, open, this.feed.key_rejected?.includes(device) ?? false);
    const status = statusText(this.t, state);
    const sentence =
      tone === "good" || tone === "busy" ? this._text("ready", { where }) : this._text("status", { status, where });
    return this._target ? { sentence, button: "choose" } : { sentence };
  }

  private _line(job: Job, printer: Printer): Line {
    const { device_id, job_id, state } = job;
    const may = printer.may_control;
    const values = { title: this.context.titleOf(job).replace(/\.\w{2,5}$/, ""), where: this._where(device_id) };
    const say = (key: keyof typeof en, more = {}) => this._text(key, { ...values, ...more });
    const cancel = () => this.context.call("cancel_job", { device_id, job_id });
    const open = (sentence: string): Line =>
      may && job.can_cancel ? { sentence, button: "cancel", press: cancel } : { sentence };
    const dismiss = () => {
      // Whoever fetches one print from the printer takes the others along.
      for (const one of this.feed.jobs) if (one === job || one.state === "completed") seen.add(one.job_id);
      this.requestUpdate();
    };
    const end = (key: keyof typeof en, button: keyof typeof en = "ok", press: () => unknown = dismiss): Line => ({
      sentence: say(key, { state: this.t.state("last_job", state) }),
      button,
      press,
    });
    const wait = (sensor: string, reason: string) =>
      say(reason === NO_PAPER || reason === "disconnected" ? reason : "waits", {
        reason: this.t.state(sensor, reason),
      });
    if (state === "held") {
      const [question] = job.waits_for ?? [];
      if (question === "approval")
        return open(say("approval", { names: job.approvers?.join(this._text("or")) || this._text("somebody") }));
      const sentence = wait("hold_reason", job.hold_reason ?? "");
      return question && job.can_continue && job.may_answer ? { sentence, asks: true } : open(sentence);
    }
    if (state === "canceling") return { sentence: end("state").sentence };
    if (OPEN.includes(state)) {
      const status = printer.status ?? "";
      return open(TAKEN.includes(state) && STOPS.includes(status) ? wait("status", status) : say("printing"));
    }
    if (state === "completed") return end("done", "got");
    if (state === "unconfirmed")
      return may
        ? end("look", "there", () => this.context.hass.callWS({ type: "lianke/jobs/confirm", device_id, job_id }))
        : end("look");
    if (state !== "failed") return end("state");
    // A job of which some pages came out needs more than one tap to be printed again.
    if (!may || !job.can_retry || job.partly_printed) return end("failed");
    return end("failed", "again", async () => {
      await this.context.call("retry_job", { device_id, job_id });
      dismiss();
      await afterDoubleTap();
    });
  }
}
