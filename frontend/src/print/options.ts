/* Options of a print: what a printer offers, what was chosen last, and what may be typed. */
import type { Localizer } from "../localize";
import type { LayoutName } from "./layouts";
import { printText } from "./texts";

export interface NamedChoice {
  id: string | number;
  name: string;
  /* The size of a paper in mm, if it is known. */
  width?: number;
  height?: number;
}

/* The answer of `lianke/printer/options`; a list is null if the driver does not report it. */
export interface PrinterOptions {
  papers?: NamedChoice[] | null;
  trays?: NamedChoice[] | null;
  media_types?: NamedChoice[] | null;
  color?: string[] | null;
  duplex?: string[] | null;
  orientation?: string[] | null;
  max_copies?: number | null;
  defaults?: Record<string, string | number | null>;
  max_document_bytes?: number;
  /* Whether the request failed, and whether that was because the connection broke. */
  failed?: boolean;
  lost?: boolean;
}

export type Chosen = Record<string, string | number>;
export interface Typed {
  copies: string;
  pages: string;
}

interface List {
  /* The key of these choices in the answer of `lianke/printer/options`. */
  key?: "papers" | "trays" | "media_types" | "color" | "duplex" | "orientation";
  /* The choices if the printer does not report any. */
  standard: string[];
}

export const LISTS: Record<string, List> = {
  paper: { key: "papers", standard: ["A3", "A4", "A5", "B5", "Letter", "Legal"] },
  color: { key: "color", standard: ["mono", "color"] },
  duplex: { key: "duplex", standard: ["off", "long_edge", "short_edge"] },
  tray: { key: "trays", standard: [] },
  media_type: { key: "media_types", standard: [] },
  orientation: { key: "orientation", standard: ["portrait", "landscape"] },
  quality: { standard: ["draft", "normal", "high", "best"] },
  scale: { standard: ["fit", "fit_width", "fit_height", "fill", "cover", "none"] },
  align: {
    standard: [
      "top_left",
      "top_center",
      "top_right",
      "center_left",
      "center",
      "center_right",
      "bottom_left",
      "bottom_center",
      "bottom_right",
    ],
  },
};
export const FIRST = ["paper", "color", "duplex"];
export const MORE = ["tray", "media_type", "orientation", "quality", "scale", "align"];
const MAX_COPIES = 99;

/* Returns the choices for an option; empty if there are fewer than two, or if the request for the printer's options
   failed. */
export const offered = (t: Localizer, options: PrinterOptions, name: string): NamedChoice[] => {
  const list = Object.hasOwn(LISTS, name) ? LISTS[name] : undefined;
  if (options.failed || !list) return [];
  const choices = (list.key && options[list.key]) ?? list.standard;
  if (choices.length < 2) return [];
  return choices.map((one) => (typeof one === "object" ? one : { id: one, name: choiceName(t, name, one) }));
};

/* The option's name in the integration's print action. */
export const optionName = (t: Localizer, name: string) =>
  t.backend(`services.print.fields.${name}.name`) || name.replaceAll("_", " ");

export const choiceName = (t: Localizer, option: string, id: string) =>
  t.backend(`selector.${option}.options.${id}`) || id.replaceAll("_", " ");

/* A kind of document. Each kind has its own remembered choices, since pictures, ID cards and each size of photos are
   printed on different paper. */
export type Kind = "document" | "picture" | "card" | LayoutName;

/* Options that select the paper. */
export const PAPER = ["paper", "tray", "media_type"];

/* The key under which this browser keeps the last choices for a printer and a kind of document. Copies and pages are
   not kept, since they would waste paper the next time, and nothing is kept for an ID card. */
const storageKey = (device: string, kind: Kind) => `lianke-card:${device}${kind === "document" ? "" : `:${kind}`}`;
/* Values that could not be stored, for example in a browser without storage. They are lost when the user leaves the
   page. */
const kept = new Map<string, string>();

/* Returns the value that this browser has stored under a key, or null if it has none. */
export const stored = (key: string): string | null => {
  try {
    return kept.get(key) ?? localStorage.getItem(key);
  } catch {
    return null;
  }
};

