/* The layouts, and which of them suit the chosen documents. */
import type { PrintItem } from "./item";

/* The part of a picture to print, as the action's `id_card_crop` takes it: edges from 0 to 1, turn in degrees. */
export interface Cut {
  left: number;
  top: number;
  right: number;
  bottom: number;
  turn: number;
}

/* The corners of a page in its photo, as the action's `clean_corners` takes them: x and y as parts of the photo's width
   and height. */
export type Point = [number, number];
export type Corners = [Point, Point, Point, Point];

/* The corners of the page that Home Assistant found in a photo; if `found` is false, those of the photo itself. */
export interface Detected {
  found: boolean;
  corners: Corners;
}

/* The shape that a picture is cropped to, in mm; turns: whether the shape is landscape or portrait like the picture. */
export interface Shape {
  field: "id_card_crop" | "photo_crop";
  width: number;
  height: number;
  turns: boolean;
}

interface Layout {
  /* The fields of the print action. */
  fields: Record<string, unknown>;
  /* The shape that pictures are cropped to, if any. */
  shape?: Shape;
  /* Whether photographed pages may be straightened in this layout. */
  cleans?: boolean;
}

/* width, height: in mm. */
const photo = (photo_size: string, width: number, height: number, turns: boolean, more = {}): Layout => ({
  fields: { photo_size, ...more },
  shape: { field: "photo_crop", width, height, turns },
});
/* ID photos fill a sheet and are cut out along their frames. */
const CUT_OUT = { photo_count: 0, sheet_frame: true };

const LAYOUTS = {
  layout_id_card: {
    fields: { sheet: "id_card" },
    shape: { field: "id_card_crop", width: 85.6, height: 54, turns: true },
  },
  layout_4r: photo("4r", 102, 152, true),
  layout_3r: photo("3r", 89, 127, true),
  layout_1_inch: photo("1_inch", 25, 35, false, CUT_OUT),
  layout_2_inch: photo("2_inch", 35, 49, false, CUT_OUT),
  layout_page: { fields: { photo_size: "paper" } },
  layout_clean: { fields: {}, cleans: true },
  layout_both: { fields: { sheet: "2_up", merge: true, merge_new_sheet: false }, cleans: true },
  layout_invoices: { fields: { sheet: "invoices" }, cleans: true },
  layout_2_up: { fields: { sheet: "2_up", merge: true, merge_new_sheet: false }, cleans: true },
  layout_4_up: { fields: { sheet: "4_up", merge: true, merge_new_sheet: false }, cleans: true },
  layout_booklet: { fields: { sheet: "booklet" } },
  layout_merge: { fields: { merge: true } },
} satisfies Record<string, Layout>;

/* Name of a layout, and also the key of its text. */
export type LayoutName = keyof typeof LAYOUTS;

export const layoutOf = (name: LayoutName): Layout => LAYOUTS[name];

/* Whether a layout is a photo size, which has its own paper. */
export const isPhoto = (name: LayoutName): boolean => "photo_size" in LAYOUTS[name].fields;

/* Whether the sheets of a layout are cut, so that Home Assistant prints them on one side unless the user chooses
   otherwise. */
export const isCut = (name: LayoutName): boolean =>
  isPhoto(name) || name === "layout_id_card" || name === "layout_invoices";

/* Whether a layout places pages on sheets, and does not only straighten or join them. */
const isOnSheets = (name: LayoutName): boolean => isPhoto(name) || "sheet" in LAYOUTS[name].fields;

/* Whether the sheets of a layout are landscape or portrait as suits the pages, unless the user chooses otherwise. */
const mayLie = (name: LayoutName): boolean => /^layout_(both|._up)$/.test(name);

/* Options that place a page on its sheet; Home Assistant decides them in every layout that has sheets. */
const PLACES = ["scale", "align"];

/* Options that a layout decides. For these options, the layout does not use the user's choices from other prints, and
   other prints do not use the layout's. */
export const decidedBy = (name: LayoutName): string[] => {
  if (!isOnSheets(name)) return [];
  return [...PLACES, "orientation", ...(isCut(name) || name === "layout_booklet" ? ["duplex"] : [])];
};

/* Whether a layout decides an option and the user cannot choose it. */
export const isSettledBy = (name: LayoutName, option: string): boolean =>
  isOnSheets(name) && (PLACES.includes(option) || (option === "orientation" && !mayLie(name)));

/* Whether an option has no effect on sheets that are printed again. */
export const isFixedOnSheets = (option: string): boolean => [...PLACES, "orientation"].includes(option);

/* OFD files count as PDF files, since Home Assistant converts them. */
const PDF_NAME = /\.(pdf|ofd)$/i;
const VOUCHER = /invoice|receipt|voucher|fapiao|dzfp|发票|發票|票据|收据|行程单|报销|电子票/i;

const PHOTOS: LayoutName[] = ["layout_4r", "layout_3r", "layout_1_inch", "layout_2_inch", "layout_page"];

const isPdf = (item: PrintItem) =>
  item.file?.type === "application/pdf" ||
  /^application\/(pdf|ofd)$/.test(item.media?.media_content_type ?? "") ||
  PDF_NAME.test(item.name);

/* Returns the layouts that suit the documents, the most likely first. The documents are not read: only their names,
   types and number count, and the number of pages if it is known. */
export const layoutsFor = (items: PrintItem[], isTwoSided: boolean): LayoutName[] => {
  if (!items.length || !items.every((item) => item.isPicture || isPdf(item))) return [];
  const areVouchers = items.every((item) => VOUCHER.test(item.name));
  if (items.length === 1) {
    const [item] = items as [PrintItem];
    if (item.isPicture) return areVouchers ? ["layout_clean", ...PHOTOS] : [...PHOTOS, "layout_clean"];
    if (item.pages === 1) return areVouchers ? ["layout_invoices"] : [];
    const several: LayoutName[] = isTwoSided
      ? ["layout_2_up", "layout_4_up", "layout_booklet"]
      : ["layout_2_up", "layout_4_up"];
    return areVouchers ? ["layout_invoices", ...several] : several;
  }
  const arePictures = items.every((item) => item.isPicture);
  if (areVouchers) return ["layout_invoices", arePictures ? "layout_clean" : "layout_merge"];
  if (!arePictures) return ["layout_invoices", "layout_2_up", "layout_merge"];
  return items.length === 2
    ? ["layout_id_card", "layout_both", "layout_clean", "layout_invoices", "layout_4r", "layout_3r", "layout_page"]
    : ["layout_2_up", "layout_4_up", "layout_clean", "layout_invoices", "layout_4r", "layout_3r", "layout_page"];
};
