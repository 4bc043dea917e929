import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { mdiCheck, mdiClipboardCheckOutline, mdiReload, mdiSwapHorizontal, mdiTuneVariant } from "@mdi/js";
import { UserError, isLost, type CommandError } from "../context";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadNeeded } from "../load-part";
import { partTexts } from "../localize";
import { afterDoubleTap } from "../print-once";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/job-actions.en.json";
import zh from "../translations/job-actions.zh-Hans.json";
import type { Job } from "../types";
import "./ask";
import { Part } from "./part";

const texts = partTexts(en, zh);
/* The page on which Home Assistant lists repairs, one of which is the guide after a test page. */
const REPAIRS = "/config/repairs";

/* The actions for a job, except canceling it; fires `asking` when a question opens or closes. */
@define("lianke-job-actions")
export class LiankeJobActions extends Part {
  @property({ attribute: false }) job!: Job;
  /* A sentence about pages that may already have come out; empty if there is nothing to say. */
  @property({ attribute: false }) partly = "";
  /* Whether printed documents are kept for printing again; undefined if that is not known. */
  @property({ attribute: false }) keeps: boolean | undefined;
  /* Whether the dialog for another printer or other options is open. */
  @state() private _opened = false;

  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    css`
      /* Below a job's answer buttons. */
      :host(:not(:first-child)) {
        margin-top: var(--gap);
      }
      .column {
        gap: 6px;
      }
      button {
        white-space: normal;
      }
    `,
  ];

  private _text(key: keyof typeof en): string {
    return texts.text(this.t, key, { title: this.context.titleOf(this.job) });
  }

  protected override render() {
    const { job } = this;
    const unconfirmed = job.state === "unconfirmed";
    const again = job.can_retry || job.can_print_again;
    // The dialog stays open while the job is being moved, since the move may be refused.
    const moves = job.can_move || (this._opened && !again);
    const doubt = unconfirmed ? this._text("maybe_ask") : this.partly;
    const resting = this._tasks.isWorking("job");
    const error = this._tasks.errorOf("job");
    return html`<div class="column">
      ${again || unconfirmed || moves || job.can_report ? nothing : this._notKept()}
      <div class="actions">
        ${
          job.can_report
            ? html`<a class="button" href=${REPAIRS} aria-label=${this._text("report_job")}>
                <ha-svg-icon .path=${mdiClipboardCheckOutline}></ha-svg-icon>${this._text("report")}
              </a>`
            : nothing
        }
        ${unconfirmed ? this._button("out", mdiCheck, "came_out", this._confirm) : nothing}
        ${
          again
            ? html`<lianke-ask
                .context=${this.context}
                .icon=${mdiReload}
                .label=${this._text("again")}
                .accessibleLabel=${this._text("again_job")}
                .question=${doubt ? { ask: doubt, ...texts.of(this.t).questions.again } : undefined}
                .resting=${resting}
                @confirmed=${this._again}
              ></lianke-ask>`
            : nothing
        }
        ${
          again
            ? this._button("other_options", mdiTuneVariant, "other_options", this._open)
            : moves
              ? this._button("move_job", mdiSwapHorizontal, "move", this._open)
              : nothing
        }
      </div>
      ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
      ${
        this._opened
          ? html`<lianke-reprint
              .context=${this.context}
              .job=${job}
              @reprint-closed=${() => this._show(false)}
            ></lianke-reprint>`
          : nothing
      }
    </div>`;
  }

  private _button(key: string, icon: string, text: "came_out" | "other_options" | "move", press: () => void) {
    return html`<button
      data-key="${key}-${this.job.job_id}"
      aria-label=${this._text(`${text}_job`)}
      aria-disabled=${this._tasks.isWorking("job") ? "true" : nothing}
      @click=${press}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${this._text(text)}
    </button>`;
  }

  /* Says why the job cannot be printed again, and lets an administrator have documents kept from now on. */
  private _notKept() {
    const isAdmin = this.context.hass.user?.is_admin;
    const why = this._text(this.job.state === "canceled" ? "not_kept_canceled" : "not_kept");
    const sentences = isAdmin ? [why] : [why, this._text("keep_ask")];
    return html`<p class="soft">
        ${this.keeps ? this._text("not_kept_yet") : sentences.join(this.t.isChinese ? "" : " ")}
      </p>
      ${
        isAdmin && !this.keeps
          ? html`<div class="actions">
              <button
                data-key="keep"
                aria-disabled=${this._tasks.isWorking("job") ? "true" : nothing}
                @click=${this._keep}
              >
                <ha-svg-icon .path=${mdiCheck}></ha-svg-icon>${this._text("keep")}
              </button>
            </div>`
          : nothing
      }`;
  }

  private get _ids() {
    const { device_id, job_id } = this.job;
    return { device_id, job_id };
  }

  private _command(type: string, message: object): Promise<unknown> {
    return this.context.hass.callWS({ type, ...message });
  }

  private readonly _confirm = () => void this._tasks.run("job", () => this._command("lianke/jobs/confirm", this._ids));

  private readonly _keep = () =>
    void this._tasks.run("job", async () => {
      await this._command("lianke/printed/keep", { device_id: this.job.device_id });
      this.context.announce(this._text("not_kept_yet"));
    });

  private readonly _again = () =>
    void this._tasks.run("job", async () => {
      try {
        await this.context.call("retry_job", this._ids);
      } catch (error) {
        // Every such request starts a new print of the kept document, so a repetition after a lost answer could print
        // it twice.
        if (this.job.can_print_again && isLost(error as CommandError)) throw new UserError(this._text("again_lost"));
        throw error;
      }
      await afterDoubleTap();
    });

  /* Opens the dialog for another printer or other options. */
  private readonly _open = () =>
    void this._tasks.run("job", async () => {
      await loadNeeded(import("../print/reprint"));
      this._show(true);
    });

  private _show(isOpened: boolean): void {
    // `asking` keeps the actions of a held job in place while the job is moved. It is not fired for other jobs, since
    // it would hide the sentence about pages that may have come out.
    if (this.job.state === "held") this.fire("asking", isOpened);
    this._opened = isOpened;
  }
}
