import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { mdiPrinter, mdiSwapHorizontal } from "@mdi/js";
import { BatchWatcher } from "../batch-watcher";
import { UserError, isLost, type CommandError } from "../context";
import { define } from "../define";
import { partTexts } from "../localize";
import { allPrinters } from "../places";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/reprint.en.json";
import zh from "../translations/reprint.zh-Hans.json";
import type { Job } from "../types";
import { Batch } from "./batch";
import { DialogPart, dialogs } from "./dialogs";
import { fields } from "./fields";
import type { LiankeMoving, MovePlan } from "./moving";
import "./moving";
import "./options-form";

const texts = partTexts(en, zh);

/* The translation key of the error which says that no paper of the chosen printer is large enough. */
const NO_PAPER = "sheets_no_paper";
const TAKES_NOTHING = ["awaiting_driver", "unsupported"];

/* A dialog that prints a job's document again, with other options or on another printer, or that moves a waiting job to
   another printer. */
@define("lianke-reprint")
export class LiankeReprint extends DialogPart {
  @property({ attribute: false }) job!: Job;
  @state() private _device = "";
  @state() private _sheetError = "";
  /* What the chosen printer does differently; null until this is known, and for the job's own printer. */
  @state() private _plan: MovePlan | null = null;
  /* Why the chosen printer cannot print the job; empty if there is no known reason. */
  @state() private _refused = "";
  /* Whether no choice of options would let the chosen printer print the job. */
  private _isRefused = false;
  /* Holds the options; each printer that the user chooses gets a new batch. */
  batch: Batch | undefined;

  protected readonly _watcher = new BatchWatcher(this);
  private readonly _tasks = new TaskController(this);

  static override styles = [base, buttons, fields, dialogs];

  protected override firstUpdated(): void {
    this.dialog?.showModal();
  }

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  /* Whether the dialog was opened to move the job. Noted when it opens, since `can_move` is false while the job is
     being moved. */
  private _moves = false;

  private get _asked() {
    return this._moves ? "move" : "again";
  }

  private get _elsewhere() {
    return this._moves || this._device !== this.job.device_id;
  }

  protected override willUpdate(): void {
    const { job } = this;
    if (!this.hasUpdated) this._moves = Boolean(job.can_move);
    if (!this._device) {
      const printers = this._printers;
      const first = printers.find(({ why }) => !why) ?? printers[0];
      this._device = this._moves ? (first?.id ?? "") : job.device_id;
    }
    if (this._planned !== this._device) void this._learn().catch(() => undefined);
    if (this._moves || job.by_hand || this.batch?.device === this._device) return;
    const title = this.context.titleOf(job);
    this.batch = new Batch(this.context, this._device, job);
    this.batch.addMedia({ media_content_id: "", media_content_type: "", title });
  }

  private _planned = "";
  /* The printer that was chosen when the button was pressed. */
  private _tried = "";

  /* Asks what the chosen printer does differently. If that printer does not take the job at all, shows why and also
     throws the error. */
  private async _learn(): Promise<void> {
    const to_device_id = (this._planned = this._device);
    this._plan = null;
    this._refused = "";
    this._isRefused = false;
    if (!this._elsewhere) return;
    const { device_id, job_id } = this.job;
    const message = { type: "lianke/jobs/plan_move", device_id, job_id, to_device_id };
    try {
      const plan = await this.context.hass.callWS<MovePlan>(message);
      if (to_device_id === this._device) this._plan = plan;
    } catch (error) {
      const refused = await this.context.explain(error);
      if (to_device_id === this._device) {
        this._refused = refused;
        this._isRefused = (error as CommandError).translation_key === NO_PAPER;
      }
      throw error;
    }
  }

  /* Returns the fields for printing on the chosen printer; null if the user must first see a difference or choose
     something. */
  private async _there(): Promise<object | null> {
    const wasShown = this._plan !== null;
    if (!wasShown) await this._learn();
    await this.updateComplete;
    // Questions and differences that appear only now need another press, after the user has seen them.
    if (!this._plan || (!wasShown && (this._plan.open.length || this._plan.different.length))) return null;
    const chosen = this.renderRoot.querySelector<LiankeMoving>("lianke-moving")?.data() ?? null;
    return chosen && { ...chosen, to_device_id: this._device };
  }

  private get _printers() {
    const all = allPrinters(this.context.hass).map((one) => ({ ...one, why: this._whyNot(one.id) }));
    return this._moves ? all.filter(({ id }) => id !== this.job.device_id) : all;
  }

  /* Returns the state of a printer that takes no job, whatever the user chooses; empty for any other printer. */
  private _whyNot(device: string): string {
    const { entities, states } = this.context.hass;
    const status = Object.values(entities).find(
      (one) => one.platform === "lianke" && one.translation_key === "status" && one.device_id === device,
    );
    const state = states[status?.entity_id ?? ""]?.state ?? "";
    return TAKES_NOTHING.includes(state) ? this.t.state("status", state) : "";
  }

