import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { mdiAlertOutline, mdiCheck, mdiClockOutline, mdiClose, mdiDotsVertical, mdiHelp, mdiPrinter } from "@mdi/js";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadPart } from "../load-part";
import { printerIds } from "../places";
import { bars, base, buttons, tones } from "../styles";
import { OPEN, printedNow, type Tone } from "../summary";
import { TaskController } from "../tasks";
import type { Job } from "../types";
import { jobFacts, jobReason, outcome, partlyPrinted, tellsPaper, uploadedPart } from "./job-texts";
import { Part } from "./part";

const LOOKS: Record<string, [string, Tone]> = {
  held: [mdiClockOutline, "off"],
  completed: [mdiCheck, "good"],
  failed: [mdiAlertOutline, "bad"],
  canceled: [mdiClose, "off"],
  expired: [mdiClockOutline, "warn"],
  unconfirmed: [mdiHelp, "warn"],
};
const UNDER_WAY: [string, Tone] = [mdiPrinter, "busy"];
const MAX_FINISHED = 20;
const MAX_COMPACT = 2;

/* A printer's open jobs and the history of its finished jobs, with the actions for each job. */
@define("lianke-jobs")
export class LiankeJobs extends Part {
  @property({ attribute: false }) open: Job[] = [];
  @property({ attribute: false }) finished: Job[] = [];
  @property({ attribute: false }) mayControl = false;
  /* Whether printed documents are kept for printing again; undefined if that is not known. */
  @property({ attribute: false }) keeps: boolean | undefined;
  /* The printer's state as its header shows it. */
  @property({ attribute: false }) status: string | null = null;
  @state() private _expanded = false;
  /* By job id: whether the job's row is unfolded, by the user or because the job was the last to end and has something
     to tell. */
  @state() private _unfolded = new Map<string, boolean>();
  /* By job id: whether a question about the job is open. */
  @state() private _asking = new Map<string, boolean>();

  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);
  /* By job id: the state that was drawn last. */
  private _states = new Map<string, string>();

  static override styles = [
    base,
    buttons,
    tones,
    bars,
    css`
      .row {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 10px;
        min-height: 40px;
      }
      .title {
        -webkit-line-clamp: 1;
      }
      .soft.title {
        font-weight: inherit;
      }
      .row > :is(.badge, .round) {
        align-self: flex-start;
      }
      .row > .badge {
        margin-top: 2px;
      }
      .row > .round {
        margin-inline-end: -8px;
      }
      .below {
        flex: 1 0 100%;
        box-sizing: border-box;
        padding: 6px 0 0 46px;
      }
      li:focus-visible {
        outline-offset: 3px;
        border-radius: 4px;
      }
    `,
  ];

  protected override willUpdate(): void {
    this._announce();
    const [latest] = this.finished;
    // The row stays unfolded when a newer job ends, since somebody may be reading it.
    if (latest && !this._unfolded.has(latest.job_id) && this._told(latest).length)
      this._unfolded.set(latest.job_id, true);
  }

  /* Makes screen readers read out which jobs have changed. */
  private _announce(): void {
    const { context, t } = this;
    const jobs = [...this.open, ...this.finished];
    for (const job of jobs) {
      const before = this._states.get(job.job_id);
      if (before && before !== job.state)
        context.announce(`${context.titleOf(job)}${t.isChinese ? "：" : ": "}${outcome(t, job)}`);
    }
    this._states = new Map(jobs.map((job) => [job.job_id, job.state]));
  }

  protected override render() {
    const { compact, config } = this.context;
    const isShort = (job: Job) => job.state !== "held" || job.may_answer;
    const open = compact ? this.open.filter(isShort).slice(0, MAX_COMPACT) : this.open;
    const history = !compact && this.context.shows("jobs");
    const finished = history ? this.finished.slice(0, this._expanded ? MAX_FINISHED : config.history) : [];
    if (!open.length && !finished.length) return nothing;
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
    const source = this.context.sourceOf(job);
    const told = this._told(job);
    const isShort = told.length && this._folds(job) && !this._unfolded.get(id);
    const now = printedNow(this.status, this.open);
    let facts = jobFacts(this.t, job, now && job !== now ? null : this.status);
    if (isShort) facts = [...facts.slice(0, 1), ...told];
    const error = this._tasks.errorOf(id);
    return html`<li class="row" data-key=${id}>
      <div class="badge ${tone} ${tone === "busy" ? "pulse" : ""}">
        <ha-svg-icon .path=${icon}></ha-svg-icon>
      </div>
      <div class="grow">
        <div class="title" title=${title}><bdi>${title}</bdi></div>
        <div class=${isShort ? "soft title" : "soft"}>
          ${facts.join(" · ")}${source ? html` · <bdi>${source}</bdi>` : nothing}
        </div>
        ${part == null ? nothing : html`<div class="bar"><i style="width: ${part * 100}%"></i></div>`}
        ${isShort ? nothing : told.map((text) => html`<p class="soft">${text}</p>`)}
        ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
      </div>
      ${this._end(job, title)} ${this._below(job)}
    </li>`;
  }

  /* Sentences about how a job ended. */
  private _told(job: Job): string[] {
    const partly = tellsPaper(job) || this._asking.get(job.job_id) ? "" : partlyPrinted(this.t, job);
    return [jobReason(this.t, job), partly].filter(Boolean);
  }

  /* The end of a row: Cancel, or the button that unfolds the other actions. */
  private _end(job: Job, title: string) {
    const { job_id: id, device_id } = job;
    const cancel = () => this.context.call("cancel_job", { device_id, job_id: id });
    if (this.mayControl && job.can_cancel)
      return this._round(`cancel-${id}`, this.t.text("cancel", { title }), mdiClose, () => this._tasks.run(id, cancel));
    if (!this._folds(job)) return nothing;
    const unfolded = this._unfolded.get(id) ?? false;
    const label = this.t.text("more_info", { name: title });
    return this._round(`more-${id}`, label, mdiDotsVertical, () => this._mark("_unfolded", id, !unfolded), unfolded);
  }

  private _round(key: string, label: string, icon: string, press: () => unknown, expanded?: boolean) {
    const resting = this._tasks.isWorking(key.slice(key.indexOf("-") + 1));
    return html`<button
      class="round"
      data-key=${key}
      aria-label=${label}
      aria-expanded=${expanded ?? nothing}
      aria-disabled=${resting ? "true" : nothing}
      @click=${press}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>
    </button>`;
  }

  /* Below a row: the question of a job that waits for a person, and the other actions. */
  private _below(job: Job) {
    const isShown = this._offers(job) && (!this._folds(job) || this._unfolded.get(job.job_id));
    if (job.can_continue) loadPart(import("./answer"));
    if (isShown) loadPart(import("./job-actions"));
    if (!job.can_continue && !isShown) return nothing;
    return html`<div class="below">
      ${job.can_continue ? html`<lianke-answer .context=${this.context} .job=${job}></lianke-answer>` : nothing}
      ${
        isShown
          ? html`<lianke-job-actions
              .context=${this.context}
              .job=${job}
              .partly=${partlyPrinted(this.t, job)}
              .keeps=${this.keeps}
              @asking=${(event: CustomEvent<boolean>) => this._mark("_asking", job.job_id, event.detail)}
            ></lianke-job-actions>`
          : nothing
      }
    </div>`;
  }

  private _offers(job: Job): boolean {
    if (job.can_report) return true;
    if (!this.mayControl) return false;
    // Moving needs a second printer. While the dialog for moving is open, the action stays, so that the dialog can say
    // why the job can no longer be moved.
    const moves =
      (job.can_move || (job.state === "held" && this._asking.get(job.job_id))) &&
      printerIds(this.context.hass).size > 1;
    if (job.can_retry || job.can_print_again || job.state === "unconfirmed" || moves) return true;
    // If the job's document is not kept, the actions say so, and tell how to have documents kept.
    const couldBeKept = this.keeps === false || this._unfolded.has(job.job_id);
    const isOver = job.state === "completed" || (job.state === "canceled" && !job.reason);
    return couldBeKept && isOver;
  }

  /* Whether a job is a short row until the user unfolds it. Rows that ask for an answer are never short: those of
     unconfirmed jobs and of test pages. */
  private _folds(job: Job): boolean {
    if (OPEN.includes(job.state) || job.state === "unconfirmed" || job.can_report) return false;
    return this._offers(job) || this._told(job).length > 0;
  }

  private _mark(name: "_asking" | "_unfolded", id: string, isMarked: boolean): void {
    this[name] = new Map(this[name]).set(id, isMarked);
  }

  private readonly _toggle = () => {
    this._expanded = !this._expanded;
  };
}
