/*
 * The documents chosen for one printer, with the options for all of them. A batch outlives the elements that draw it,
 * and fires `change` whenever there is something new to draw. A file is uploaded only when the user presses Preview,
 * Print or a layout, unless Home Assistant can draw the file without the cloud.
 */
import { isLost, type CardContext, type CommandError } from "../context";
import { lostPrint } from "../print-once";
import type { Job } from "../types";
import { drawAtOnce } from "./at-once";
import { PrintItem, type MediaChoice, type SourceEntity } from "./item";
import { areSame, CombinedPrint } from "./combined-print";
import { decidedBy, layoutOf, layoutsFor, type Corners, type Cut, type LayoutName } from "./layouts";
import {
  fieldOf,
  keepFields,
  LISTS,
  offered,
  PAPER,
  photoType,
  presetOf,
  remember,
  remembered,
  tidied,
  typedErrors,
  type Chosen,
  type Kind,
  type PrinterOptions,
  type Typed,
} from "./options";
import { fetched, isOwnPicture } from "./own-picture";
import type { MovePlan } from "./moving";
import { Sending, TakenOver, type PreviewAnswer, type PrintAnswer } from "./sending";
import { printText } from "./texts";
import { slowly, whyUnseen } from "./unseen";
import { Written } from "./written";

const MAX_FILES = 20;
/* ms from the last change of an option to the next preview. The wait is longer if the cloud draws the preview, since
   the cloud is slow and should be asked less often. */
const DRAW_AFTER = 250;
const ASK_CLOUD_AFTER = 1000;
/* Errors that no choice of options can avoid. They are shown even for a preview that the user has not asked for. */
const USELESS = ["file_damaged", "content_not_as_named", "type_not_supported", "ofd_incomplete", "ofd_locked"];
const isUseless = ({ translation_key: key }: CommandError) => USELESS.includes(key ?? "");
const BLANK: Typed = { copies: "", pages: "" };

export class Batch extends EventTarget {
  items: PrintItem[] = [];
  /* The options that the printer offers; null until they are known. */
  offers: PrinterOptions | null = null;
  chosen: Chosen = {};
  /* Names of chosen options that were taken over from the last print and have not been changed since. */
  carried: string[] = [];
  typed: Typed = { ...BLANK };
  /* By field, a sentence about what is wrong with its value. */
  errors: Record<string, string> = {};
  /* A sentence about a problem that concerns neither a single document nor a field; null if there is none. */
  problem: string | null = null;
  /* Set while all documents are printed together. */
  combined: CombinedPrint | null = null;
  /* If a job is printed again on another printer, what that printer does differently; otherwise null. */
  plan: MovePlan | null = null;
  readonly sending = new Sending(this);
  /* Whether the media library is open. Until it is closed, the form stays, even if the last document has been
     submitted. */
  browsing = false;
  /* Id of the job submitted last, until another document is chosen. */
  job: string | undefined;
  /* Pending while the printer's options are being loaded. */
  loading: Promise<void> | null = null;

  private _previewTimer: ReturnType<typeof setTimeout> | undefined;
  /* `_kind`: the kind of document and the layout that the options were chosen for. `_decided`: the options that this
     layout decides. */
  private _kind: string | undefined;
  private _decided: string[] = [];
  /* Whether the user has chosen the type of paper; otherwise the type follows from the paper. */
  private _hasType = false;
  /* The documents of the batch when Print was pressed; null unless something is being printed. */
  private _pressed: PrintItem[] | null = null;

  /* again: the job whose document is printed once more. Options that the user does not choose stay as they were for
     that job. */
  constructor(
    public context: CardContext,
    readonly device: string,
    readonly again: Job | null = null,
  ) {
    super();
  }

  private get _t() {
    return this.context.localizer;
  }

  get printing(): boolean {
    return this._pressed !== null;
  }

  /* The documents that layouts and options apply to. During a print these are the documents of that print, without
     those added since. */
  private get _concerned(): PrintItem[] {
    return this._pressed?.filter((item) => this.items.includes(item)) ?? this.items;
  }

  /* The documents in `_concerned` that can be printed. */
  get usable(): PrintItem[] {
    return this._concerned.filter((item) => item.isUsable);
  }

