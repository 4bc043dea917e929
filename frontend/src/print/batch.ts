/*
 * The documents chosen for one printer, with the options for all of them.
 *
 * What Home Assistant can draw by itself is shown at once; any other file leaves the browser on Preview or Print only. It
 * fires `change` whenever there is something new to draw, and outlives the elements that draw it.
 */
import { isLost, type CardContext, type CommandError } from "../context";
import { lostPrint } from "../once";
import type { Job } from "../types";
import { drawAtOnce } from "./at-once";
import { PrintItem, type MediaChoice, type SourceEntity } from "./item";
import { areSame, Joint } from "./joint";
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

const MAX_FILES = 20;
/* ms without another change of options: Home Assistant draws at once, the cloud takes its time and counts. */
const DRAW_AFTER = 250;
const ASK_CLOUD_AFTER = 1000;
/* What will be refused whatever is chosen, and so is told before Print is pressed. */
const USELESS = ["file_damaged", "content_not_as_named", "type_not_supported"];
const isUseless = ({ translation_key: key }: CommandError) => USELESS.includes(key ?? "");
const BLANK: Typed = { copies: "", pages: "" };

export class Batch extends EventTarget {
  items: PrintItem[] = [];
  /* What the printer offers, once that is known. */
  offers: PrinterOptions | null = null;
  chosen: Chosen = {};
  /* Which of the chosen options are the last time's choice, untouched. */
  carried: string[] = [];
  typed: Typed = { ...BLANK };
  /* What is wrong, by field. */
  errors: Record<string, string> = {};
  /* What is wrong with none of the files. */
  problem: string | null = null;
  /* How all documents are printed together, if they are. */
  joint: Joint | null = null;
  /* What is different here from the printer of the job that is printed again, null if this is it. */
  plan: MovePlan | null = null;
  readonly sending = new Sending(this);
  /* Whether something is being chosen in the media library: what was pressed before may be submitted meanwhile. */
  browsing = false;
  /* The job that was handed over last, until something else is to be printed. */
  job: string | undefined;
  /* Until what the printer offers is known. */
  loading: Promise<void> | null = null;

  private _previewTimer: ReturnType<typeof setTimeout> | undefined;
  /* That for which options were chosen, with its layout, and which of them that one decides. */
  private _kind: string | undefined;
  private _decided: string[] = [];
  /* Whether somebody has chosen the type of paper, which follows the paper otherwise. */
  private _hasType = false;
  /* What was there when Print was pressed, until that is done. */
  private _pressed: PrintItem[] | null = null;

  /* again: the job whose document is printed once more; what is not chosen stays as it was for that one. */
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

  /* Those that layouts and options are for: while some are being printed these, whatever is added meanwhile. */
  private get _meant(): PrintItem[] {
    return this._pressed?.filter((item) => this.items.includes(item)) ?? this.items;
  }

  /* Those of them that can be printed. */
  get usable(): PrintItem[] {
    return this._meant.filter((item) => !item.refused);
  }

  /* What kind of documents they are, all together. */
  get kind(): Kind {
    if (this.joint?.isPhoto) return this.joint.layout;
    if (this.joint) return this.joint.isCard ? "card" : "document";
    return this._meant.every((item) => item.isPicture) ? "picture" : "document";
  }

  /* Whether a field of the form is there: of pictures no pages can be chosen, of printer commands nothing. */
  hasField(name: string): boolean {
    if (this._meant.length && this._meant.every((item) => item.isRaw)) return false;
    if (name === "pages") return !this._meant.every((item) => item.isPicture || item.isRaw);
    return name === "copies" || (!!this.offers && offered(this._t, this.offers, name).length > 0);
  }

  /* Whether an option is chosen apart from the form, as this printer may not do it as that of the job. */
  isOpen(name: string): boolean {
    return !!this.plan?.open.some(({ option }) => option === name);
  }

  /* The layouts that make sense for them. */
  get layouts(): LayoutName[] {
    const isTwoSided = this.offers?.duplex?.some((mode) => /^(long|short)_edge$/.test(mode)) ?? false;
    const found = layoutsFor(this.usable, isTwoSided);
    return this.joint && !found.includes(this.joint.layout) ? [this.joint.layout, ...found] : found;
  }

  /* Whether nobody knows if something was submitted, so that it must not be put together in another way. */
  get isLost(): boolean {
    return !!this.joint?.lost || this.items.some((item) => item.lost);
  }

  changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  /* Take files. What comes while others are on their way waits for the next Preview or Print. */
  add(files: File[]): void {
    this._take(files.map((file) => new PrintItem(file)));
  }

  addMedia(media: MediaChoice): void {
    this._take([new PrintItem(null, media)]);
  }

  addEntity(entity: SourceEntity): void {
    this._take([new PrintItem(null, null, entity)]);
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

  /* Have a problem shown that is none of the files'. */
  complain(problem: string): void {
    this.problem = problem;
    this.changed();
  }

  /* Jobs that Home Assistant knows: one with our request id was submitted, though the answer may have been lost. */
  notice(jobs: Job[]): void {
    if (this.offers?.lost) this._learn();
    const known = new Set(jobs.map((job) => job.request_id));
    const gone = this.items.filter((one) => one.lost && known.has(one.request));
    if (gone.length) this.job = jobs.find(({ request_id: request }) => request === gone.at(-1)?.request)?.job_id;
    for (const item of gone) this.remove(item);
    if (gone.length && !this.printing && !this.items.some((one) => one.lost || one.error)) this._forget();
    const { joint } = this;
    if (joint?.lost && known.has(joint.request)) this.done(joint.sent);
  }

  remove(item: PrintItem): void {
    item.discard();
    if (!item.previewing) this.sending.forget(item.document); // else when that is done
    this.items = this.items.filter((other) => other !== item);
    if (!this.items.length) this._clear();
    if (this.joint?.lost && !this.joint.sent.some((sent) => this.items.includes(sent))) this.joint = null;
    this._recompose();
    this._recall();
    this.changed();
  }

  clear(): void {
    for (const item of this.items) this.remove(item);
  }

  /* What was typed was meant for files that are gone. */
  private _clear(): void {
    this.typed = { ...BLANK };
    this.errors = {};
    this.joint = null;
    this.chosen = {};
    this.carried = [];
    this._kind = undefined;
    this._decided = [];
  }

  /* Print all documents together in a layout and show what comes of it, or print each by itself again. */
  lay(layout: LayoutName | null): void {
    if (this.printing || this.isLost) return;
    // Photographed pages stay straightened where that can be.
    const cleans = layout === "layout_clean" || Boolean(layout && this.joint?.cleans && layoutOf(layout).cleans);
    const corners = new Map<PrintItem, Corners>(cleans ? this.joint?.corners : []);
    this.joint = layout && new Joint(this, layout, cleans, corners);
    this.problem = null;
    this._recall();
    this.changed();
    void (layout ? this.preview() : drawAtOnce(this, this.items));
  }

  /* Have photographed pages straightened, or printed as they are again, in the layout that they are printed in. */
  straighten(): void {
    const { joint } = this;
    if (this.printing || this.isLost) return;
    if (joint?.layout === "layout_clean" || !joint || !layoutOf(joint.layout).cleans)
      return this.lay(joint?.layout === "layout_clean" ? null : "layout_clean");
    joint.cleans = !joint.cleans;
    joint.renew();
    this._forgetErrors();
    this._optionsChanged();
  }

  setCorners(item: PrintItem, corners: Corners | null): void {
    this._choosePart(this.joint?.corners, item, corners);
  }

  setCut(item: PrintItem, cut: Cut | null): void {
    this._choosePart(this.joint?.cuts, item, cut);
  }

  private _choosePart<T>(chosen: Map<PrintItem, T> | undefined, item: PrintItem, part: T | null): void {
    if (part) chosen?.set(item, part);
    else chosen?.delete(item);
    this._forgetErrors();
    this._optionsChanged();
  }

  setWatermark(text: string): void {
    if (this.joint) this.joint.watermark = text;
    this._forgetErrors();
    this._optionsChanged();
  }

  /* Other documents, or another order of them, are another print, if it still makes sense. */
  private _recompose(): void {
    const { joint } = this;
    if (!joint || joint.lost || this.printing) return;
    // A booklet that could be chosen stays one.
    if (layoutsFor(this.usable, true).includes(joint.layout)) joint.renew();
    else this._part();
    this._optionsChanged();
  }

  /* Print each document by itself again. */
  private _part(): void {
    this.joint = null;
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
    // How many copies it makes at once is known only now.
    if (Object.keys(this.errors).length) this.tidy();
    // What is drawn already was drawn without what is recalled only now.
    if (this.offers.failed) this.changed();
    else this._optionsChanged();
  }

  /*
   * Take up what was chosen the last time for such documents, as far as it can be seen and changed here. What was chosen for
   * these stays, but for the paper and for what a layout decides, now or until now.
   */
  private _recall(): void {
    const { offers, kind, joint } = this;
    const now = `${kind} ${joint?.layout}`;
    if (!offers || this.again || !this._meant.length || now === this._kind || (this.printing && this._kind)) return;
    const decided = joint ? decidedBy(joint.layout) : [];
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

  /* Choose a value of an option, undefined for the printer's default. */
  choose(name: string, value: string | number | undefined): void {
    const names = [name];
    if (name === "media_type") this._hasType = true;
    const isFollowed = name === "paper" && this.joint?.isPhoto && !this._hasType;
    if (isFollowed) names.push("media_type");
    const others = Object.entries(this.chosen).filter(([other]) => !names.includes(other));
    const carried = this.carried.filter((other) => !names.includes(other));
    const chosen: Chosen = Object.fromEntries(value === undefined ? others : [...others, [name, value]]);
    const type = isFollowed && this.offers ? photoType(this._t, this.offers, this.kind, chosen) : undefined;
    this._setChosen(type === undefined ? chosen : { ...chosen, media_type: type }, carried);
  }

  /* Go back to the printer's defaults, or to the paper of a layout. */
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

  /* What was refused was refused for other options. */
  private _forgetErrors(): void {
    this.problem = null;
    for (const item of this.items) if (!item.lost) item.error = null;
  }

  type(name: keyof Typed, text: string): void {
    this.typed = { ...this.typed, [name]: text };
    const others = Object.entries(this.errors).filter(([other]) => other !== name);
    this.errors = Object.fromEntries(others);
    this._forgetErrors();
    this._optionsChanged();
  }

  /* Write what was typed as it is sent, and say what is wrong with it; returns whether nothing is. */
  tidy(): boolean {
    this.typed = tidied(this.typed);
    const found = this._typedErrors();
    this.errors = { ...this.errors, ...found };
    this.changed();
    return !Object.keys(found).length;
  }

  /* Return what is wrong with what was typed into fields that are still there. */
  private _typedErrors(): Record<string, string> {
    const found = Object.entries(typedErrors(this._t, this.offers, tidied(this.typed)));
    return Object.fromEntries(found.filter(([name]) => this.hasField(name)));
  }

  /* Previews follow the options, once these have been left alone for a moment. */
  private _optionsChanged(): void {
    for (const item of this.items) item.stale = item.images.length > 0;
    if (this.joint) this.joint.stale = this.joint.images.length > 0;
    this.renewSoon();
    this.changed();
  }

  /* Have previews that are stale made anew, in a moment. */
  renewSoon(): void {
    clearTimeout(this._previewTimer);
    const stale = (this.joint ? [this.joint] : this.items).filter((one) => one.stale);
    if (!stale.length) return;
    const delay = stale.every((one) => one.isDrawnHere) ? DRAW_AFTER : ASK_CLOUD_AFTER;
    this._previewTimer = setTimeout(() => void this._renewPreviews(), delay);
  }

  private async _renewPreviews(): Promise<void> {
    if (!this.printing && !Object.keys(this._typedErrors()).length)
      await this._previewAll(this.usable.filter((item) => item.stale));
  }

  /* Return the options as the action takes them, for all documents or for one of them. */
  options(item?: PrintItem): Record<string, unknown> {
    const { copies, pages } = tidied(this.typed);
    const given = copies ? { copies: Number(copies) } : {};
    // A picture has no pages to choose from.
    const chosen = pages && this.hasField("pages") && !item?.isPicture ? { pages } : {};
    return { ...this.chosen, ...given, ...chosen };
  }

  /* Print all files that can be; what fails stays, with the reason. */
  async print(): Promise<void> {
    if (this.printing || !this.tidy()) return;
    this._pressed = this.items;
    clearTimeout(this._previewTimer);
    this.changed();
    const items = this.joint?.items ?? this.usable;
    await this.loading;
    // What was typed too early to be checked is checked now.
    if (this.tidy()) await (this.joint ? this.joint.print(items) : this._printAll(items));
    this._pressed = null;
    // With what has been added, or without a part of its sheets, what is left is another print.
    const { joint, usable } = this;
    const isOther = joint ? !areSame(items, usable) : usable.some((item) => !items.includes(item));
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
      try {
        await this._print(item, options);
      } catch (error) {
        // What refuses a repetition says nothing of the print whose answer was lost.
        item.lost ||= isLost(error as CommandError);
        await this._explain(item, error as CommandError);
      }
      item.phase = null;
      this.changed();
    }
    if (!items.some((item) => this.items.includes(item))) this._forget();
  }

  /* Copies, pages and paper were meant for what is printed, not for what was added meanwhile. */
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

  /* Show an error where it belongs: at the field that it is about, else at the file. */
  private async _explain(item: PrintItem, error: CommandError): Promise<void> {
    if (!(await this.explainField(error))) item.error = await this._say(error, item.lost);
  }

  /* Return a sentence for an error; lost: whether it is of a print that may have been submitted. */
  private _say(error: CommandError, lost: boolean): Promise<string> {
    return this.context.explain(lost && isLost(error) ? lostPrint(this.context) : error);
  }

  /* Show an error at the field that it is about; returns whether there is one. */
  async explainField(error: CommandError): Promise<boolean> {
    const field = fieldOf(error?.translation_key, error?.translation_placeholders);
    if (!field || this.isOpen(field) || !this.hasField(field)) return false;
    const said = await this.context.explain(error);
    this.errors = { ...this.errors, [field]: said };
    return true;
  }

  /* Have previews made; printing does not wait for them. */
  async preview(): Promise<void> {
    if (!this.tidy()) return;
    await this.loading;
    if (!this.joint) for (const item of this.usable) item.atOnce = false;
    this._forgetErrors();
    await this._previewAll(this.usable);
  }

  private async _previewAll(items: PrintItem[]): Promise<void> {
    if (this.joint) return this.joint.preview();
    for (const item of items) await this.draw(item);
  }

  /* Have a preview of a document made. */
  async draw(item: PrintItem): Promise<void> {
    if (item.isRaw || item.previewing || item.phase || !this.items.includes(item)) return;
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
      // What was refused is not chosen any more: what is, is drawn instead.
      const isOld = item.images.length > 0 && options !== JSON.stringify(this.options(item));
      if (isOld) {
        item.stale = true;
        this.renewSoon();
      }
      const isWanted = !isOld && !this.printing && this.items.includes(item) && !(error instanceof TakenOver);
      // Nobody has asked for it, but what was chosen since may be wrong.
      if (isWanted && atOnce && item.images.length) await this.explainField(error as CommandError);
      else if (isWanted && (!atOnce || isUseless(error as CommandError)))
        await this._explain(item, error as CommandError);
    }
    arrived();
    item.previewing = false;
    this.changed();
    if (!this.items.includes(item)) return this.sending.forget(item.document);
    // Preview was pressed meanwhile.
    if (atOnce && !item.atOnce && !this.joint) await this.draw(item);
  }