  protected override render() {
    const { batch, job } = this;
    const title = this.context.titleOf(job);
    const heading = this._text(this._asked, { title });
    // The error of a printer chosen earlier does not apply to the printer chosen now.
    const refused = this._tried === this._device ? this._tasks.errorOf("again") : undefined;
    const error = refused ?? (this._refused || batch?.problem);
    const plan = this._plan;
    if (batch) batch.plan = plan;
    // An option that the user has chosen in the form is not a difference between the printers.
    const chosen = batch?.options() ?? {};
    const told = plan && { ...plan, different: plan.different.filter(({ option }) => !(option in chosen)) };
    const form = batch && (plan || !this._elsewhere);
    const resting = this._isRefused || this._tasks.isWorking("again");
    const { yes, no } = texts.of(this.t).questions[this._asked];
    return html`<dialog aria-label=${heading} @close=${() => this.fire("reprint-closed")}>
      ${this.head(heading, this._text("close"))}
      <div class="content">
        ${this._moves ? html`<p class="soft">${this._text("move_about")}</p>` : nothing}
        ${job.by_hand ? this._manualDuplex() : this._printer()}
        ${told ? html`<lianke-moving .context=${this.context} .plan=${told}></lianke-moving>` : nothing}
        ${form ? html`<lianke-options-form .context=${this.context} .batch=${batch}></lianke-options-form>` : nothing}
        ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
        <div class="actions">
          <button
            class="main"
            data-key="do"
            data-of=${JSON.stringify(this._plan)}
            aria-disabled=${resting ? "true" : nothing}
            @click=${() => !resting && this._submit()}
          >
            <ha-svg-icon .path=${this._moves ? mdiSwapHorizontal : mdiPrinter}></ha-svg-icon>${yes}
          </button>
          <button data-key="no" @click=${this.close}>${no}</button>
        </div>
      </div>
    </dialog>`;
  }

  private _printer() {
    const printers = this._printers;
    if (printers.length < 2 && !this._moves) return nothing;
    return html`<div class="field">
      <label class="soft" for="printer">${this._text("printer")}</label>
      <select id="printer" ?disabled=${this._tasks.isWorking("again")} @change=${this._chosen}>
        ${printers.map(
          ({ id, name, why }) =>
            html`<option value=${id} ?selected=${id === this._device} ?disabled=${why && id !== this._device}>
              ${this.t.named(name, why)}
            </option>`,
        )}
      </select>
    </div>`;
  }

  private _manualDuplex() {
    return html`<p class="soft">${this._text("manual_duplex_about")}</p>
      <div class="field">
        <label class="soft" for="sheet">${this._text("from_sheet")}</label>
        <input
          id="sheet"
          type="number"
          min="1"
          inputmode="numeric"
          placeholder=${this._text("all_sheets")}
          aria-invalid=${this._sheetError ? "true" : nothing}
        />
        ${this._sheetError ? html`<p class="error" role="alert">${this._sheetError}</p>` : nothing}
      </div>
      <label class="check"><input id="backs" type="checkbox" /> ${this._text("backs_only")}</label>`;
  }

  private readonly _chosen = (event: Event) => {
    this._device = (event.target as HTMLSelectElement).value;
  };

  private _submit(): void {
    const { batch, job } = this;
    const known = this._moves ? {} : job.by_hand ? this._sheets() : this._options();
    if (!known) return;
    if (batch) batch.problem = null;
    this._tried = this._device;
    void this._tasks.run("again", async () => {
      const there = this._elsewhere ? await this._there() : {};
      if (!there) return;
      const data = { ...known, ...there };
      try {
        const ids = { device_id: job.device_id, job_id: job.job_id };
        await this.context.call(this._moves ? "move_job" : "retry_job", { ...ids, ...data });
      } catch (error) {
        if (await this.batch?.explainField(error as CommandError)) return this.batch?.changed();
        // The other printer may have changed: ask again what it can do, and show that together with the error.
        if (this._elsewhere && !isLost(error as CommandError)) await this._learn().catch(() => undefined);
        if (!this._moves && isLost(error as CommandError)) throw new UserError(this._text("again_lost"));
        throw error;
      }
      this.context.announce(this._text(this._moves ? "moved" : "printed", { title: this.context.titleOf(job) }));
      this.close();
    });
  }

  private _options(): object | null {
    const { batch } = this;
    if (!batch?.applyTyped()) return null;
    // An option that has become an open question since the user chose it has to be chosen again, in `lianke-moving`.
    return Object.fromEntries(Object.entries(batch.options()).filter(([name]) => !batch.isChosenOutside(name)));
  }

  private _sheets(): object | null {
    const input = this.renderRoot.querySelector<HTMLInputElement>("#sheet");
    const backs = this.renderRoot.querySelector<HTMLInputElement>("#backs")?.checked;
    const sheet = Number(input?.value);
    const isWrong = input?.validity.badInput || (input?.value && !(Number.isInteger(sheet) && sheet >= 1));
    this._sheetError = isWrong ? this._text("sheet_invalid") : "";
    if (isWrong) return null;
    return { ...(input?.value ? { from_sheet: sheet } : {}), ...(backs ? { backs_only: true } : {}) };
  }
}