  get kind(): Kind {
    if (this.combined?.isPhoto) return this.combined.layout;
    if (this.combined) return this.combined.isCard ? "card" : "document";
    return this._concerned.every((item) => item.isPicture) ? "picture" : "document";
  }

  /* Whether the form has a field: pictures have no pages to choose from, and printer commands have no options at
     all. */
  hasField(name: string): boolean {
    if (this._concerned.length && this._concerned.every((item) => item.isRaw)) return false;
    if (name === "pages") return !this._concerned.every((item) => item.isPicture || item.isRaw);
    return name === "copies" || (!!this.offers && offered(this._t, this.offers, name).length > 0);
  }

  /* Whether an option is chosen in `lianke-moving` and not in the form, since this printer may handle the option
     differently from the job's printer. */
  isChosenOutside(name: string): boolean {
    return !!this.plan?.open.some(({ option }) => option === name);
  }

  /* The layouts that suit the documents, and the layout in use. */
  get layouts(): LayoutName[] {
    const isTwoSided = this.offers?.duplex?.some((mode) => /^(long|short)_edge$/.test(mode)) ?? false;
    const found = layoutsFor(this.usable, isTwoSided);
    return this.combined && !found.includes(this.combined.layout) ? [this.combined.layout, ...found] : found;
  }

  /* Whether the answer to a print was lost. That print may have been submitted, so its documents and layout must not
     change. */
  get isLost(): boolean {
    return !!this.combined?.lost || this.items.some((item) => item.lost);
  }

  changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  /* Files added while others are being sent wait for the next Preview or Print. */
  add(files: File[]): void {
    this._take(files.map((file) => new PrintItem(file)));
  }

  addMedia(media: MediaChoice): void {
    this._take([new PrintItem(null, media)]);
  }

  addEntity(entity: SourceEntity): void {
    this._take([new PrintItem(null, null, entity)]);
  }

  /* Adds an item for the user's text, which begins as the saved draft if there is one; a batch has at most one text.
     Appends `pasted` to the text. */
  addText(pasted = ""): void {
    if (!this.items.some(({ written }) => written)) {
      const name = printText(this._t, "text");
      const item = new PrintItem(null, null, null, new Written(name, this.context.hass.user?.id, this.device));
      this._take([item]);
      if (item.lost) item.error = lostPrint(this.context).message;
    }
    const item = this.items.find(({ written }) => written);
    if (item?.written && pasted && !item.lost)
      this.write(item, { text: [item.written.text, pasted].filter(Boolean).join("\n") });
  }

  /* Changes the user's text, or how it is printed, and removes the preview: updating it would send every word to the
     cloud. */
  write(item: PrintItem, changes: Partial<Pick<Written, "text" | "chosen" | "size">>): void {
    if (!item.written || this.printing || item.lost) return;
    Object.assign(item.written, changes).save();
    this.sending.forget(item.document);
    item.document = item.pages = item.unseen = null;
    item.images = [];
    item.stale = false;
    this._forgetErrors();
    this._recompose();
    this._recall();
    this.changed();
  }

  private _take(items: PrintItem[]): void {
    const room = MAX_FILES - this.items.length;
    this.job = undefined;
    this.problem = items.length > room ? printText(this._t, "too_many", { n: MAX_FILES }) : null;
    for (const item of items.splice(room)) item.discard();
    for (const item of items) {
      if (item.file?.size === 0) item.refused = printText(this._t, "empty");
      this.items = [...this.items, item];
    }
    this._recompose();
    this._recall();
    if (this.offers && !this.offers.failed) this._checkSizes();
    else this._learn();
    void drawAtOnce(this, items);
    this.changed();
  }

  showProblem(problem: string): void {
    this.problem = problem;
    this.changed();
  }

  /* A job with our request id proves that its print was submitted, even if the answer was lost. */
  jobsArrived(jobs: Job[]): void {
    if (this.offers?.lost) this._learn();
    const known = new Set(jobs.map((job) => job.request_id));
    const gone = this.items.filter((one) => one.lost && known.has(one.request));
    if (gone.length) this.job = jobs.find(({ request_id: request }) => request === gone.at(-1)?.request)?.job_id;
    for (const item of gone) this.remove(item);
    if (gone.length && !this.printing && !this.items.some((one) => one.lost || one.error)) this._forget();
    const { combined } = this;
    if (combined?.lost && known.has(combined.request)) this.removeSubmitted(combined.sent);
  }

