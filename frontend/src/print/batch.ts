/*
 * The documents chosen for one printer, with the options for all of them.
 *
 * Choosing sends nothing: a file leaves the browser on Preview or Print. It fires `change` whenever there is something new
 * to draw, and outlives the elements that draw it.
 */
import { isLost, type CardContext, type CommandError } from "../context";
import type { Job } from "../types";
import { PrintItem, type MediaChoice } from "./item";
import {
  fieldOf,
  LISTS,
  offered,
  remember,
  remembered,
  tidied,
  typedErrors,
  type Chosen,
  type PrinterOptions,
  type Typed,
} from "./options";
import { printText } from "./texts";
import { upload } from "./upload";

const MAX_FILES = 20;
const PREVIEW_AFTER = 1000; // ms without another change of options
const BLANK: Typed = { copies: "", pages: "" };

interface PrintAnswer {
  jobs: { duplicate?: boolean }[];
}
interface PreviewAnswer {
  document: string;
  pages: number | null;
  images: string[];
}

/* Only pictures that Home Assistant itself serves. */
const isOwnPicture = (url: string) => /^\/(?!\/)/.test(url) || url.startsWith("data:image/");

export class Batch extends EventTarget {
  items: PrintItem[] = [];
  /* What the printer offers, once that is known. */
  offers: PrinterOptions | null = null;
  chosen: Chosen = {};
  /* Whether what is chosen is the last time's choice, untouched. */
  asLastTime = false;
  typed: Typed = { ...BLANK };
  /* What is wrong, by field. */
  errors: Record<string, string> = {};
  /* What is wrong with none of the files. */
  problem: string | null = null;
  printing = false;

