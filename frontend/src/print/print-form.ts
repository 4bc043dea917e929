import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { mdiClose, mdiDrag, mdiFileDocumentOutline, mdiPlus, mdiPrinter } from "@mdi/js";
import { BatchWatcher } from "../batch-watcher";
import "../components/file-chooser";
import { plugTexts, switchOn } from "../components/plug";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadPart } from "../load-part";
import { bars, base, buttons } from "../styles";
import type { Batch } from "./batch";
import type { MediaChoice, PrintItem } from "./item";
import { titleOf, type CombinedPrint } from "./combined-print";
import type { LiankeMediaBrowser } from "./media-browser";
import type { LiankeOptionsForm } from "./options-form";
import { TaskController } from "../tasks";
import { SteadyPart } from "./steady";
import { printText } from "./texts";
import "./media-browser";
import "./options-form";
import "./preview";
import "./sheets";

/* Types that can be printed, the best first: an item in the clipboard may come in several types. */
const WANTED = ["application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"];
const TEXT = "text/plain";
const ENDINGS: Record<string, string> = { "application/pdf": "pdf", "image/jpeg": "jpg" };

/* Returns the files and the text in the clipboard, both empty if the user does not allow reading. Browsers let only
   secure pages read the clipboard. */
const pasted = async (): Promise<{ files: File[]; text: string }> => {
  try {
    const found = await navigator.clipboard.read();
    const files = found.map(async (one) => {
      const type = WANTED.find((wanted) => one.types.includes(wanted));
      if (!type) return null;
      const name = `clipboard.${ENDINGS[type] ?? type.slice("image/".length)}`;
      return new File([await one.getType(type)], name, { type });
    });
    const text = await found.find(({ types }) => types.includes(TEXT))?.getType(TEXT);
    return { files: (await Promise.all(files)).filter((file) => file !== null), text: (await text?.text()) ?? "" };
  } catch {
    return { files: [], text: "" };
  }
};

/* ms to wait until the list of jobs shows a submitted job. */
const SOON = 2000;
/* Events by which the user takes over: after one of them, nothing is scrolled any more. */
const OWN = ["pointerdown", "wheel", "keydown"];

/* When the form disappears, the printer's part of the card gets much shorter and may leave the view, as on a phone.
   Brings that part back into view, and then the row of the submitted job, which may be below other waiting jobs. */
const bringIntoView = (printer: Element, job: string | undefined): void => {
  if (printer.getBoundingClientRect().top < 0) printer.scrollIntoView({ block: "start" });
  if (!job) return;
  const end = performance.now() + SOON;
  const stop = new AbortController();
  const { signal } = stop;
  for (const type of OWN) addEventListener(type, () => stop.abort(), { signal, capture: true, passive: true });
  const look = () => {
    if (signal.aborted) return;
    const jobs = printer.shadowRoot?.querySelector("lianke-jobs")?.shadowRoot;
    const row = jobs?.querySelector(`[data-key="${CSS.escape(job)}"]`);
    if (!row && performance.now() < end) return void requestAnimationFrame(look);
    stop.abort();
    row?.scrollIntoView({ block: "nearest" });
  };
  look();
};

/* The files chosen for a printer, their previews and options, and the buttons that print. */
@define("lianke-print-form")
export class LiankePrintForm extends SteadyPart {
  @property({ attribute: false }) batch!: Batch;
  /* Whether the printer's plug is off; the button Print then switches it on first. */
  @property({ attribute: false }) isPlugOff = false;

  protected readonly _focus = new FocusKeeper(this);
  protected readonly _watcher = new BatchWatcher(this);

  static override styles = [
    base,
    buttons,
    bars,
    css`
      .file {
        display: flex;
        align-items: center;
        gap: 10px;
      }
      .thumb {
        width: 36px;
        height: 36px;
        border-radius: var(--ha-border-radius-md, 8px);
        object-fit: cover;
        display: grid;
        place-items: center;
        flex: none;
        background: var(--tint);
        color: var(--secondary-text-color);
      }
      img.thumb {
        outline: 1px solid var(--divider-color);
        outline-offset: -1px;
      }
      /* Makes room for three buttons in a row. */
      @media (max-width: 340px) {
        .main ha-svg-icon {
          display: none;
        }
      }
      .handle {
        min-width: 32px;
        cursor: grab;
        touch-action: none;
        margin-inline-start: -8px;
      }
      .round:last-child {
        margin-inline-end: -8px;
      }
    `,
  ];

  private _home: Element | null = null;
  private readonly _tasks = new TaskController(this);

  override connectedCallback(): void {
    super.connectedCallback();
    this._home = (this.getRootNode() as Partial<ShadowRoot>).host ?? null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    const { _home: home, batch } = this;
    requestAnimationFrame(() => {
      if (!batch.items.length && home?.isConnected) bringIntoView(home, batch.job);
    });
  }

  /* Focuses the chooser that adds files. */
  override focus(options?: FocusOptions): void {
    this.renderRoot.querySelector<HTMLElement>("lianke-file-chooser")?.focus(options);
  }

