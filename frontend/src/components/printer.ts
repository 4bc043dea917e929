import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { BatchWatcher } from "../batch-watcher";
import { UserError } from "../context";
import { define } from "../define";
import { loadPart } from "../load-part";
import { pageStrings } from "../localize";
import type { Batch } from "../print/batch";
import { base } from "../styles";
import { printedNow, statusText, summarize, type Summary } from "../summary";
import { TaskController } from "../tasks";
import type { Job, Printer } from "../types";
import { Part } from "./part";
import "./file-chooser";
import "./header";

const TOUCH = matchMedia("(pointer: coarse)");

/* One printer of the card: header, banners, ink, files to print and jobs. */
@define("lianke-printer")
export class LiankePrinter extends Part {
  @property({ attribute: false }) device = "";
  /* Whether Home Assistant has a device with this id. */
  @property({ attribute: false }) isKnown = true;
  /* What the integration reports about this printer; undefined while it reports nothing. */
  @property({ attribute: false }) printer: Printer | undefined;
  /* Where the printer is, if another printer has the same name; otherwise empty. */
  @property({ attribute: false }) place = "";
  @property({ attribute: false }) open: Job[] = [];
  @property({ attribute: false }) finished: Job[] = [];
  @property({ attribute: false }) keyRejected = false;
  /* Whether the header has round buttons that choose files and scan. */
  @property({ attribute: false }) slim = false;
  /* The documents that are about to be printed on this printer. */
  @property({ attribute: false }) batch: Batch | undefined;
  /* Whether the plug of this printer is off. */
  @property({ attribute: false }) isPlugOff = false;
  /* Whether files are being dragged over this printer. */
  @state() over = false;

  protected readonly _watcher = new BatchWatcher(this);
  readonly tasks = new TaskController(this);

  static override styles = [
    base,
    css`
      :host {
        scroll-margin-top: calc(var(--header-height, 56px) + 16px);
      }
      section {
        display: flex;
        flex-direction: column;
        gap: 14px;
        padding: 14px 16px 16px;
      }
      section.over {
        background: color-mix(in srgb, var(--primary-color) 10%, transparent);
      }
      section:focus-visible {
        outline-offset: -2px;
      }
      /* With the card's border it is as high as a tile. */
      section.compact {
        padding: 9px 10px;
        gap: 8px;
      }
    `,
  ];

  get mayPrint(): boolean {
    return this.context.shows("print") && Boolean(this.printer?.may_control);
  }

  constructor() {
    super();
    const events = import("./printer-events");
    loadPart(events.then(({ listen }) => listen(this)));
    this.addEventListener("files-chosen", (event) => {
      const { detail } = event as CustomEvent<File[]>;
      // Files may be chosen before printer-events.ts is loaded. After an update of the card, that file no longer exists
      // and loading it fails.
      events.then(
        ({ choose }) => choose(this, detail),
        () => this.tasks.fail("printer", new UserError(pageStrings().reload)),
      );
    });
  }

  protected override render() {
    const { context, device, printer } = this;
    const { compact } = context;
    const batch = this.batch?.items.length || this.batch?.browsing ? this.batch : undefined;
    if (!printer) {
      return html`<section>
        ${this._header(this.t.text(this.isKnown ? "gone" : "not_found"))}${this._printForm(batch)}
      </section>`;
    }
    const name = this.t.named(printer.name, this.place);
    const summary = summarize(printer, this.open, this.keyRejected);
    const noted = !compact && (summary.problems.length || summary.held.length || !printer.may_control);
    if (noted) loadPart(import("./notes"));
    const inky = !compact && context.shows("ink") && printer.ink?.length;
    if (inky) loadPart(import("./inks"));
    const chooser = this.mayPrint && !batch;
    const scan = batch ? nothing : this._scan(printer, name);
    const pluggable = this.isPlugOff && printer.may_control && !batch;
    if (pluggable) loadPart(import("./plug"));
    const error = this.tasks.errorOf("printer");
    return html`<section
      aria-label=${name}
      data-key="section"
      class="${compact ? "compact" : ""} ${this.over ? "over" : ""}"
    >
      ${this._header(name, this._facts(printer, summary), summary, this.slim ? [chooser ? this._chooser(name) : nothing, scan] : nothing)}
      ${
        !noted
          ? nothing
          : html`<lianke-notes
              .context=${context}
              .summary=${summary}
              .device=${device}
              .mayControl=${printer.may_control}
              .working=${this.tasks.isWorking("printer")}
            ></lianke-notes>`
      }
      ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
      ${pluggable ? html`<lianke-plug .context=${context} .waiting=${summary.held.length > 0}></lianke-plug>` : nothing}
      ${inky ? html`<lianke-inks .context=${context} .inks=${printer.ink}></lianke-inks>` : nothing}
      ${this._printForm(printer.may_control ? batch : undefined)}
      ${this.slim ? nothing : [chooser ? this._chooser(name, this._dropText()) : nothing, scan]}
      ${this._jobs(printer, summary)}
    </section>`;
  }

