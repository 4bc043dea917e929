import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { BatchWatcher } from "../batch-watcher";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadPart } from "../load-part";
import type { Batch } from "../print/batch";
import { base } from "../styles";
import { summarize, type Summary } from "../summary";
import { TaskController } from "../tasks";
import type { Job, Printer } from "../types";
import { Part } from "./part";
import "./file-chooser";
import "./header";
import "./jobs";

const TOUCH = matchMedia("(pointer: coarse)");

/* One printer of the card: header, banners, ink, files to print and jobs. */
@define("lianke-printer")
export class LiankePrinter extends Part {
  @property({ attribute: false }) device = "";
  /* Whether Home Assistant has such a device. */
  @property({ attribute: false }) isKnown = true;
  /* Undefined while the integration does not know it. */
  @property({ attribute: false }) printer: Printer | undefined;
  /* Where it is, if another printer has the same name. */
  @property({ attribute: false }) place = "";
  @property({ attribute: false }) open: Job[] = [];
  @property({ attribute: false }) finished: Job[] = [];
  @property({ attribute: false }) keyRejected = false;
  /* Whether files are chosen by a round button in the header. */
  @property({ attribute: false }) slim = false;
  /* Files that are about to be printed here. */
  @property({ attribute: false }) batch: Batch | undefined;
  @state() private _over = false;

  protected readonly _focus = new FocusKeeper(this);
  protected readonly _watcher = new BatchWatcher(this);
  private readonly _tasks = new TaskController(this);

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
      /* With the border of the card it is as high as a tile. */
      section.compact {
        padding: 9px 10px;
        gap: 8px;
      }
    `,
  ];

  private get _mayPrint(): boolean {
    return this.context.shows("print") && Boolean(this.printer?.may_control);
  }

  protected override render() {
    const { context, device, printer } = this;
    const { compact } = context;
    const batch = this.batch?.items.length ? this.batch : undefined;
    if (!printer) {
      return html`<section>
        ${this._header(this.t.text(this.isKnown ? "gone" : "not_found"))}${this._tray(batch)}
      </section>`;
    }
    const name = this.t.named(printer.name, this.place);
    const summary = summarize(printer, this.open, this.keyRejected);
    const noted = !compact && (summary.problems.length || summary.held.length || !printer.may_control);
    if (noted) loadPart(import("./notes"));
    const inky = !compact && context.shows("ink") && printer.ink?.length;
    if (inky) loadPart(import("./inks"));
    const chooser = this._mayPrint && !batch;
    const scan = batch ? nothing : this._scan(printer, name);
    const error = this._tasks.errorOf("printer");
    return html`<section
      aria-label=${name}
      data-key="section"
      class="${compact ? "compact" : ""} ${this._over ? "over" : ""}"
      @dragover=${this._dragOver}
      @dragleave=${this._dragLeave}
      @drop=${this._drop}
      @paste=${this._paste}
      @focus-lost=${this._focusLost}
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
              .working=${this._tasks.isWorking("printer")}
              @discard-held=${() => this._discard(summary.held)}
            ></lianke-notes>`
      }
      ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
      ${inky ? html`<lianke-inks .context=${context} .inks=${printer.ink}></lianke-inks>` : nothing}
      ${this._tray(printer.may_control ? batch : undefined)}
      ${this.slim ? nothing : [chooser ? this._chooser(name, this._dropText()) : nothing, scan]}
      <lianke-jobs
        .context=${context}
        .open=${this.open}
        .finished=${this.finished}
        .mayControl=${printer.may_control}
        .keeps=${printer.keeps_printed}
        .status=${summary.state}
      ></lianke-jobs>
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
    if (printer.waiting && (compact || tone !== "off")) facts.push(t.text("waiting", { n: t.number(printer.waiting) }));
    if (!compact && this.context.shows("pages") && printer.pages_printed)
      facts.push(t.count("total", printer.pages_printed));
    if (!compact && printer.pages_left != null) facts.push(t.count("pages_left", printer.pages_left));
    return facts;
  }

  private _stateText(current: string | null, off: boolean, held: Job[]): string {
    const { t } = this;
    if (current === null) return t.text("unknown");
    if (current === "key_rejected" || current === "service_expired") return t.text(current);
    const status = t.state("status", current);
    if (!off) return status;
    const [first] = held
      .map((job) => job.expires_at)
      .filter((time) => time != null)
      .sort();
    return first ? t.text("off_until", { status, time: t.time(first) }) : t.text("off_waits", { status });
  }

  private _dropText(): string {
    return this.t.text(this._over ? "drop_now" : TOUCH.matches ? "drop_touch" : "drop");
  }

  private _chooser(name: string, text?: string) {
    return html`<lianke-file-chooser
      .context=${this.context}
      .label=${this.t.text("print_on", { name })}
      .text=${text}
      .over=${this._over}
      @files-chosen=${this._chosen}
    ></lianke-file-chooser>`;
  }

  private _scan({ scanner, may_control }: Printer, name: string) {
    if (!this.context.shows("print") || !(scanner || may_control)) return nothing;
    loadPart(import("./scan-buttons"));
    return html`<lianke-scan-buttons
      .context=${this.context}
      .device=${this.device}
      .scanner=${scanner}
      .name=${name}
      .mayPrint=${may_control}
      .slim=${this.slim}
    ></lianke-scan-buttons>`;
  }

  private _tray(batch: Batch | undefined) {
    if (!batch) return nothing;
    return html`<lianke-tray
      .context=${this.context}
      .batch=${batch}
      @files-chosen=${(event: CustomEvent<File[]>) => batch.add(event.detail)}
    ></lianke-tray>`;
  }

  private readonly _chosen = async (event: CustomEvent<File[]>) => {
    const focused = this.shadowRoot?.activeElement?.localName === "lianke-file-chooser";
    await this._add(event.detail);
    if (focused) await this._focusTray();
  };

  /* What chooses files has moved to the end of the form, and the focus with it. */
  private async _focusTray(): Promise<void> {
    await this.updateComplete;
    const tray = this.renderRoot.querySelector<Part>("lianke-tray");
    await tray?.updateComplete;
    tray?.focus();
  }

  /* Take files, not to be printed yet. */
  private async _add(files: File[]): Promise<void> {
    if (!files.length || !this._mayPrint) return;
    // Begun at once: what else is under way must not swallow them.
    const added = this.addTo(this.device, (batch) => batch.add(files));
    await this._tasks.run("printer", () => added);
  }

  private _discard(held: Job[]): void {
    const cancel = ({ device_id, job_id }: Job) => this.context.call("cancel_job", { device_id, job_id });
    void this._tasks.run("printer", () => Promise.all(held.map(cancel)));
  }

  private readonly _dragOver = (event: DragEvent) => {
    if (!this._mayPrint || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this._over = true;
  };

  private readonly _dragLeave = (event: DragEvent) => {
    const section = event.currentTarget as Element;
    if (!section.contains(event.relatedTarget as Node | null)) this._over = false;
  };

  private readonly _drop = (event: DragEvent) => {
    this._over = false;
    if (!this._mayPrint || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    void this._add([...event.dataTransfer.files]);
  };

  private readonly _paste = (event: ClipboardEvent) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    void this._add([...event.clipboardData.files]);
  };

  /* A part lost the control that had the focus, and found nothing else in itself. */
  private readonly _focusLost = (event: Event) => {
    event.stopPropagation();
    const section = event.currentTarget as HTMLElement;
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
  };
}