  protected override render() {
    const { batch, t } = this;
    const { items, combined, printing } = batch;
    const count = items.filter((item) => item.isUsable).length;
    const written = items.find((item) => item.written);
    if (written) loadPart(import("./text"));
    const resting = printing || this._tasks.isWorking("print") || !count;
    // A submitted document cannot be taken back here, but its job can be canceled.
    const isSubmitted = items.some((item) => item.phase === "submit");
    const noPreview = combined
      ? combined.previewing
      : items.every((item) => item.isRaw || !item.isUsable || (item.previewing && !item.atOnce));
    return html`<div class="column">
        <ha-sortable handle-selector=".handle" ?disabled=${printing || items.length < 2} @item-moved=${this._moved}>
          <ul class="column">
            ${repeat(
              items,
              (item) => item.request,
              (item, index) => this._file(item, index),
            )}
          </ul>
        </ha-sortable>
        ${written ? html`<lianke-text .context=${this.context} .batch=${batch} .item=${written}></lianke-text>` : nothing}
        <div class="actions">
          <lianke-file-chooser
            .context=${this.context}
            .label=${printText(t, "add")}
            .text=${printText(t, "add_short")}
            .adds=${mdiPlus}
          ></lianke-file-chooser>
          ${this._add("media", "from_media", "media_short", this._openMedia)}
          ${written ? nothing : this._add("text", "text_add", "text", () => batch.addText())}
          ${"clipboard" in navigator && "read" in navigator.clipboard ? this._add("paste", "paste", "paste_short", this._paste) : nothing}
        </div>
        <lianke-sheets .context=${this.context} .batch=${batch}></lianke-sheets>
        ${combined ? this._combinedPreview(combined) : this._previews()}
        <lianke-options-form .context=${this.context} .batch=${batch}></lianke-options-form>
        ${this._problems()}
        <div class="actions">
          <button
            class="main"
            data-key="print"
            aria-live="polite"
            aria-disabled=${resting ? "true" : nothing}
            @click=${() => !resting && this._press(() => this._print())}
          >
            <ha-svg-icon .path=${mdiPrinter}></ha-svg-icon>
            ${this._printLabel(count)}
          </button>
          <button
            data-key="preview"
            aria-disabled=${resting || noPreview ? "true" : nothing}
            @click=${() => !resting && !noPreview && this._press(() => batch.preview())}
          >
            ${printText(t, "preview")}
          </button>
          <button
            data-key="clear"
            aria-disabled=${isSubmitted ? "true" : nothing}
            @click=${() => !isSubmitted && batch.clear()}
          >
            ${printText(t, "clear")}
          </button>
        </div>
      </div>
      <lianke-media-browser
        .context=${this.context}
        @media-chosen=${this._mediaChosen}
        @media-closed=${this._mediaClosed}
      ></lianke-media-browser>`;
  }

  private _printLabel(count: number): string {
    const { batch, t } = this;
    if (batch.printing) return printText(t, "submitting");
    if (this.isPlugOff) return plugTexts.text(t, "on_and_print");
    return count < 2 || batch.combined ? printText(t, "print") : printText(t, "print_n", { n: count });
  }

  /* Switches the printer's plug on if it is off, then prints; prints nothing if switching fails. */
  private async _print(): Promise<void> {
    await this._tasks.run("print", async () => {
      if (this.isPlugOff) await switchOn(this.context);
      await this.batch.print();
    });
  }

  /* Errors, right above the buttons that were pressed. */
  private _problems() {
    const { items } = this.batch;
    const problem = this._tasks.errorOf("print") ?? this.batch.problem;
    const named = (item: PrintItem) =>
      items.length > 1 ? html`<bdi>${item.name}</bdi>${this.t.isChinese ? "：" : ": "}` : nothing;
    const failed = items.filter((item) => item.error);
    const lacking = items.some((item) => item.incomplete && !item.accepted);
    return html`${failed.map((item) => html`<p class="error" role="alert">${named(item)}${item.error}</p>`)}
    ${problem ? html`<p class="error" role="alert">${problem}</p>` : nothing}
    ${
      lacking
        ? html`<div class="actions">
            <button data-key="accept" @click=${() => this._press(() => this.batch.accept())}>
              ${printText(this.t, "accept")}
            </button>
          </div>`
        : nothing
    }`;
  }

  /* Runs Print or Preview, then brings a field with an error into view. */
  private async _press(act: () => Promise<void>): Promise<void> {
    await act();
    await this.updateComplete;
    const form = this.renderRoot.querySelector<LiankeOptionsForm>("lianke-options-form");
    await form?.updateComplete;
    form?.renderRoot.querySelector("[role=alert]")?.scrollIntoView({ block: "nearest" });
  }

  private _unseen(one: { unseen: string | null; slow: boolean }) {
    const said = one.slow ? printText(this.t, "preview_slow") : one.unseen;
    return said ? html`<p class="soft" role="status">${said}</p>` : nothing;
  }