  private async _preview(item: PrintItem): Promise<void> {
    const options = this.options(item);
    const data = item.atOnce ? { ...options, preview_by: "here_only" } : options;
    const answer = await this.sending.withDocument<PreviewAnswer>(item, "preview", data, () => undefined);
    // Another call has had it kept meanwhile, and these pictures go with what is not.
    if (answer.document && answer.document !== item.document) return;
    item.pages = answer.pages ?? null;
    item.isDrawnHere = answer.drawn_by === "here";
    item.images = (answer.images ?? []).filter(isOwnPicture);
    item.few = "preview_by" in data;
    item.unseen = await whyUnseen(this.context, item.images, answer, item.name);
    item.stale = JSON.stringify(options) !== JSON.stringify(this.options(item));
    this.changed();
    // A preview for other options takes the place of this one, whose picture must not be missing then.
    await fetched(item.images[0]);
  }

  /* Forget documents that were submitted together. */
  done(items: PrintItem[]): void {
    this.joint = null;
    this.problem = null;
    for (const item of items) this.remove(item);
    this._forget();
  }

  /* Show an error of documents that are printed together. */
  async explainJoint(error: CommandError): Promise<void> {
    if (!(await this.explainField(error))) this.problem = await this._say(error, this.isLost);
  }
}