  remove(item: PrintItem): void {
    item.discard();
    item.written?.forget();
    // While the document is being previewed, `draw` forgets the document at the end.
    if (!item.previewing) this.sending.forget(item.document);
    this.items = this.items.filter((other) => other !== item);
    if (!this.items.length) this._clear();
    if (this.combined?.lost && !this.combined.sent.some((sent) => this.items.includes(sent))) this.combined = null;
    this._recompose();
    this._recall();
    this.changed();
  }

  clear(): void {
    for (const item of this.items) this.remove(item);
  }

  /* Resets the options, which were meant for documents that are gone. */
  private _clear(): void {
    this.typed = { ...BLANK };
    this.errors = {};
    this.combined = null;
    this.chosen = {};
    this.carried = [];
    this._kind = undefined;
    this._decided = [];
  }

  /* Chooses a layout that prints all documents together, and draws its sheets. With null, each document is printed
     separately again. */
  setLayout(layout: LayoutName | null): void {
    if (this.printing || this.isLost) return;
    // Photographed pages stay straightened if the new layout allows straightening.
    const cleans = layout === "layout_clean" || Boolean(layout && this.combined?.cleans && layoutOf(layout).cleans);
    const corners = new Map<PrintItem, Corners>(cleans ? this.combined?.corners : []);
    this.combined = layout && new CombinedPrint(this, layout, cleans, corners);
    this.problem = null;
    this._recall();
    this.changed();
    void (layout ? this.preview() : drawAtOnce(this, this.items));
  }

  /* Switches the straightening of photographed pages on or off. If the layout does not allow straightening, chooses the
     layout that only straightens, or ends that layout. */
  straighten(): void {
    const { combined } = this;
    if (this.printing || this.isLost) return;
    if (combined?.layout === "layout_clean" || !combined || !layoutOf(combined.layout).cleans)
      return this.setLayout(combined?.layout === "layout_clean" ? null : "layout_clean");
    combined.cleans = !combined.cleans;
    combined.renew();
    this._forgetErrors();
    this._optionsChanged();
  }

  setCorners(item: PrintItem, corners: Corners | null): void {
    this._choosePart(this.combined?.corners, item, corners);
  }

  setCut(item: PrintItem, cut: Cut | null): void {
    this._choosePart(this.combined?.cuts, item, cut);
  }

  private _choosePart<T>(chosen: Map<PrintItem, T> | undefined, item: PrintItem, part: T | null): void {
    if (part) chosen?.set(item, part);
    else chosen?.delete(item);
    this._forgetErrors();
    this._optionsChanged();
  }

  setWatermark(text: string): void {
    if (this.combined) this.combined.watermark = text;
    this._forgetErrors();
    this._optionsChanged();
  }

  /* Called when the documents or their order have changed: treats the batch as another print, and drops a layout that
     no longer suits the documents. */
  private _recompose(): void {
    const { combined } = this;
    if (!combined || combined.lost || this.printing) return;
    // The booklet layout is kept even while it is not known whether the printer prints on both sides.
    if (layoutsFor(this.usable, true).includes(combined.layout)) combined.renew();
    else this._separate();
    this._optionsChanged();
  }

  /* Makes Print print each document separately again. */
  private _separate(): void {
    this.combined = null;
    void drawAtOnce(this, this.items);
  }

  move(from: number, to: number): void {
    const items = [...this.items];
    const [item] = items.splice(from, 1);
    if (!item || to < 0 || to > items.length) return;
    items.splice(to, 0, item);
    this.items = items;
    this._recompose();
    this.changed();
  }

  private _learn(): void {
    this.loading ??= this._loadOffers().finally(() => (this.loading = null));
  }

  private async _loadOffers(): Promise<void> {
    try {
      const message = { type: "lianke/printer/options", device_id: this.device };
      const offers = await this.context.hass.callWS<PrinterOptions>(message);
      this.offers = offers;
      keepFields(
        this.device,
        Object.keys(LISTS).filter((name) => offered(this._t, offers, name).length),
      );
    } catch (error) {
      this.offers = { failed: true, lost: isLost(error as CommandError) };
    }
    this._kind = undefined;
    this._recall();
    this._checkSizes();
    // The maximum number of copies is known only now.
    if (Object.keys(this.errors).length) this.applyTyped();
    // Earlier previews were drawn without the options that have just been recalled.
    if (this.offers.failed) this.changed();
    else this._optionsChanged();
  }