  private _previews() {
    return html`${this._strips()}${this.batch.items.map((item) => this._unseen(item))}`;
  }

  private _strips() {
    return repeat(
      // Documents that are drawn at once get their space before their pictures arrive.
      this.batch.items.filter((item) => item.images.length || item.atOnce),
      (item) => item.request,
      (item) =>
        html`<lianke-preview
          .context=${this.context}
          .images=${item.images}
          .pages=${item.pages ?? 0}
          .name=${item.name}
          .stale=${item.stale || item.previewing}
          .few=${item.few}
        ></lianke-preview>`,
    );
  }

  private _combinedPreview(combined: CombinedPrint) {
    if (!combined.images.length && !combined.previewing) return this._unseen(combined);
    return html`${this._unseen(combined)}<lianke-preview
        .context=${this.context}
        .images=${combined.images}
        .pages=${combined.pages ?? 0}
        .name=${titleOf(this.batch.usable)}
        .stale=${combined.stale || combined.failed || combined.previewing}
      ></lianke-preview>`;
  }

  private _add(
    key: string,
    name: "from_media" | "paste" | "text_add",
    words: "media_short" | "paste_short" | "text",
    press: () => void,
  ) {
    const label = printText(this.t, name);
    return html`<button data-key=${key} aria-label=${label} title=${label} @click=${press}>
      ${printText(this.t, words)}
    </button>`;
  }

  private _file(item: PrintItem, index: number) {
    const { batch, t } = this;
    const picture = item.images[0] ?? item.picture;
    const busy = item.phase !== null || item.previewing;
    const fixed = item.phase === "submit";
    const part = item.phase === "upload" && item.file ? item.sent / item.file.size : null;
    return html`<li class="file" data-key=${item.request}>
      ${
        batch.items.length > 1
          ? html`<button
              class="round handle"
              data-key="move-${item.request}"
              aria-label=${printText(t, "move", { name: item.name })}
              title=${printText(t, "move_help")}
              @keydown=${(event: KeyboardEvent) => this._moveByKey(event, index)}
            >
              <ha-svg-icon .path=${mdiDrag}></ha-svg-icon>
            </button>`
          : nothing
      }
      ${
        picture
          ? html`<img class="thumb" src=${picture} alt="" />`
          : html`<div class="thumb"><ha-svg-icon .path=${mdiFileDocumentOutline}></ha-svg-icon></div>`
      }
      <div class="grow">
        <div class="title"><bdi>${item.name}</bdi></div>
        <div class="soft ${busy ? "pulse" : ""}">${this._facts(item).join(" · ")}</div>
        ${part === null ? nothing : html`<div class="bar"><i style="width: ${part * 100}%"></i></div>`}
        ${item.refused ? html`<p class="error" role="alert">${item.refused}</p>` : nothing}
      </div>
      <button
        class="round"
        data-key="remove-${item.request}"
        aria-label=${printText(t, "remove", { name: item.name })}
        aria-disabled=${fixed ? "true" : nothing}
        @click=${() => !fixed && batch.remove(item)}
      >
        <ha-svg-icon .path=${mdiClose}></ha-svg-icon>
      </button>
    </li>`;
  }

  private _facts(item: PrintItem): string[] {
    const { t } = this;
    const facts: string[] = [];
    if (item.phase === "upload" && item.file)
      facts.push(printText(t, "uploading_to", { sent: t.bytes(item.sent), total: t.bytes(item.file.size) }));
    else if (item.file) facts.push(t.bytes(item.file.size));
    else if (!item.written) facts.push(printText(t, item.entity ? "as_printed" : "media"));
    const pages = item.pages ?? (item.picture ? 1 : 0);
    if (pages) facts.push(t.count("pages", pages));
    if (item.phase === "submit") facts.push(printText(t, "submitting"));
    else if (item.previewing) facts.push(printText(t, "preview_busy"));
    return facts;
  }

  private readonly _moved = (event: CustomEvent<{ oldIndex: number; newIndex: number }>) => {
    event.stopPropagation();
    this.batch.move(event.detail.oldIndex, event.detail.newIndex);
  };

  private _moveByKey(event: KeyboardEvent, index: number): void {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by || this.batch.printing) return;
    event.preventDefault();
    this.batch.move(index, index + by);
  }

  private readonly _openMedia = () => {
    this.batch.browsing = true;
    void this.renderRoot.querySelector<LiankeMediaBrowser>("lianke-media-browser")?.open();
  };

  private readonly _mediaClosed = () => {
    this.batch.browsing = false;
    this.batch.changed();
  };

  private readonly _mediaChosen = (event: CustomEvent<MediaChoice>) => this.batch.addMedia(event.detail);

  private readonly _paste = async () => {
    const { batch } = this;
    const { files, text } = await pasted();
    if (files.length) batch.add(files);
    else if (text.trim()) batch.addText(text);
    else batch.showProblem(printText(this.t, "paste_empty"));
  };
}