export const store = (key: string, text: string): void => {
  try {
    localStorage.setItem(key, text);
    kept.delete(key);
  } catch {
    kept.set(key, text);
  }
};

export const remembered = (device: string, kind: Kind): Record<string, unknown> => {
  if (kind === "card") return {};
  try {
    return JSON.parse(stored(storageKey(device, kind)) ?? "") || {};
  } catch {
    return {};
  }
};

/* Stores the choices for a printer and a kind of document. besides: options that the layout decides, whose stored
   choices stay as they are. */
export const remember = (device: string, kind: Kind, chosen: Chosen, besides: string[] = []): void => {
  if (kind === "card") return;
  const isKept = ([name]: [string, unknown]) => besides.includes(name);
  const others = Object.entries(remembered(device, kind)).filter(isKept);
  const own = Object.entries(chosen).filter((one) => !isKept(one));
  store(storageKey(device, kind), JSON.stringify(Object.fromEntries([...own, ...others])));
};

const fieldsKey = (device: string) => `lianke-card:${device}:fields`;

export const keepFields = (device: string, fields: string[]): void => store(fieldsKey(device), fields.join(" "));

/* Returns the fields that a printer's form had the last time; all fields if nothing is remembered. */
export const knownFields = (device: string): string[] => stored(fieldsKey(device))?.split(" ") ?? [...FIRST, ...MORE];

const A4: [number, number] = [210, 297];
const PAPERS: Partial<Record<Kind, [number, number]>> = {
  card: A4,
  layout_4r: [102, 152],
  layout_3r: [89, 127],
};
/* Patterns for the names of papers whose size the driver does not report. */
const PAPER_NAMES: Partial<Record<Kind, RegExp>> = {
  card: /^(iso[ _-]?)?a4$/i,
  layout_4r: /^(4\s*[x×*]\s*6|6\s*[x×*]\s*4|10\s*[x×*]\s*15|4r\b|kg\b|6\s*寸)/i,
  layout_3r: /^(3\.5\s*[x×*]\s*5|5\s*[x×*]\s*3\.5|9\s*[x×*]\s*13|3r\b|5\s*寸)/i,
};
/* Sizes of photo papers in mm, the short side first. */
const PHOTO_PAPERS: [number, number][] = [
  [89, 127],
  [102, 152],
  [127, 178],
  [152, 203],
];
/* Maximum difference in mm between the size that a driver reports for a paper and its real size. */
const NEARLY = 3;

/* Patterns for what drivers call photo paper, the most likely first. */
const PHOTO_TYPES = [/photo|相片|相纸|照片/i, /gloss|光泽|光面|高光/i];

const isOfSize = ({ width = 0, height = 0 }: NamedChoice, size: [number, number]) =>
  Math.abs(Math.min(width, height) - size[0]) <= NEARLY && Math.abs(Math.max(width, height) - size[1]) <= NEARLY;

/* Returns the paper that belongs to a kind of document, found by its size, otherwise by its name. */
const ownPaper = (papers: NamedChoice[], kind: Kind): NamedChoice | undefined => {
  const size = PAPERS[kind];
  if (!size) return undefined;
  return papers.find((paper) => isOfSize(paper, size)) ?? papers.find(({ name }) => PAPER_NAMES[kind]?.test(name));
};

const isPhotoPaper = (paper: NamedChoice): boolean =>
  PHOTO_PAPERS.some((size) => isOfSize(paper, size)) ||
  (["layout_4r", "layout_3r"] as const).some((kind) => PAPER_NAMES[kind]?.test(paper.name));

/* Returns the paper or media type with which a print is sent: the user's choice, otherwise the printer's default;
   undefined if neither is known. */
const sentWith = (options: PrinterOptions, name: "paper" | "media_type", chosen: Chosen): NamedChoice | undefined => {
  const list = (name === "paper" ? options.papers : options.media_types) ?? [];
  const id = chosen[name] ?? options.defaults?.[name];
  if (id == null) return undefined;
  return list.find((one) => [String(one.id), one.name].includes(String(id))) ?? { id, name: String(id) };
};