  /* Recalls the options chosen the last time for documents of this kind, if the printer offers them. Options that the
     user has chosen for this batch stay, except the paper if the kind has changed, and options that the old or the new
     layout decides. */
  private _recall(): void {
    const { offers, kind, combined } = this;
    const now = `${kind} ${combined?.layout}`;
    if (!offers || this.again || !this._concerned.length || now === this._kind || (this.printing && this._kind)) return;
    const decided = combined ? decidedBy(combined.layout) : [];
    const isOffered = ([name, value]: [string, unknown]) =>
      !decided.includes(name) && offered(this._t, offers, name).some(({ id }) => id === value);
    const papers = this._kind?.startsWith(`${kind} `) ? [] : PAPER;
    const foreign = [...this.carried, ...papers, ...decided, ...this._decided];
    const own = Object.fromEntries(Object.entries(this.chosen).filter(([name]) => !foreign.includes(name)));
    const last = Object.entries(remembered(this.device, kind)).filter(isOffered) as [string, string | number][];
    const before = JSON.stringify(this.chosen);
    this._kind = now;
    this._decided = decided;
    this._hasType = false;
    this.chosen = { ...presetOf(this._t, offers, kind, Object.fromEntries(last)), ...own };
    this.carried = last.map(([name]) => name).filter((name) => !(name in own));
    if (JSON.stringify(this.chosen) !== before) this._optionsChanged();
  }

  private _checkSizes(): void {
    const limit = this.offers?.max_document_bytes;
    for (const item of this.items)
      if (limit && item.file && item.file.size > limit)
        item.refused = printText(this._t, "too_large", { limit: this._t.bytes(limit) });
  }

  /* Chooses a value for an option; undefined stands for the printer's default. */
  choose(name: string, value: string | number | undefined): void {
    const names = [name];
    if (name === "media_type") this._hasType = true;
    const isFollowed = name === "paper" && this.combined?.isPhoto && !this._hasType;
    if (isFollowed) names.push("media_type");
    const others = Object.entries(this.chosen).filter(([other]) => !names.includes(other));
    const carried = this.carried.filter((other) => !names.includes(other));
    const chosen: Chosen = Object.fromEntries(value === undefined ? others : [...others, [name, value]]);
    const type = isFollowed && this.offers ? photoType(this._t, this.offers, this.kind, chosen) : undefined;
    this._setChosen(type === undefined ? chosen : { ...chosen, media_type: type }, carried);
  }

  /* Resets the options to the printer's defaults; a layout with its own paper gets that paper. */
  reset(): void {
    this._hasType = false;
    this._setChosen(this.offers ? presetOf(this._t, this.offers, this.kind) : {}, []);
  }

  private _setChosen(chosen: Chosen, carried: string[]): void {
    this.chosen = chosen;
    this.carried = carried;
    if (!this.again) remember(this.device, this.kind, chosen, this._decided);
    const listed = Object.entries(this.errors).filter(([name]) => !Object.hasOwn(LISTS, name));
    this.errors = Object.fromEntries(listed);
    this._forgetErrors();
    this._optionsChanged();
  }

  /* Removes the errors of earlier attempts, except the error of a lost answer. */
  private _forgetErrors(): void {
    this.problem = null;
    for (const item of this.items) if (!item.lost) item.error = null;
  }

  setTyped(name: keyof Typed, text: string): void {
    this.typed = { ...this.typed, [name]: text };
    const others = Object.entries(this.errors).filter(([other]) => other !== name);
    this.errors = Object.fromEntries(others);
    this._forgetErrors();
    this._optionsChanged();
  }

  /* Normalizes the typed values and shows what is wrong with them; returns true if nothing is wrong. */
  applyTyped(): boolean {
    this.typed = tidied(this.typed);
    const found = this._typedErrors();
    this.errors = { ...this.errors, ...found };
    this.changed();
    return !Object.keys(found).length;
  }

