/* Layouts that suit the documents somebody has chosen. */
import type { PrintItem } from "./item";

/* The part of a picture that is printed, as the action's `id_card_crop` takes it. */
export interface Cut {
  left: number;
  top: number;
  right: number;
  bottom: number;
  turn: number;
}

/* The action's fields for each layout. */
const FIELDS = {
  layout_id_card: { sheet: "id_card" },
  layout_both: { sheet: "2_up", merge: true, merge_new_sheet: false },
  layout_invoices: { sheet: "invoices" },
  layout_2_up: { sheet: "2_up", merge: true, merge_new_sheet: false },
  layout_4_up: { sheet: "4_up", merge: true, merge_new_sheet: false },
  layout_booklet: { sheet: "booklet" },
  layout_merge: { merge: true },
};

/* A layout is called by the key of its text. */
export type LayoutName = keyof typeof FIELDS;

export const fieldsOf = (layout: LayoutName): Record<string, unknown> => FIELDS[layout];

const PDF_NAME = /\.pdf$/i;
const VOUCHER = /invoice|receipt|voucher|fapiao|dzfp|发票|發票|票据|收据|行程单|报销|电子票/i;

const isPdf = (item: PrintItem) =>
  item.file?.type === "application/pdf" ||
  item.media?.media_content_type === "application/pdf" ||
  PDF_NAME.test(item.name);

/*
 * Return the layouts that make sense for some documents, the likeliest first. Nothing of them is read: their names, their
 * kinds and how many there are have to do.
 */
export const layoutsFor = (items: PrintItem[], isTwoSided: boolean): LayoutName[] => {
  if (!items.length || !items.every((item) => item.isPicture || isPdf(item))) return [];
  const areVouchers = items.every((item) => VOUCHER.test(item.name));
  if (items.length === 1) {
    const [item] = items as [PrintItem];
    if (item.isPicture) return [];
    if (item.pages === 1) return areVouchers ? ["layout_invoices"] : [];
    const several: LayoutName[] = isTwoSided
      ? ["layout_2_up", "layout_4_up", "layout_booklet"]
      : ["layout_2_up", "layout_4_up"];
    return areVouchers ? ["layout_invoices", ...several] : several;
  }
  if (areVouchers) return ["layout_invoices", "layout_merge"];
  if (!items.every((item) => item.isPicture)) return ["layout_invoices", "layout_2_up", "layout_merge"];
  return items.length === 2
    ? ["layout_id_card", "layout_both", "layout_invoices"]
    : ["layout_2_up", "layout_4_up", "layout_invoices"];
};