/* Returns the choices with which a kind of document begins: the choices in `last`, and the kind's own paper and media
   type unless `last` has others. */
export const presetOf = (t: Localizer, options: PrinterOptions, kind: Kind, last: Chosen = {}): Chosen => {
  const own = ownPaper(offered(t, options, "paper"), kind);
  const isDefault = own && own.id === sentWith(options, "paper", {})?.id;
  const chosen: Chosen = { ...(own && !isDefault ? { paper: own.id } : {}), ...last };
  const type = photoType(t, options, kind, chosen);
  return type === undefined ? chosen : { media_type: type, ...chosen };
};

/* Returns the id of the media type for photos if they are printed on photo paper of any size; otherwise undefined. */
export const photoType = (t: Localizer, options: PrinterOptions, kind: Kind, chosen: Chosen) => {
  const paper = kind.startsWith("layout_") ? sentWith(options, "paper", chosen) : undefined;
  if (!paper || !isPhotoPaper(paper)) return undefined;
  const types = offered(t, options, "media_type");
  return PHOTO_TYPES.flatMap((words) => types.find(({ name }) => words.test(name)) ?? [])[0]?.id;
};

/* Whether a print with these options comes out on the paper that belongs to its kind. */
export const isOnOwnPaper = (options: PrinterOptions, kind: Kind, chosen: Chosen): boolean => {
  const paper = sentWith(options, "paper", chosen);
  return !!paper && !!ownPaper([paper], kind);
};

/* Returns the printer's own name for the media type of a print; undefined if it has no name. */
export const typeName = (options: PrinterOptions, chosen: Chosen): string | undefined => {
  const type = sentWith(options, "media_type", chosen);
  return type && type.name !== String(type.id) ? type.name.trim() : undefined;
};

export const maxCopies = (options: PrinterOptions | null) => options?.max_copies || MAX_COPIES;

/* Returns the typed values in the form in which they are sent. */
export const tidied = ({ copies, pages }: Typed): Typed => ({
  copies: copies.trim() === "" ? "" : String(Math.floor(Number(copies))),
  pages: pages.trim(),
});

const PIECE = /^\d{1,5}(\s*[-–~～]\s*\d{1,5})?$/;
// Words in Latin or Chinese letters, such as `odd` and `even`, are checked by Home Assistant, not here.
const PLAIN_WORD = /^[a-z\u4e00-\u9fff]+$/i;

/* Returns, by field, a sentence about what is wrong with its value. */
export const typedErrors = (t: Localizer, options: PrinterOptions | null, typed: Typed): Record<string, string> => {
  const errors: Record<string, string> = {};
  const max = maxCopies(options);
  const copies = Number(typed.copies);
  if (typed.copies && !(copies >= 1 && copies <= max)) errors["copies"] = printText(t, "copies_range", { max });
  const pieces = typed.pages
    .split(/[,，、;；]/)
    .map((piece) => piece.trim())
    .filter(Boolean);
  const wrong = pieces.find((piece) => !PIECE.test(piece) && !PLAIN_WORD.test(piece));
  if (wrong) errors["pages"] = printText(t, "pages_invalid", { value: wrong });
  return errors;
};

const FIELDS: Record<string, string> = {
  too_many_copies: "copies",
  invalid_page_range: "pages",
  pages_not_in_document: "pages",
  paper_required: "paper",
  manual_duplex_type: "duplex",
  manual_duplex_not_available: "duplex",
};

/* Returns the field that an error of Home Assistant concerns; undefined if it concerns none. */
export const fieldOf = (key: string | undefined, placeholders?: Record<string, string>): string | undefined => {
  if (!key) return undefined;
  const named = FIELDS[key] ?? /^(.+)_not_available$/.exec(key)?.[1] ?? placeholders?.["option"];
  return named && (Object.hasOwn(LISTS, named) || named === "copies" || named === "pages") ? named : undefined;
};