  /* Errors of the typed values, only for fields that the form still has. */
  private _typedErrors(): Record<string, string> {
    const found = Object.entries(typedErrors(this._t, this.offers, tidied(this.typed)));
    return Object.fromEntries(found.filter(([name]) => this.hasField(name)));
  }

  /* Marks all previews as stale. They are drawn again once the options have not changed for a moment. */
  private _optionsChanged(): void {
    for (const item of this.items) item.stale = item.images.length > 0;
    if (this.combined) this.combined.stale = this.combined.images.length > 0;
    this.renewSoon();
    this.changed();
  }

  /* Draws stale previews again after a short wait; each call starts the wait anew. */
  renewSoon(): void {
    clearTimeout(this._previewTimer);
    const stale = (this.combined ? [this.combined] : this.items).filter((one) => one.stale);
    if (!stale.length) return;
    const delay = stale.every((one) => one.isDrawnHere) ? DRAW_AFTER : ASK_CLOUD_AFTER;
    this._previewTimer = setTimeout(() => void this._renewPreviews(), delay);
  }

  private async _renewPreviews(): Promise<void> {
    if (!this.printing && !Object.keys(this._typedErrors()).length)
      await this._previewAll(this.usable.filter((item) => item.stale));
  }

  /* The options as fields of the print action: for all documents, or for the document `item`. */
  options(item?: PrintItem): Record<string, unknown> {
    const { copies, pages } = tidied(this.typed);
    const given = copies ? { copies: Number(copies) } : {};
    // A picture has no pages to choose from.
    const chosen = pages && this.hasField("pages") && !item?.isPicture ? { pages } : {};
    return { ...this.chosen, ...given, ...chosen };
  }

  /* Prints every document that can be printed. A document that fails stays in the batch, with its error. */
  async print(): Promise<void> {
    if (this.printing || this.items.some(({ written }) => written?.composing) || !this.applyTyped()) return;
    this._pressed = this.items;
    clearTimeout(this._previewTimer);
    this.changed();
    const items = this.combined?.items ?? this.usable;
    await this.loading;
    // Values that were typed before the printer's options were known are checked now.
    if (this.applyTyped()) await (this.combined ? this.combined.print(items) : this._printAll(items));
    this._pressed = null;
    // If documents were added or removed during the print, the remaining documents are another print.
    const { combined, usable } = this;
    const isOther = combined ? !areSame(items, usable) : usable.some((item) => !items.includes(item));
    if (isOther) this._recompose();
    if (isOther || !this._kind) this._recall();
    this.renewSoon();
    this.changed();
  }

  private async _printAll(items: PrintItem[]): Promise<void> {
    const all = items.map((item) => [item, item.isRaw ? { raw: true } : this.options(item)] as const);
    for (const [item, options] of all) {
      if (!this.usable.includes(item)) continue; // removed or refused meanwhile
      item.error = null;
      item.written?.asked(item.request);
      try {
        await this._print(item, options);
      } catch (error) {
        // If the answer to the first attempt was lost, that attempt may have been submitted even though its repetition
        // is refused.
        item.lost ||= isLost(error as CommandError);
        await this._explain(item, error as CommandError);
      }
      item.written?.asked(item.lost && this.items.includes(item) ? item.request : null);
      item.phase = null;
      this.changed();
    }
    if (!items.some((item) => this.items.includes(item))) this._forget();
  }

  /* Resets copies, pages and paper: they were meant for the printed documents, not for documents added meanwhile. */
  private _forget(): void {
    this._clear();
    this._recall();
    this._optionsChanged();
  }

  private async _print(item: PrintItem, options: object): Promise<void> {
    const data = { ...options, request_id: item.request };
    const answer = await this.sending.withDocument<PrintAnswer>(item, "print", data, (sent) => {
      item.phase = sent === null ? "submit" : "upload";
      item.sent = sent ?? item.sent;
      this.changed();
    });
    const duplicate = answer.jobs?.[0]?.duplicate;
    this.job = answer.jobs?.at(-1)?.job_id;
    this.context.announceSubmitted(item.name, duplicate ? printText(this._t, "duplicate") : undefined);
    this.remove(item);
  }