  private _loading: Promise<void> | null = null;
  private _previewTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    public context: CardContext,
    readonly device: string,
  ) {
    super();
  }

  private get _t() {
    return this.context.localizer;
  }

  private _changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  /* Take files. What comes while others are on their way waits for the next Preview or Print. */
  add(files: File[]): void {
    this._take(files.map((file) => new PrintItem(file)));
  }

  addMedia(media: MediaChoice): void {
    this._take([new PrintItem(null, media)]);
  }

  private _take(items: PrintItem[]): void {
    const room = MAX_FILES - this.items.length;
    this.problem = items.length > room ? printText(this._t, "too_many", { n: MAX_FILES }) : null;
    for (const item of items.slice(room)) item.discard();
    for (const item of items.slice(0, room)) {
      if (item.file?.size === 0) item.refused = printText(this._t, "empty");
      this.items = [...this.items, item];
    }
    if (this.offers && !this.offers.failed) this._checkSizes();
    else this._loading ??= this._loadOffers().finally(() => (this._loading = null));
    this._changed();
  }

  /* Have a problem shown that is none of the files'. */
  complain(problem: string): void {
    this.problem = problem;
    this._changed();
  }

  /* Jobs that Home Assistant knows: one with our request id was submitted, though the answer may have been lost. */
  notice(jobs: Job[]): void {
    for (const item of this.items.filter((one) => one.lost))
      if (jobs.some((job) => job.request_id === item.request)) this.remove(item);
  }

  remove(item: PrintItem): void {
    item.discard();
    this.items = this.items.filter((other) => other !== item);
    if (!this.items.length) this._clear();
    this._changed();
  }

  clear(): void {
    for (const item of this.items) this.remove(item);
  }

  /* What was typed was meant for files that are gone. */
  private _clear(): void {
    this.typed = { ...BLANK };
    this.errors = {};
  }

  move(from: number, to: number): void {
    const items = [...this.items];
    const [item] = items.splice(from, 1);
    if (!item || to < 0 || to > items.length) return;
    items.splice(to, 0, item);
    this.items = items;
    this._changed();
  }

  private async _loadOffers(): Promise<void> {
    try {
      const message = { type: "lianke/printer/options", device_id: this.device };
      this.offers = await this.context.hass.callWS<PrinterOptions>(message);
    } catch {
      this.offers = { failed: true };
    }
    const { offers } = this;
    // Of the last choice, only what can be seen and changed here.
    const last = Object.entries(remembered(this.device)).filter(([name, value]) =>
      offered(this._t, offers, name).some(({ id }) => id === value),
    );
    this.chosen = Object.fromEntries(last) as Chosen;
    this.asLastTime = last.length > 0;
    this._checkSizes();
    // How many copies it makes at once is known only now.
    if (Object.keys(this.errors).length) this.tidy();
    this._changed();
  }

  private _checkSizes(): void {
    const limit = this.offers?.max_document_bytes;
    for (const item of this.items)
      if (limit && item.file && item.file.size > limit)
        item.refused = printText(this._t, "too_large", { limit: this._t.bytes(limit) });
  }

  /* Choose a value of an option, undefined for the printer's default. */
  choose(name: string, value: string | number | undefined): void {
    const others = Object.entries(this.chosen).filter(([other]) => other !== name);
    this._setChosen(Object.fromEntries(value === undefined ? others : [...others, [name, value]]));
  }

  /* Go back to the printer's defaults. */
  reset(): void {
    this._setChosen({});
  }

  private _setChosen(chosen: Chosen): void {
    this.chosen = chosen;
    this.asLastTime = false;
    remember(this.device, chosen);
    const listed = Object.entries(this.errors).filter(([name]) => !Object.hasOwn(LISTS, name));
    this.errors = Object.fromEntries(listed);
    this._optionsChanged();
  }

  type(name: keyof Typed, text: string): void {
    this.typed = { ...this.typed, [name]: text };
    const others = Object.entries(this.errors).filter(([other]) => other !== name);
    this.errors = Object.fromEntries(others);
    this._optionsChanged();
  }

  /* Write what was typed as it is sent, and say what is wrong with it; returns whether nothing is. */
  tidy(): boolean {
    this.typed = tidied(this.typed);
    const found = typedErrors(this._t, this.offers, this.typed);
    this.errors = { ...this.errors, ...found };
    this._changed();
    return !Object.keys(found).length;
  }

  /* Previews follow the options, once these have been left alone for a moment. */
  private _optionsChanged(): void {
    for (const item of this.items) item.stale = item.images.length > 0;
    clearTimeout(this._previewTimer);
    if (this.items.some((item) => item.stale))
      this._previewTimer = setTimeout(() => void this._renewPreviews(), PREVIEW_AFTER);
    this._changed();
  }

  private async _renewPreviews(): Promise<void> {
    if (!this.printing && !Object.keys(typedErrors(this._t, this.offers, tidied(this.typed))).length)
      await this._previewAll(this.items.filter((item) => item.stale && !item.refused));
  }

  /* Return the options as the action takes them. */
  private _options(): Record<string, unknown> {
    const { copies, pages } = tidied(this.typed);
    const given = copies ? { copies: Number(copies) } : {};
    // A picture has no pages to choose from.
    const chosen = pages && !this.items.every((item) => item.isPicture) ? { pages } : {};
    return { ...this.chosen, ...given, ...chosen };
  }

  /* Print all files that can be; what fails stays, with the reason. */
  async print(): Promise<void> {
    if (this.printing || !this.tidy()) return;
    this.printing = true;
    clearTimeout(this._previewTimer);
    this._changed();
    await this._loading;
    // What was typed too early to be checked is checked now.
    if (this.tidy()) await this._printAll(this.items.filter((item) => !item.refused));
    this.printing = false;
    this._changed();
  }

  private async _printAll(items: PrintItem[]): Promise<void> {
    const options = this._options();
    for (const item of items) {
      if (!this.items.includes(item)) continue; // removed while another was under way
      item.error = null;
      item.lost = false;
      try {
        await this._print(item, item.isRaw ? { raw: true } : options);
      } catch (error) {
        item.lost = isLost(error as CommandError);
        await this._explain(item, error as CommandError);
      }
      item.phase = null;
      this._changed();
    }
    // Copies and pages were meant for these files, not for what was added meanwhile.
    if (!items.some((item) => this.items.includes(item))) this._clear();
  }

  private async _print(item: PrintItem, options: object): Promise<void> {
    const data = { ...options, request_id: item.request };
    const answer = await this._withDocument<PrintAnswer>(item, "print", data, (sent) => {
      item.phase = sent === null ? "submit" : "upload";
      item.sent = sent ?? item.sent;
      this._changed();
    });
    const duplicate = answer.jobs?.[0]?.duplicate;
    this.context.announceSubmitted(item.name, duplicate ? printText(this._t, "duplicate") : undefined);
    this.remove(item);
  }

  /* Show an error where it belongs: at the field that it is about, else at the file. */
  private async _explain(item: PrintItem, error: CommandError): Promise<void> {
    const text = await this.context.explain(error);
    const field = fieldOf(error.translation_key, error.translation_placeholders);
    if (field) this.errors = { ...this.errors, [field]: text };
    else item.error = text;
  }

  /* Have previews made; printing does not wait for them. */
  async preview(): Promise<void> {
    if (!this.tidy()) return;
    await this._loading;
    await this._previewAll(this.items.filter((item) => !item.refused));
  }

  private async _previewAll(items: PrintItem[]): Promise<void> {
    for (const item of items) {
      if (item.isRaw || item.previewing || item.phase || !this.items.includes(item)) continue;
      item.previewing = true;
      item.error = null;
      this._changed();
      try {
        await this._preview(item);
      } catch (error) {
        if (!this.printing && this.items.includes(item)) await this._explain(item, error as CommandError);
      }
      item.previewing = false;
      this._changed();
    }
  }

  private async _preview(item: PrintItem): Promise<void> {
    const options = this._options();
    const answer = await this._withDocument<PreviewAnswer>(item, "preview", options, () => undefined);
    item.document = answer.document ?? item.document;
    item.pages = answer.pages ?? null;
    item.images = (answer.images ?? []).filter(isOwnPicture);
    item.stale = JSON.stringify(options) !== JSON.stringify(this._options());
  }

  /*
   * Call an action with a document: by the handle of an earlier preview while that is kept, else by a new upload.
   * progress is called with the bytes uploaded, and with null once the action is called.
   */
  private async _withDocument<T>(
    item: PrintItem,
    service: string,
    data: object,
    progress: (sent: number | null) => void,
  ): Promise<Partial<T>> {
    const call = (source: object) => {
      progress(null);
      return this.context.call<T>(service, { device_id: this.device, ...data, ...source });
    };
    if (item.document) {
      try {
        return await call({ document: item.document });
      } catch (error) {
        if ((error as CommandError)?.translation_key !== "document_gone") throw error;
        item.document = null;
      }
    }
    if (item.media) {
      const { media_content_id, media_content_type } = item.media;
      return call({ media: { media_content_id, media_content_type } });
    }
    progress(0);
    return call({ upload: await upload(this.context, item.file as File, progress, item.signal) });
  }
}
