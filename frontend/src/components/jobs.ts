import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import {
  mdiAlertOutline,
  mdiCheck,
  mdiClockOutline,
  mdiClose,
  mdiHelpCircleOutline,
  mdiPrinter,
  mdiReload,
  mdiSwapHorizontal,
  mdiTuneVariant,
} from "@mdi/js";
import { UserError, isLost, type CommandError } from "../context";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadPart } from "../load-part";
import { pageStrings } from "../localize";
import { printerIds } from "../places";
import { bars, base, buttons, tones } from "../styles";
import type { Tone } from "../summary";
import { TaskController } from "../tasks";
import type { Job } from "../types";
import { jobFacts, jobReason, partlyPrinted, tellsPaper, uploadedPart } from "./job-texts";
import { Part } from "./part";
import "./ask";

const LOOKS: Record<string, [string, Tone]> = {
  held: [mdiClockOutline, "off"],
  completed: [mdiCheck, "good"],
  failed: [mdiAlertOutline, "bad"],
  canceled: [mdiClose, "off"],
  expired: [mdiClockOutline, "warn"],
  unconfirmed: [mdiHelpCircleOutline, "warn"],
};
const UNDER_WAY: [string, Tone] = [mdiPrinter, "busy"];
/* Where the options of the boxes are. */
const OPTIONS = "/config/integrations/integration/lianke";
const MAX_FINISHED = 20;
const MAX_COMPACT = 2;

