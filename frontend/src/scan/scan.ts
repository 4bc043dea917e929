import { css, html, nothing, type PropertyValues } from "lit";
import { property, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import {
  mdiAutoFix,
  mdiCheck,
  mdiChevronLeft,
  mdiChevronRight,
  mdiClose,
  mdiContentCopy,
  mdiCrop,
  mdiDeleteOutline,
  mdiDownload,
  mdiExportVariant,
  mdiPlus,
  mdiPrinter,
  mdiRefresh,
  mdiRotateLeft,
  mdiRotateRight,
  mdiScanner,
} from "@mdi/js";
import "../components/ask";
import { UserError } from "../context";
import { define } from "../define";
import { FeedController } from "../feed";
import { pressEnded } from "../pressing";
import { FocusKeeper } from "../focus-keeper";
import { loadNeeded } from "../load-part";
import { partTexts } from "../localize";
import { afterDoubleTap, hasArrived, printOnce } from "../print-once";
import { allPrinters } from "../places";
import type { LiankeCrop } from "../print/crop";
import { DialogPart, dialogs } from "../print/dialogs";
import { fields } from "../print/fields";
import type { Cut } from "../print/layouts";
import { printText } from "../print/texts";
import { maxCopies, offered, optionName, type NamedChoice, type PrinterOptions } from "../print/options";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/scan.en.json";
import zh from "../translations/scan.zh-Hans.json";
import { choicesOf, fieldsOf, firstChoices, keepChoices, printFields, type Choices, type Mode } from "./choices";
import { deliveryLines, waysToSend } from "./deliveries";
import { canShare, download, share } from "./download";
import { allPictures, leftOut } from "./left-out";
import { PagePicture } from "./page-picture";
import "./presets";
import { stage } from "./stage";
import { mustTurn, stackAnswers, turnQuestion } from "./stacks";
import type { Scan, Scanner, Scanners } from "./types";

export type { Mode };

const texts = partTexts(en, zh);
const FINAL = ["completed", "failed", "canceled"];
/* The part of a page's address that stays the same when earlier pages are removed; it is unique only within a scan. */
const pageOf = (picture: string | undefined) => picture?.split("/").pop();
const WHOLE: Cut = { left: 0, top: 0, right: 1, bottom: 1, turn: 0 };

/* The dialog that scans and copies: the choices, each page as it arrives, and what to do with the result. */
@define("lianke-scan")
export class LiankeScan extends DialogPart {
  /* Device ids of the printer and of its scanner. */
  @property({ attribute: false }) device = "";
  @property({ attribute: false }) scanner = "";
  @property({ attribute: false }) mayPrint = false;
  @property({ attribute: false }) mode: Mode = "scan";
  /* Undefined until the scanner is known. */
  @state() private _choices: Choices | undefined;
  /* Options of the printers chosen so far, by device id. */
  @state() private _options: Record<string, PrinterOptions> = {};
  /* Id of the scan that is shown; empty while the user chooses the next scan. */
  @state() private _followed = "";
  /* Index of the shown page, from 0. */
  @state() private _page = 0;
  /* Whether the form that prints a finished scan is open. */
  @state() private _printing = false;
  /* Whether the page is enlarged for reading. */
  @state() private _large = false;
  /* A sentence about what was done with a finished scan. */
  @state() private _told = "";

  private _pages = 0;
  private _reason = "";
  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);
  private readonly _picture = new PagePicture(this);
  private readonly _feed = new FeedController<Scanners>(
    this,
    () => undefined,
    (error) => this.context.explain(error),
    "lianke/scans/subscribe",
  );

  static override styles = [
    base,
    buttons,
    fields,
    dialogs,
    stage,
    css`
      .switch {
        display: inline-flex;
        border-radius: var(--ha-border-radius-pill, 20px);
        background: var(--tint);
      }
      .switch button {
        background: none;
        min-height: 40px;
        /* The title bar cuts off an outline outside the button. */
        outline-offset: -2px;
      }
      .switch [aria-pressed="true"] {
        background: color-mix(in srgb, var(--primary-color) 30%, transparent);
      }
      section {
        padding-top: 4px;
      }
      section:focus {
        outline: none;
      }
      .form {
        display: grid;
        line-height: 1.25;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 8em), 1fr));
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 6.4lh), 1fr));
        gap: 10px 12px;
        align-items: start;
      }
      .check {
        min-height: 40px;
      }
      .check input {
        flex: none;
        accent-color: var(--primary-color);
      }
      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: center;
        gap: 4px 16px;
        margin: -4px 0;
      }
      .tools div {
        display: flex;
        align-items: center;
      }
      .all {
        grid-column: 1 / -1;
      }
      svg {
        display: block;
        width: min(100%, 280px);
        margin: 0 auto;
      }
      ol {
        margin: 0;
        padding-inline-start: 24px;
      }
      .done {
        display: flex;
        align-items: center;
        gap: var(--gap);
      }
      .done ha-svg-icon {
        color: var(--success-color, #43a047);
      }
      .open ha-svg-icon {
        color: var(--secondary-text-color);
      }
    `,
  ];

  /* Pages and their pictures arrive at any time. They are not drawn while a button is held down. */
  protected override async scheduleUpdate(): Promise<void> {
    await pressEnded();
    super.scheduleUpdate();
  }

  protected override firstUpdated(): void {
    this._feed.follow(this.context.hass.connection, []);
    this.dialog?.showModal();
  }

  private get _found(): Scanner | undefined {
    return this._feed.data?.scanners.find((one) => one.device_id === this.scanner);
  }

  private get _scan(): Scan | null {
    const scan = this._found?.scan;
    return scan && scan.scan_id === this._followed ? scan : null;
  }

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const scanner = this._found;
    if (scanner) this._choices ??= firstChoices(this.t, scanner, this.device);
    if (this._choices && (this.mode === "copy" || this._printing)) this._learn(this._choices.printer);
    const newest = scanner?.scan;
    // An open scan is shown no matter who has started it, since the scanner does one scan at a time.
    // A copy whose answer was lost is shown even if it is over.
    const isLost = newest?.request_id && hasArrived(newest.request_id);
    if (isLost) this._tasks.clear("do");
    if (newest && (isLost || !FINAL.includes(newest.state))) this._follow(newest.scan_id);
    if (newest?.state === "canceled" && newest.scan_id === this._followed) this._follow("");
    const scan = this._scan;
    // Show the page that has just arrived.
    if (scan && scan.pages > this._pages) this._page = scan.pages - 1;
    this._pages = scan?.pages ?? 0;
    const all = scan ? allPictures(scan) : [];
    const most = (all.length || 1) - 1;
    this._page = Math.max(0, Math.min(this._page, most));
    // While pages are saved or printed, the shown picture stays, since the addresses of the pages are about to change.
    const isOver = scan && FINAL.includes(scan.state);
    if (!scan || (isOver && scan.is_copy && !scan.reason)) this._picture.want();
    else if (isOver || scan.state === "waiting") this._picture.want(all[this._page]);
    this._explain(scan);
  }

  /* Shows a scan; an empty id lets the user choose the next scan. Forgets what was done with the scan shown before. */
  private _follow(id: string): void {
    if (id === this._followed) return;
    this._followed = id;
    this._pages = 0;
    this._told = "";
    this._printing = false;
  }

  /* Shows a scan's error when it is new. */
  private _explain(scan: Scan | null): void {
    const reason = scan?.reason ? JSON.stringify([scan.scan_id, scan.pages, scan.reason, scan.detail]) : "";
    if (reason === this._reason) return;
    this._reason = reason;
    if (!scan?.reason) return;
    const error = {
      translation_domain: "lianke",
      translation_key: scan.reason,
      translation_placeholders: { detail: scan.detail },
    };
    void this._tasks.fail("reason", scan.message ? new UserError(scan.message) : error);
  }

  protected override render() {
    const scan = this._scan;
    return html`<dialog
        aria-label=${this._text(scan ? (scan.is_copy ? "copy" : "scan") : "what")}
        @close=${() => this.fire("scan-closed")}
      >
        <div class="bar">
          <div class="grow title">${scan ? this._text(scan.is_copy ? "copy" : "scan") : this._switch()}</div>
          ${this.round("close", this._text("close"), mdiClose, this.close)}
        </div>
        <section class="content" data-key="scan">${this._body(scan)}</section>
      </dialog>
      <lianke-crop .context=${this.context} @cropped=${this._cropped}></lianke-crop>`;
  }

  private _switch() {
    if (!this.mayPrint) return this._text("scan");
    const side = (mode: Mode) =>
      html`<button data-key=${mode} aria-pressed=${this.mode === mode} @click=${() => (this.mode = mode)}>
        ${this._text(mode)}
      </button>`;
    return html`<div class="switch" role="group" aria-label=${this._text("what")}>${side("scan")}${side("copy")}</div>`;
  }

  private _body(scan: Scan | null) {
    const { data, absent, problem } = this._feed;
    const plain = (text: string) => html`<p class="soft" role="status">${text}</p>`;
    if (absent) return plain(problem || this.t.text("not_running"));
    if (!data) return plain(this.t.text("loading"));
    const scanner = this._found;
    if (!scanner || !this._choices) return plain(this.t.backend("exceptions.scanner_gone.message"));
    if (!scan) return this._form(scanner, this._choices);
    if (scan.state === "waiting") return this._waiting(scan);
    return FINAL.includes(scan.state) ? this._result(scanner, scan, this._choices) : this._busy(scan);
  }

  /* The choices before a scan. */
  private _form(scanner: Scanner, choices: Choices) {
    const { t } = this;
    const copies = this.mode === "copy" && this.mayPrint;
    const isCard = copies && choices.id_card;
    const sources = choicesOf(t, scanner, "source");
    const isFed = choices.source === "feeder";
    const sizes = [
      { id: "", name: this._text(isFed ? "as_fed" : "whole_glass") },
      ...(scanner.sizes ?? []).map((size) => ({ id: size, name: size })),
    ];
    const begin = () => this._begin(scanner, choices);
    return html`${copies ? this._check("id_card", this._text("id_card"), choices) : nothing}
      ${isCard ? html`<p class="soft">${this._text("id_card_about")}</p>` : nothing}
      <div class="form">
        ${isCard ? nothing : this._select("source", this._name("source"), sources, choices)}
        ${this._select("color", this._name("color"), choicesOf(t, scanner, "color"), choices)}
        ${copies ? nothing : this._select("size", this._name("size"), sizes, choices)}
        ${copies ? nothing : this._select("format", this._name("format"), choicesOf(t, scanner, "format"), choices)}
        ${copies ? this._printFields(choices, !isCard) : this._fileName(choices)}
      </div>
      ${
        isFed && !isCard && scanner.duplex !== false
          ? this._check("scan_duplex", this._name("scan_duplex"), choices)
          : nothing
      }
      ${isFed && !copies && !scanner.duplex ? this._check("two_stacks", this._name("two_stacks"), choices) : nothing}
      ${isFed && !copies ? this._check("skip_blank", this._name("skip_blank"), choices) : nothing}
      ${copies && !isCard ? this._check("several_pages", this._name("several_pages"), choices) : nothing}
      ${scanner.status === "idle" ? nothing : html`<p class="soft" role="status">${this._status(scanner)}</p>`}
      ${this._problem()}
      <div class="actions">
        ${this._button("begin", this._text(copies ? "copy" : "scan"), copies ? mdiContentCopy : mdiScanner, begin, true)}
        ${copies ? nothing : this._last(scanner.scan)}
      </div>
      ${copies ? nothing : this._presets(scanner, choices)}`;
  }

  private _presets(scanner: Scanner, choices: Choices) {
    const begin = ({ detail }: CustomEvent<Partial<Choices>>) => {
      this._choices = { ...choices, ...detail };
      void this._tasks.run("do", () => this._begin(scanner, { ...choices, ...detail }));
    };
    return html`<lianke-scan-presets
      .context=${this.context}
      .scanner=${scanner}
      .choices=${choices}
      .resting=${this._tasks.isWorking("do")}
      @preset-chosen=${begin}
    ></lianke-scan-presets>`;
  }

  /* The button that leads back to the last scan. */
  private _last(scan: Scan | null) {
    if (!scan?.files.length || scan.is_copy) return nothing;
    return html`<button data-key="last" @click=${() => this._follow(scan.scan_id)}>
      ${texts.count(this.t, "last", scan.pages)}
    </button>`;
  }

  private _status({ status }: Scanner): string {
    return this._text("status", { status: this.t.state("scanner_status", status) });
  }

  private _name(field: string): string {
    return this.t.backend(`services.scan.fields.${field}.name`) || field.replaceAll("_", " ");
  }

  private _choose(changes: Partial<Choices>): void {
    if (this._choices) this._choices = { ...this._choices, ...changes };
  }

  private _select(
    name: "source" | "color" | "size" | "format" | "printer" | "duplex",
    label: string,
    all: NamedChoice[],
    choices: Choices,
  ) {
    if (all.length < 2) return nothing;
    // Another printer may offer other two-sided modes, or none.
    const choose = (event: Event) =>
      this._choose({ ...(name === "printer" && { duplex: "" }), [name]: (event.target as HTMLSelectElement).value });
    // Names of printers are long and get the whole width.
    return html`<div class="field ${name === "printer" ? "all" : ""}">
      <label class="soft" for=${name}>${label}</label>
      <select id=${name} data-key=${name} @change=${choose}>
        ${all.map(
          (one) => html`<option value=${one.id} .selected=${String(one.id) === choices[name]}>${one.name}</option>`,
        )}
      </select>
    </div>`;
  }

  private _fileName({ filename }: Choices) {
    const typed = (event: Event) => this._choose({ filename: (event.target as HTMLInputElement).value });
    return html`<div class="field">
      <label class="soft" for="filename">${this._name("filename")}</label>
      <input id="filename" data-key="filename" maxlength="255" .value=${filename} @change=${typed} />
    </div>`;
  }

  private _check(
    name: "id_card" | "scan_duplex" | "several_pages" | "two_stacks" | "skip_blank",
    label: string,
    choices: Choices,
  ) {
    const other = { two_stacks: { scan_duplex: false }, scan_duplex: { two_stacks: false } }[name as string];
    const choose = (event: Event) => this._choose({ ...other, [name]: (event.target as HTMLInputElement).checked });
    return html`<label class="check">
      <input type="checkbox" data-key=${name} .checked=${live(choices[name])} @change=${choose} /> ${label}
    </label>`;
  }

  /* The fields for the printer, the copies and the sides. */
  private _printFields(choices: Choices, twoSided: boolean) {
    const { t } = this;
    const { printer } = choices;
    const printers = allPrinters(this.context.hass);
    const options = this._options[printer] ?? null;
    const sides = options ? offered(t, options, "duplex") : [];
    const standard = { id: "", name: printText(t, "default") };
    const typed = (event: Event) => {
      const input = event.target as HTMLInputElement;
      const copies = Math.floor(Number(input.value)) || 1;
      input.value = String(copies);
      this._choose({ copies });
    };
    return html`${this._select("printer", this._text("printer"), printers, choices)}
      <div class="field">
        <label class="soft" for="copies">${optionName(t, "copies")}</label>
        <input
          id="copies"
          data-key="copies"
          type="number"
          min="1"
          max=${maxCopies(options)}
          inputmode="numeric"
          .value=${String(choices.copies)}
          @change=${typed}
        />
      </div>
      ${twoSided && sides.length ? this._select("duplex", optionName(t, "duplex"), [standard, ...sides], choices) : nothing}`;
  }

  /* Asks Home Assistant for a printer's options, only once. Without an answer, the form offers no options of that
     printer. */
  private _learn(device: string): void {
    if (device in this._options) return;
    this._options = { ...this._options, [device]: { failed: true } };
    const message = { type: "lianke/printer/options", device_id: device };
    const keep = (options: PrinterOptions) => (this._options = { ...this._options, [device]: options });
    this.context.hass.callWS<PrinterOptions>(message).then(keep, () => undefined);
  }

  private async _begin(scanner: Scanner, choices: Choices): Promise<void> {
    const mode = this.mayPrint ? this.mode : "scan";
    let begun = "";
    const begin = async (more: object) => {
      const data = { ...fieldsOf(mode, scanner, choices), ...more };
      begun = (await this.context.call<{ scan_id: string }>(mode, data)).scan_id ?? "";
    };
    // A scan that is begun twice wastes no paper.
    if (mode === "scan") await begin({});
    else await printOnce(this.context, `copy ${scanner.device_id}`, (request_id) => begin({ request_id }));
    keepChoices(scanner, choices);
    this._follow(begun);
  }

  /* The shown page, and the buttons that change it. */
  private _stage(scan: Scan, changeable: boolean) {
    const { url, failed, isStale } = this._picture;
    const label = this._text("page", { n: this._page + 1 });
    const isBusy = this._tasks.isWorking("page") || isStale || !changeable;
    const isResting = isBusy || this._tasks.isWorking("remove");
    const isFinal = FINAL.includes(scan.state);
    const isCard = scan.sheet === "id_card";
    const picture = html`<img class=${isBusy && !isFinal ? "stale" : ""} src=${url} alt=${label} />`;
    const face = failed
      ? html`<p>${this._text("no_picture")}</p>`
      : !url
        ? html`<ha-svg-icon .path=${mdiScanner}></ha-svg-icon>`
        : isCard
          ? html`<div class="corner">${picture}</div>`
          : html`<button
              class="look"
              data-key="look"
              aria-pressed=${this._large}
              aria-label=${this._text("enlarge", { n: this._page + 1 })}
              @click=${() => (this._large = !this._large)}
            >
              ${picture}
            </button>`;
    const isLarge = this._large && url && !isCard;
    const total = allPictures(scan).length;
    const count = scan.pictures.length;
    const turned = (turn: number) => () => this._change(scan, { crop: { ...WHOLE, turn } });
    return html`<div class="stage ${url ? "" : "pulse"} ${isFinal || isCard ? "small" : ""} ${isLarge ? "large" : ""}">
        ${face}
      </div>
      <div class="tools">
        ${
          total > 1
            ? html`<div>
                ${this._round("page_before", mdiChevronLeft, () => (this._page -= 1), this._page === 0)}
                <span class="soft">${this._text("position", { n: this._page + 1, total })}</span>
                ${this._round("page_after", mdiChevronRight, () => (this._page += 1), this._page >= total - 1)}
              </div>`
            : nothing
        }
        ${
          changeable && count && !isCard && this._page < count
            ? html`<div data-of=${count}>
                ${this._round("turn_left", mdiRotateLeft, turned(270), isBusy)}
                ${this._round("turn_right", mdiRotateRight, turned(90), isBusy)}
                ${this._round("crop", mdiCrop, () => this._crop(), isBusy)}
                ${this._round("straighten", mdiAutoFix, () => this._change(scan, { straighten: true }), isBusy)}
                ${count > 1 ? this._round("remove", mdiDeleteOutline, () => this._remove(scan), isResting) : nothing}
              </div>`
            : nothing
        }
        ${leftOut(
          this.t,
          scan,
          this._page,
          this._button.bind(this),
          (page) => (this._page = page),
          (data) => this._answer(scan, data),
        )}
      </div>`;
  }

  private _busy(scan: Scan) {
    const key =
      scan.state === "finishing"
        ? scan.is_copy
          ? "printing"
          : "finishing"
        : scan.source === "feeder"
          ? "scanning_fed"
          : "scanning";
    return html`${this._stage(scan, false)}
      <p class="soft pulse" role="status">${this._text(key, { n: scan.pages - scan.replaces + 1 })}</p>
      ${this._problem(scan)}
      <div class="actions">${this._discard(scan, "cancel")}</div>`;
  }

  private _waiting(scan: Scan) {
    if (scan.stack)
      return html`${mustTurn(scan) ? turnQuestion(this.t, scan) : this._stage(scan, true)} ${this._problem(scan)}
        <div class="actions">
          ${stackAnswers(this.t, scan, this._button.bind(this), (answer) => this._answer(scan, { answer }))}${this._discard(scan, "cancel")}
        </div>`;
    const isCard = scan.sheet === "id_card";
    const isFed = scan.source === "feeder";
    const isFull = isCard && scan.pages > 1;
    const about = isCard
      ? this._text(isFull ? "card_about" : "back_about")
      : texts.count(this.t, isFed ? "waits_fed" : "waits", scan.pages);
    const answer = (what: string) => () => this._answer(scan, { answer: what });
    const next = this._text(isCard ? "next_back" : isFed ? "next_fed" : "next");
    const finish = this._text(scan.is_copy ? "finish_copy" : "finish");
    return html`${this._stage(scan, true)}
      <p class="soft" role="status">${about}</p>
      ${this._problem(scan)}
      <div class="actions">
        ${isFull ? nothing : this._button("next", next, isCard ? mdiScanner : mdiPlus, answer("next"), isCard)}
        ${isCard && !isFull ? nothing : this._button("finish", finish, scan.is_copy ? mdiPrinter : mdiCheck, answer("finish"), true)}
        ${scan.newest ? this._button("again", this._again(scan), mdiRefresh, answer("again")) : nothing}${this._discard(scan, "cancel")}
      </div>`;
  }

  /* The label of the button that scans the newest pages again. It names these pages if another page could be meant. */
  private _again({ newest, pages, left_out = 0 }: Scan): string {
    if (newest === pages + left_out) return this._text("again");
    return newest === 1 ? this._text("again_page", { n: pages }) : this._text("again_last", { n: newest });
  }

  /* The result of a scan, and what can be done with it. */
  private _result(scanner: Scanner, scan: Scan, choices: Choices) {
    const kept = scan.files.length > 0;
    const isFine = scan.state === "completed";
    const again = () => this._follow("");
    const label = this._text(!isFine ? "retry" : scan.is_copy ? "new_copy" : "new_scan");
    const retry = this._button("retry", label, isFine ? mdiScanner : mdiRefresh, again, !kept);
    if (!kept || (scan.is_copy && isFine))
      return html`${isFine ? this._done(this._text("copied")) : nothing}${this._problem(scan)}
        <div class="actions">${retry}</div>`;
    return html`${this._stage(scan, false)}
      <div>
        ${scan.downloads.map(({ name }) => html`<div class="title"><bdi>${name}</bdi></div>`)}
        <p class="soft" role="status">${texts.count(this.t, "kept", scan.pages)}</p>
      </div>
      ${this._told ? this._done(this._told) : nothing} ${deliveryLines(this.t, this._text.bind(this), scanner, scan)}
      ${this._problem(scan)} ${this._printing ? this._printForm(scan, choices) : this._ways(scanner, scan, retry)}`;
  }

  private _done(text: string) {
    return html`<p class="done" role="status"><ha-svg-icon .path=${mdiCheck}></ha-svg-icon>${text}</p>`;
  }

  private _ways(scanner: Scanner, scan: Scan, retry: unknown) {
    const text = this._text.bind(this);
    const print = () => {
      this._told = "";
      this._printing = true;
    };
    const send = (data: object, told: string) => () =>
      this._answer(scan, data).then(() => (told ? this._tell(scan, told) : undefined));
    return html`<div class="actions">
      ${this._button("save", this._text("save"), mdiDownload, () => download(this.context, scan.downloads), true)}
      ${canShare() ? this._button("share", text("share"), mdiExportVariant, () => share(this.context, scan.downloads)) : nothing}
      ${this.mayPrint ? this._button("print", this._text("print"), mdiPrinter, print) : nothing}
      ${waysToSend(text, scanner, scan).map((one) => this._button(one.key, one.label, one.icon, send(one.data, one.told)))}
      ${this._discard(scan, "discard")}${retry}
    </div>`;
  }

  private _printForm(scan: Scan, choices: Choices) {
    const back = () => (this._printing = false);
    return html`<div class="form">${this._printFields(choices, true)}</div>
      <div class="actions">
        ${this._button("do", this._text("print"), mdiPrinter, () => this._print(scan, choices), true)}
        <button data-key="back" @click=${back}>${this._text("back")}</button>
      </div>`;
  }

  private async _print(scan: Scan, choices: Choices): Promise<void> {
    const { printer } = choices;
    await printOnce(this.context, `${scan.scan_id} ${printer}`, (request_id) =>
      this.context.call("print", { device_id: printer, media: scan.files, request_id, ...printFields(choices) }),
    );
    await this._tell(scan, this._text("printed"));
  }

  /* Says what was done with a scan, unless another scan is shown by now. */
  private async _tell({ scan_id }: Scan, text: string): Promise<void> {
    if (scan_id === this._followed) {
      this._told = text;
      this._printing = false;
    }
    await afterDoubleTap();
  }

  /* The error, right above the buttons that were pressed. */
  private _problem(scan: Scan | null = null) {
    const error =
      this._tasks.errorOf("do") ?? this._tasks.errorOf("page") ?? (scan?.reason && this._tasks.errorOf("reason"));
    return error ? html`<p class="error" role="alert">${error}</p>` : nothing;
  }

  private _button(key: string, label: string, icon: string, press: () => unknown, main = false) {
    const resting = this._tasks.isWorking("do") || this._tasks.isWorking("page");
    const run = async () => press();
    return html`<button
      class=${main ? "main" : ""}
      data-key=${key}
      aria-disabled=${resting ? "true" : nothing}
      @click=${() => !resting && this._tasks.run("do", run)}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${label}
    </button>`;
  }

  private _round(
    key: "page_before" | "page_after" | "turn_left" | "turn_right" | "crop" | "straighten" | "remove",
    icon: string,
    press: () => unknown,
    resting: boolean,
  ) {
    return this.round(key, this._text(key), icon, press, resting);
  }

  private _discard(scan: Scan, key: "cancel" | "discard") {
    return html`<lianke-ask
      data-key=${key}
      .context=${this.context}
      .label=${this._text(key)}
      .question=${scan.pages ? texts.of(this.t).questions[key] : undefined}
      .icon=${key === "discard" ? mdiDeleteOutline : mdiClose}
      .resting=${this._tasks.isWorking("do")}
      @confirmed=${() => this._tasks.run("do", () => this._answer(scan, { answer: "discard" }))}
    ></lianke-ask>`;
  }

  private async _answer({ scan_id }: Scan, data: object): Promise<void> {
    await this.context.call("continue_scan", { scan_id, wait: false, ...data });
  }

  private _change(scan: Scan, how: object, at = this._page): void {
    void this._tasks.run("page", () => this._answer(scan, { answer: "change", page: at + 1, ...how }));
  }

  private _remove(scan: Scan): void {
    void this._tasks.run("remove", async () => {
      await this._tasks.run("page", () => this._answer(scan, { answer: "remove", page: this._page + 1 }));
      // The next page takes the place of the removed page: a double tap must not remove it as well.
      await afterDoubleTap();
    });
  }

  private _crop(): void {
    void this._tasks.run("page", async () => {
      await loadNeeded(import("../print/crop"));
      const crop = this.renderRoot.querySelector<LiankeCrop>("lianke-crop");
      const page = pageOf(this._scan?.pictures[this._page]);
      const shown = { name: this._text("page", { n: this._page + 1 }), page, scan_id: this._followed };
      await crop?.open(shown, this._picture.url, null);
    });
  }

  private readonly _cropped = (event: CustomEvent<[{ page?: string; scan_id: string }, Cut | null]>) => {
    event.stopPropagation();
    const [{ page, scan_id }, crop] = event.detail;
    const scan = this._scan;
    // Pages may have been added or removed in the meantime.
    const at = scan?.pictures.findIndex((picture) => pageOf(picture) === page) ?? -1;
    if (crop && scan?.scan_id === scan_id && at >= 0) this._change(scan, { crop }, at);
  };
}
