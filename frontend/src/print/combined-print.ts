/* A print of all documents of a batch together, in one layout. */
import { isLost, randomId, type CommandError } from "../context";
import { drawAtOnce } from "./at-once";
import type { Batch } from "./batch";
import type { PrintItem } from "./item";
import { isPhoto, layoutOf, type Corners, type Cut, type LayoutName } from "./layouts";
import { isOwnPicture } from "./own-picture";
import { type PreviewAnswer, type PrintAnswer } from "./sending";
import { printText } from "./texts";
import { slowly, whyUnseen } from "./unseen";

export const titleOf = (items: PrintItem[]): string =>
  items.length > 1 ? `${items[0]?.name} + ${items.length - 1}` : (items[0]?.name ?? "");

/* Whether two lists hold the same documents in the same order. */
export const areSame = (some: PrintItem[], others: PrintItem[]): boolean =>
  some.length === others.length && some.every((item, at) => item === others[at]);

/* After a lost answer the request id stays: until the job of that print appears, Print can only repeat the same
   print. */
export class CombinedPrint {
  request = `card-${randomId()}`;
  lost = false;
  /* The documents of the last attempt to print. */
  sent: PrintItem[] = [];
  previewing = false;
  /* Whether the pictures show choices that have changed since. */
  stale = false;
  /* Whether the last preview failed, so that the pictures are from an earlier preview. */
  failed = false;
  isDrawnHere = false;
  images: string[] = [];
  /* Why there are no pictures; null if there are any. */
  unseen: string | null = null;
  /* Whether the preview takes long. */
  slow = false;
  pages: number | null = null;
  watermark = "";

  /* By document, the part of its picture that the user has chosen. */
  readonly cuts = new Map<PrintItem, Cut>();

  /* cleans: whether photographed pages are straightened as well; corners: the corners of these pages, where the user
     has chosen them. */
  constructor(
    private readonly _batch: Batch,
    readonly layout: LayoutName,
    public cleans: boolean,
    readonly corners: Map<PrintItem, Corners>,
  ) {}

  get isCard(): boolean {
    return this.layout === "layout_id_card";
  }

  get isPhoto(): boolean {
    return isPhoto(this.layout);
  }

  /* Makes a new request id when the documents have changed, since other documents are another print. After a lost
     answer the id stays. */
  renew(): void {
    if (!this.lost) this.request = `card-${randomId()}`;
  }

  /* The documents that Print prints. After a lost answer these are the documents of the lost print, without documents
     added since. */
  get items(): PrintItem[] {
    const { usable } = this._batch;
    return this.lost ? this.sent.filter((item) => usable.includes(item)) : usable;
  }

  /* The fields of the action: the options, the layout, and the user's choices for each picture. */
  private _data(): Record<string, unknown> {
    const { items } = this;
    const { fields, shape } = layoutOf(this.layout);
    const data = { ...this._batch.options(), ...fields };
    const watermark = this.watermark.trim();
    if (this.isCard && watermark) data["watermark"] = watermark;
    if (shape && items.some((item) => this.cuts.has(item)))
      data[shape.field] = items.map((item) => this.cuts.get(item) ?? {});
    if (!this.cleans) return data;
    const corners = items.map((item) => this.corners.get(item) ?? []);
    return { ...data, clean: true, ...(corners.some(({ length }) => length) ? { clean_corners: corners } : {}) };
  }

  /* Prints all of these documents, or none if one of them is removed before the action is called. */
  async print(items: PrintItem[]): Promise<void> {
    const batch = this._batch;
    const { context } = batch;
    const data = { ...this._data(), request_id: this.request };
    this.sent = items;
    batch.problem = null;
    let begun = false;
    try {
      const answer = await batch.sending.withAll<PrintAnswer>(items, "print", data, () => {
        begun = true;
        for (const item of items) item.phase = "submit";
        batch.changed();
      });
      const duplicate = answer.jobs?.[0]?.duplicate;
      context.announceSubmitted(titleOf(items), duplicate ? printText(context.localizer, "duplicate") : undefined);
      batch.job = answer.jobs?.at(-1)?.job_id;
      batch.removeSubmitted(items);
    } catch (error) {
      // If the answer to the first attempt was lost, that attempt may have been submitted even though its repetition is
      // refused.
      this.lost ||= begun && isLost(error as CommandError);
      // After Discard or in another layout, nobody waits for this error.
      if (batch.combined === this) await batch.explainCombined(error as CommandError);
    }
    for (const item of items) item.phase = null;
    batch.changed();
  }

  async preview(): Promise<void> {
    if (this.previewing) return;
    const batch = this._batch;
    const { items } = this;
    const data = this._data();
    const isAsItWas = () => JSON.stringify(data) === JSON.stringify(this._data()) && areSame(items, this.items);
    this.previewing = true;
    this.unseen = null;
    const arrived = slowly(this, () => batch.changed());
    batch.changed();
    try {
      const answer = await batch.sending.withAll<PreviewAnswer>(items, "preview", data, () => batch.changed());
      // Home Assistant now keeps the pictures of the sheets instead of the pictures of each document.
      for (const item of items) item.images = [];
      this.images = (answer.images ?? []).filter(isOwnPicture);
      this.pages = answer.pages ?? null;
      this.isDrawnHere = answer.drawn_by === "here";
      this.unseen = await whyUnseen(batch.context, this.images, answer, titleOf(items));
      this.failed = false;
    } catch (error) {
      this.failed = true;
      // An error about choices that have changed since does not matter. During a print, only the errors of the print
      // are shown.
      if (!batch.printing && batch.combined === this && isAsItWas()) await batch.explainCombined(error as CommandError);
    }
    if (!batch.printing) for (const item of items) item.phase = null;
    arrived();
    this.previewing = false;
    this.stale = !isAsItWas();
    // This call has made Home Assistant keep documents again that were removed from the batch meanwhile: forget them.
    for (const item of items) if (!batch.items.includes(item)) batch.sending.forget(item.document);
    if (batch.combined === this) batch.renewSoon();
    else if (!batch.combined) void drawAtOnce(batch, items);
    batch.changed();
  }
}