/* A printer's jobs: open ones, and the history of finished ones, with what can be done about each. */
@define("lianke-jobs")
export class LiankeJobs extends Part {
  @property({ attribute: false }) open: Job[] = [];
  @property({ attribute: false }) finished: Job[] = [];
  @property({ attribute: false }) mayControl = false;
  /* Whether printed documents are kept to be printed again; undefined where nobody says. */
  @property({ attribute: false }) keeps: boolean | undefined;
  /* The state of the printer, as its header says it. */
  @property({ attribute: false }) status: string | null = null;
  @state() private _expanded = false;
  /* The job about which more is asked in a dialog. */
  @state() private _opened: Job | undefined;
  /* Jobs about which something is being asked. */
  @state() private _asking = new Set<string>();

  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    tones,
    bars,
    css`
      a {
        color: inherit;
      }
      .row {
        display: flex;
        align-items: flex-start;
        gap: 12px;
      }
      .row .grow {
        padding-top: 6px;
      }
      .row .actions {
        margin-top: 6px;
      }
      .row > .round {
        margin-inline-end: -8px;
      }
      .actions button {
        white-space: normal;
      }
      li:focus-visible {
        outline-offset: 3px;
        border-radius: 4px;
      }
    `,
  ];

  protected override render() {
    const { compact, config } = this.context;
    const isShort = (job: Job) => job.state !== "held" || job.may_answer;
    const open = compact ? this.open.filter(isShort).slice(0, MAX_COMPACT) : this.open;
    const history = !compact && this.context.shows("jobs");
    const finished = history ? this.finished.slice(0, this._expanded ? MAX_FINISHED : config.history) : [];
    if (!open.length && !finished.length && !this._opened) return nothing;
    const more = finished.length > 0 && this.finished.length > config.history;
    return html`<div class="column">
      ${this._list(this.t.text("jobs"), open, !compact)}${this._list(this.t.text("recent"), finished, true)}
      ${
        more
          ? html`<div class="actions">
              <button data-key="toggle" aria-expanded=${this._expanded} @click=${this._toggle}>
                ${this.t.text(this._expanded ? "less" : "more")}
              </button>
            </div>`
          : nothing
      }
      ${
        this._opened
          ? html`<lianke-again
              .context=${this.context}
              .job=${this._opened}
              @again-closed=${() => (this._opened = undefined)}
            ></lianke-again>`
          : nothing
      }
    </div>`;
  }

  private _list(heading: string, jobs: Job[], titled: boolean) {
    if (!jobs.length) return nothing;
    return html`${titled ? html`<h3>${heading}</h3>` : nothing}
      <ul class="column" aria-label=${heading}>
        ${repeat(
          jobs,
          (job) => job.job_id,
          (job) => this._job(job),
        )}
      </ul>`;
  }

  private _job(job: Job) {
    const id = job.job_id;
    const title = this.context.titleOf(job);
    const [icon, tone] = LOOKS[job.state] ?? UNDER_WAY;
    const part = uploadedPart(job);
    const reason = jobReason(this.t, job);
    const partly = partlyPrinted(this.t, job);
    const source = this.context.sourceOf(job);
    const error = this._tasks.errorOf(id);
    return html`<li class="row" data-key=${id}>
      <div class="badge small ${tone} ${tone === "busy" ? "pulse" : ""}">
        <ha-svg-icon .path=${icon}></ha-svg-icon>
      </div>
      <div class="grow">
        <div class="title"><bdi>${title}</bdi></div>
        <div class="soft">${jobFacts(this.t, job, this.status).join(" · ")}${this._notKept(job)}</div>
        ${source ? html`<div class="soft"><bdi>${source}</bdi></div>` : nothing}
        ${part == null ? nothing : html`<div class="bar"><i style="width: ${part * 100}%"></i></div>`}
        ${reason ? html`<p class="soft">${reason}</p>` : nothing}
        ${partly && !tellsPaper(job) && !this._asking.has(id) ? html`<p class="soft">${partly}</p>` : nothing}
        ${error ? html`<p class="error" role="alert">${error}</p>` : nothing} ${this._answer(job)}
        ${this._actions(job, title, partly)}
      </div>
      ${this.mayControl && job.can_cancel ? this._cancel(job, title) : nothing}
    </li>`;
  }

  /* Why there is no Print again, with the way to the option for who may change it. */
  private _notKept({ state, reason, can_print_again }: Job) {
    const could = state === "completed" || (state === "canceled" && !reason);
    if (this.keeps !== false || !this.mayControl || !could || can_print_again) return nothing;
    const [words, why] = [this.t.text("not_kept"), this.t.text("not_kept_why")];
    return html` ·
    ${this.context.hass.user?.is_admin ? html`<a href=${OPTIONS} title=${why}>${words}</a>` : html`<span title=${why}>${words}</span>`}`;
  }

  private _cancel(job: Job, title: string) {
    return html`<button
      class="round"
      data-key="cancel-${job.job_id}"
      aria-label=${this.t.text("cancel", { title })}
      aria-disabled=${this._tasks.isWorking(job.job_id) ? "true" : nothing}
      @click=${() => this._act(job, (ids) => this.context.call("cancel_job", ids))}
    >
      <ha-svg-icon .path=${mdiClose}></ha-svg-icon>
    </button>`;
  }

  /* What a job that waits for a person asks of this user, or of somebody else. */
  private _answer(job: Job) {
    if (!job.can_continue) return nothing;
    loadPart(import("./answer"));
    return html`<lianke-answer .context=${this.context} .job=${job}></lianke-answer>`;
  }

  private _actions(job: Job, title: string, partly: string) {
    const unconfirmed = job.state === "unconfirmed";
    const again = job.can_retry || job.can_print_again;
    // Of a single printer nothing can be moved to another.
    const moves = job.can_move && printerIds(this.context.hass).size > 1;
    if (!this.mayControl || !(again || unconfirmed || moves)) return nothing;
    const resting = this._tasks.isWorking(job.job_id);
    return html`<div class="actions">
      ${
        unconfirmed
          ? html`<button
              data-key="out-${job.job_id}"
              aria-label=${this.t.text("came_out_job", { title })}
              aria-disabled=${resting ? "true" : nothing}
              @click=${() => this._act(job, (ids) => this.context.hass.callWS({ type: "lianke/jobs/confirm", ...ids }))}
            >
              <ha-svg-icon .path=${mdiCheck}></ha-svg-icon>${this.t.text("came_out")}
            </button>`
          : nothing
      }
      ${
        again
          ? html`<lianke-ask
              .context=${this.context}
              .icon=${mdiReload}
              .label=${this.t.text("again")}
              .accessibleLabel=${this.t.text("again_job", { title })}
              .question=${(unconfirmed ? this.t.text("maybe_ask") : partly) || undefined}
              .resting=${resting}
              @asking=${(event: CustomEvent<boolean>) => this._ask(job, event.detail)}
              @confirmed=${() => this._act(job, (ids) => this._again(job, ids))}
            ></lianke-ask>`
          : nothing
      }
      ${again ? this._more(job, "other_options", mdiTuneVariant) : nothing}
      ${moves ? this._more(job, "move_job", mdiSwapHorizontal, this.t.text("move")) : nothing}
    </div>`;
  }

  /* A button for the dialog, round unless there are words to put on it. */
  private _more(job: Job, key: "other_options" | "move_job", icon: string, words = "") {
    const label = this.t.text(key, { title: this.context.titleOf(job) });
    return html`<button
      class=${words ? nothing : "round"}
      data-key="${key}-${job.job_id}"
      aria-label=${label}
      title=${label}
      @click=${() => this._open(job)}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${words}
    </button>`;
  }

  private async _again(job: Job, ids: object): Promise<void> {
    try {
      await this.context.call("retry_job", ids);
    } catch (error) {
      // What may be printed as often as one likes comes out twice if it is asked for twice.
      if (job.can_print_again && isLost(error as CommandError)) throw new UserError(this.t.text("again_lost"));
      throw error;
    }
  }

  /* Show the dialog for another printer or other options. */
  private _open(job: Job): void {
    void this._tasks.run(job.job_id, async () => {
      await import("../print/again").catch(() => {
        throw new UserError(pageStrings().reload);
      });
      this._opened = job;
    });
  }

  private _ask(job: Job, asking: boolean): void {
    const changed = new Set(this._asking);
    if (asking) changed.add(job.job_id);
    else changed.delete(job.job_id);
    this._asking = changed;
  }

  private _act(job: Job, command: (ids: { device_id: string; job_id: string }) => Promise<unknown>): void {
    void this._tasks.run(job.job_id, () => command({ device_id: job.device_id, job_id: job.job_id }));
  }

  private readonly _toggle = () => {
    this._expanded = !this._expanded;
  };
}