  private _header(name: string, facts: string[] = [], summary?: Summary, chooser: unknown = nothing) {
    return html`<lianke-header
      .context=${this.context}
      .name=${name}
      .tone=${summary?.tone ?? "off"}
      ?tile=${this.context.compact}
      .facts=${facts}
      .entityId=${summary ? this._statusEntity() : undefined}
      >${chooser}</lianke-header
    >`;
  }

  private _statusEntity(): string | undefined {
    const isStatus = (one: { platform?: string; translation_key?: string; device_id?: string | null }) =>
      one.platform === "lianke" && one.translation_key === "status" && one.device_id === this.device;
    return Object.values(this.context.hass.entities).find(isStatus)?.entity_id;
  }

  private _facts(printer: Printer, { state: current, tone, held }: Summary): string[] {
    const { t } = this;
    const facts = [this._stateText(current, tone === "off", held)];
    const { compact } = this.context;
    const waiting = printer.waiting - Number(printedNow(current, this.open)?.state === "queued");
    if (waiting > 0 && (compact || tone !== "off")) facts.push(t.text("waiting", { n: t.number(waiting) }));
    if (!compact && this.context.shows("pages") && printer.pages_printed)
      facts.push(t.count("total", printer.pages_printed));
    if (!compact && printer.pages_left != null) facts.push(t.count("pages_left", printer.pages_left));
    return facts;
  }

  private _stateText(current: string | null, off: boolean, held: Job[]): string {
    const { t } = this;
    const status = statusText(t, current);
    if (!off || current === null) return status;
    const [first] = held
      .map((job) => job.expires_at)
      .filter((time) => time != null)
      .sort();
    return first ? t.text("off_until", { status, time: t.time(first) }) : t.text("off_waits", { status });
  }

  private _dropText(): string {
    return this.t.text(this.over ? "drop_now" : TOUCH.matches ? "drop_touch" : "drop");
  }

  private _chooser(name: string, text?: string) {
    return html`<lianke-file-chooser
      .context=${this.context}
      .label=${this.t.text("print_on", { name })}
      .text=${text}
      .over=${this.over}
    ></lianke-file-chooser>`;
  }

  private _scan({ scanner, scanned, may_control }: Printer, name: string) {
    if (!this.context.shows("print") || !(scanner || may_control)) return nothing;
    loadPart(import("./scan-buttons"));
    return html`<lianke-scan-buttons
      .context=${this.context}
      .device=${this.device}
      .scanner=${scanner}
      .scanned=${scanned}
      .name=${name}
      .mayPrint=${may_control}
      .slim=${this.slim}
    ></lianke-scan-buttons>`;
  }

  private _jobs({ may_control, keeps_printed }: Printer, { state }: Summary) {
    if (!this.open.length && !this.finished.length) return nothing;
    return html`<lianke-jobs
      .context=${this.context}
      .open=${this.open}
      .finished=${this.finished}
      .mayControl=${may_control}
      .keeps=${keeps_printed}
      .status=${state}
    ></lianke-jobs>`;
  }

  private _printForm(batch: Batch | undefined) {
    if (!batch) return nothing;
    return html`<lianke-print-form
      .context=${this.context}
      .batch=${batch}
      .isPlugOff=${this.isPlugOff}
    ></lianke-print-form>`;
  }
}