  /* Shows an error at the field that it concerns; if there is no such field, at the document. */
  private async _explain(item: PrintItem, error: CommandError): Promise<void> {
    if (!(await this.explainField(error))) item.error = await this._inWords(error, item.lost);
  }

  /* Explains an error in words; `lost` says whether the print may have been submitted. */
  private _inWords(error: CommandError, lost: boolean): Promise<string> {
    return this.context.explain(lost && isLost(error) ? lostPrint(this.context) : error);
  }

  /* Shows an error at the field that it concerns, and returns true; returns false if there is no such field. */
  async explainField(error: CommandError): Promise<boolean> {
    const field = fieldOf(error?.translation_key, error?.translation_placeholders);
    if (!field || this.isChosenOutside(field) || !this.hasField(field)) return false;
    const said = await this.context.explain(error);
    this.errors = { ...this.errors, [field]: said };
    return true;
  }

  /* Draws the previews of all documents. Printing does not wait for them. */
  async preview(): Promise<void> {
    if (!this.applyTyped()) return;
    await this.loading;
    if (!this.combined) for (const item of this.usable) item.atOnce = false;
    this._forgetErrors();
    await this._previewAll(this.usable);
  }

  private async _previewAll(items: PrintItem[]): Promise<void> {
    if (this.combined) return this.combined.preview();
    for (const item of items) await this.draw(item);
  }

  /* Accepts that parts of some documents cannot be drawn, and previews the documents without those parts. */
  async accept(): Promise<void> {
    for (const item of this.items) item.accepted ||= item.incomplete;
    await this.preview();
  }

  async draw(item: PrintItem): Promise<void> {
    if (item.isRaw || item.previewing || item.phase || item.written?.composing || !this.items.includes(item)) return;
    const { atOnce } = item;
    const options = JSON.stringify(this.options(item));
    item.previewing = true;
    item.unseen = null;
    const arrived = slowly(item, () => this.changed());
    this.changed();
    try {
      await this._preview(item);
      if (item.stale) this.renewSoon();
    } catch (error) {
      // The error is about options that have changed since: draw the preview with the new options.
      const isOld = item.images.length > 0 && options !== JSON.stringify(this.options(item));
      if (isOld) {
        item.stale = true;
        this.renewSoon();
      }
      const isWanted = !isOld && !this.printing && this.items.includes(item) && !(error instanceof TakenOver);
      // The user has not asked for this preview, but the error may be about an option chosen since the last preview.
      if (isWanted && atOnce && item.images.length) await this.explainField(error as CommandError);
      else if (isWanted && (!atOnce || isUseless(error as CommandError)))
        await this._explain(item, error as CommandError);
    }
    arrived();
    item.previewing = false;
    this.changed();
    if (!this.items.includes(item)) return this.sending.forget(item.document);
    // Preview was pressed meanwhile: draw what the user has asked for.
    if (atOnce && !item.atOnce && !this.combined) await this.draw(item);
  }

  private async _preview(item: PrintItem): Promise<void> {
    const options = this.options(item);
    const data = item.atOnce ? { ...options, preview_by: "here_only" } : options;
    const answer = await this.sending.withDocument<PreviewAnswer>(item, "preview", data, () => undefined);
    // Another call has stored the document meanwhile. Home Assistant deletes the pictures of this call together with
    // this call's handle.
    if (answer.document && answer.document !== item.document) return;
    item.pages = answer.pages ?? null;
    item.isDrawnHere = answer.drawn_by === "here";
    item.images = (answer.images ?? []).filter(isOwnPicture);
    item.few = "preview_by" in data;
    item.unseen = await whyUnseen(this.context, item.images, answer, item.name);
    item.stale = JSON.stringify(options) !== JSON.stringify(this.options(item));
    this.changed();
    // The next preview replaces these pictures, so let the browser load the first picture before that.
    await fetched(item.images[0]);
  }

  /* Removes documents that were submitted together. */
  removeSubmitted(items: PrintItem[]): void {
    this.combined = null;
    this.problem = null;
    for (const item of items) this.remove(item);
    this._forget();
  }

  /* Shows an error of a combined print at the field that it concerns; without such a field, for the whole batch. */
  async explainCombined(error: CommandError): Promise<void> {
    if (!(await this.explainField(error))) this.problem = await this._inWords(error, this.isLost);
  }
}
