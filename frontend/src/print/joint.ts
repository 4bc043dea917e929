/* The documents of a batch while they are printed together, on sheets. */
import { isLost, randomId, type CommandError } from "../context";
import { drawAtOnce } from "./at-once";
import type { Batch } from "./batch";
import type { PrintItem } from "./item";
import { isPhoto, layoutOf, type Corners, type Cut, type LayoutName } from "./layouts";
import { isOwnPicture } from "./own-picture";
import { type PreviewAnswer, type PrintAnswer } from "./sending";
import { printText } from "./texts";
import { slowly, whyUnseen } from "./unseen";

/* Return what documents are called together. */
export const titleOf = (items: PrintItem[]): string =>
  items.length > 1 ? `${items[0]?.name} + ${items.length - 1}` : (items[0]?.name ?? "");

/* Whether two lists are of the same documents, in the same order. */
export const areSame = (some: PrintItem[], others: PrintItem[]): boolean =>
  some.length === others.length && some.every((item, at) => item === others[at]);

/*
 * The request id stays as long as the answer to its print is lost: until the job is seen, whatever is pressed asks for the
 * same print.
 */
export class Joint {
  request = `card-${randomId()}`;
  lost = false;
  /* The documents of the last try to print. */
  sent: PrintItem[] = [];
  previewing = false;
  /* Whether the pictures show something else than what is chosen now. */
  stale = false;
  /* Whether the last preview failed, so that the pictures are of one before. */
  failed = false;
  isDrawnHere = false;
  images: string[] = [];
  /* Why there are none. */
  unseen: string | null = null;
  /* Whether the preview takes long. */
  slow = false;
  pages: number | null = null;
  watermark = "";

  /* What somebody has chosen of each picture. */
  readonly cuts = new Map<PrintItem, Cut>();

  /* cleans: whether photographed pages are straightened, too; by which corners, where somebody has chosen them. */
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

  /* Other documents are another print. */
  renew(): void {
    if (!this.lost) this.request = `card-${randomId()}`;
  }

  /* What is printed: while an answer is lost, what was asked for, and nothing that came since. */
  get items(): PrintItem[] {
    const { usable } = this._batch;
    return this.lost ? this.sent.filter((item) => usable.includes(item)) : usable;
  }

  /* Return the action's fields: the options of all, and the layout. */
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

  /* Print these, or nothing if one of them is gone by now. */
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
      batch.done(items);
    } catch (error) {
      // What refuses a repetition says nothing of the print whose answer was lost.
      this.lost ||= begun && isLost(error as CommandError);
      // Discard ends what was on its way.
      if (batch.joint === this) await batch.explainJoint(error as CommandError);
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
      // Home Assistant keeps the pictures of the sheets instead of those of each document.
      for (const item of items) item.images = [];
      this.images = (answer.images ?? []).filter(isOwnPicture);
      this.pages = answer.pages ?? null;
      this.isDrawnHere = answer.drawn_by === "here";
      this.unseen = await whyUnseen(batch.context, this.images, answer, titleOf(items));
      this.failed = false;
    } catch (error) {
      this.failed = true;
      // An error of what is not wanted any more says nothing, and Print shows its own.
      if (!batch.printing && batch.joint === this && isAsItWas()) await batch.explainJoint(error as CommandError);
    }
    if (!batch.printing) for (const item of items) item.phase = null;
    arrived();
    this.previewing = false;
    this.stale = !isAsItWas();
    // What was removed meanwhile, Home Assistant has been made to keep anew.
    for (const item of items) if (!batch.items.includes(item)) batch.sending.forget(item.document);
    if (batch.joint === this) batch.renewSoon();
    else if (!batch.joint) void drawAtOnce(batch, items);
    batch.changed();
  }
}
