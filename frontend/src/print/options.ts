/* Options of a print: what a printer offers, what was chosen last, and what may be typed. */
import type { Localizer } from "../localize";
import type { LayoutName } from "./layouts";
import { printText } from "./texts";

export interface NamedChoice {
  id: string | number;
  name: string;
  /* Of a paper, in mm, where it is known. */
  width?: number;
  height?: number;
}

/* What `lianke/printer/options` answers; a list is null where the driver does not say. */
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
  /* Nobody could be asked; or that was lost with the connection. */
  failed?: boolean;
  lost?: boolean;
}

export type Chosen = Record<string, string | number>;
export interface Typed {
  copies: string;
  pages: string;
}

interface List {
  /* How the printer's answer calls the choices. */
  key?: "papers" | "trays" | "media_types" | "color" | "duplex" | "orientation";
  /* What can be chosen when the printer did not say. */
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

/* Return what can be chosen of an option; nothing where there is nothing to choose or nobody could be asked. */
export const offered = (t: Localizer, options: PrinterOptions, name: string): NamedChoice[] => {
  const list = Object.hasOwn(LISTS, name) ? LISTS[name] : undefined;
  if (options.failed || !list) return [];
  const choices = (list.key && options[list.key]) ?? list.standard;
  if (choices.length < 2) return [];
  return choices.map((one) => (typeof one === "object" ? one : { id: one, name: choiceName(t, name, one) }));
};

/* Return what an option's field is called, as the integration's action calls it. */
export const optionName = (t: Localizer, name: string) =>
  t.backend(`services.print.fields.${name}.name`) || name.replaceAll("_", " ");

export const choiceName = (t: Localizer, option: string, id: string) =>
  t.backend(`selector.${option}.options.${id}`) || id.replaceAll("_", " ");

/* Pictures are printed on paper that documents are not, an ID card on neither's, and photos of each size on their own. */
export type Kind = "document" | "picture" | "card" | LayoutName;

/* Options that say which paper it is. */
export const PAPER = ["paper", "tray", "media_type"];

/*
 * The last choice for a printer and a kind of document, kept in this browser. Copies and pages are not: they would waste
 * paper the next time. An ID card is begun anew each time.
 */
const storageKey = (device: string, kind: Kind) => `lianke-card:${device}${kind === "document" ? "" : `:${kind}`}`;
/* For a browser that keeps nothing: what is written holds until the page is left. */
const kept = new Map<string, string>();

const read = (key: string): string | null => {
  try {
    return kept.get(key) ?? localStorage.getItem(key);
  } catch {
    return null;
  }
};

const write = (key: string, text: string): void => {
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
    return JSON.parse(read(storageKey(device, kind)) ?? "") || {};
  } catch {
    return {};
  }
};

/* besides: options that are not for this print alone; what was remembered of them stays. */
export const remember = (device: string, kind: Kind, chosen: Chosen, besides: string[] = []): void => {
  if (kind === "card") return;
  const isKept = ([name]: [string, unknown]) => besides.includes(name);
  const others = Object.entries(remembered(device, kind)).filter(isKept);
  const own = Object.entries(chosen).filter((one) => !isKept(one));
  write(storageKey(device, kind), JSON.stringify(Object.fromEntries([...own, ...others])));
};

const fieldsKey = (device: string) => `lianke-card:${device}:fields`;

/* Keep which fields a printer's form has. */
export const keepFields = (device: string, fields: string[]): void => write(fieldsKey(device), fields.join(" "));

/* Return the fields that a printer's form had the last time, at first those that most have. */
export const knownFields = (device: string): string[] => read(fieldsKey(device))?.split(" ") ?? [...FIRST, ...MORE];

const A4: [number, number] = [210, 297];
const PAPERS: Partial<Record<Kind, [number, number]>> = {
  card: A4,
  layout_4r: [102, 152],
  layout_3r: [89, 127],
};
/* How papers are called whose size the driver does not say. */
const PAPER_NAMES: Partial<Record<Kind, RegExp>> = {
  card: /^(iso[ _-]?)?a4$/i,
  layout_4r: /^(4\s*[x×*]\s*6|6\s*[x×*]\s*4|10\s*[x×*]\s*15|4r\b|kg\b|6\s*寸)/i,
  layout_3r: /^(3\.5\s*[x×*]\s*5|5\s*[x×*]\s*3\.5|9\s*[x×*]\s*13|3r\b|5\s*寸)/i,
};
/* Paper that photos are made for, in mm. */
const PHOTO_PAPERS: [number, number][] = [
  [89, 127],
  [102, 152],
  [127, 178],
  [152, 203],
];
/* mm by which drivers differ about a paper. */
const NEARLY = 3;

/* How drivers call paper for photos, the likeliest first. */
const PHOTO_TYPES = [/photo|相片|相纸|照片/i, /gloss|光泽|光面|高光/i];

const isOfSize = ({ width = 0, height = 0 }: NamedChoice, size: [number, number]) =>
  Math.abs(Math.min(width, height) - size[0]) <= NEARLY && Math.abs(Math.max(width, height) - size[1]) <= NEARLY;

/* Return the paper of a kind's own size among some, undefined where there is none. */
const ownPaper = (papers: NamedChoice[], kind: Kind): NamedChoice | undefined => {
  const size = PAPERS[kind];
  if (!size) return undefined;
  return papers.find((paper) => isOfSize(paper, size)) ?? papers.find(({ name }) => PAPER_NAMES[kind]?.test(name));
};

const isPhotoPaper = (paper: NamedChoice): boolean =>
  PHOTO_PAPERS.some((size) => isOfSize(paper, size)) ||
  (["layout_4r", "layout_3r"] as const).some((kind) => PAPER_NAMES[kind]?.test(paper.name));

/* Return what a print is sent with of paper or media type: what was chosen, else the default; undefined if nobody knows. */
const sentWith = (options: PrinterOptions, name: "paper" | "media_type", chosen: Chosen): NamedChoice | undefined => {
  const list = (name === "paper" ? options.papers : options.media_types) ?? [];
  const id = chosen[name] ?? options.defaults?.[name];
  if (id == null) return undefined;
  return list.find((one) => [String(one.id), one.name].includes(String(id))) ?? { id, name: String(id) };
};

/* Return the paper and the type of it that a kind has of its own, as far as they can be chosen and nothing else was. */
export const presetOf = (t: Localizer, options: PrinterOptions, kind: Kind, last: Chosen = {}): Chosen => {
  const own = ownPaper(offered(t, options, "paper"), kind);
  const isDefault = own && own.id === sentWith(options, "paper", {})?.id;
  const chosen: Chosen = { ...(own && !isDefault ? { paper: own.id } : {}), ...last };
  const type = photoType(t, options, kind, chosen);
  return type === undefined ? chosen : { media_type: type, ...chosen };
};

/* Return the type of paper for photos where they are printed on paper for them, of whatever size they are. */
export const photoType = (t: Localizer, options: PrinterOptions, kind: Kind, chosen: Chosen) => {
  const paper = kind.startsWith("layout_") ? sentWith(options, "paper", chosen) : undefined;
  if (!paper || !isPhotoPaper(paper)) return undefined;
  const types = offered(t, options, "media_type");
  return PHOTO_TYPES.flatMap((words) => types.find(({ name }) => words.test(name)) ?? [])[0]?.id;
};

/* Whether what is printed with some options comes out on paper of the kind's own size. */
export const isOnOwnPaper = (options: PrinterOptions, kind: Kind, chosen: Chosen): boolean => {
  const paper = sentWith(options, "paper", chosen);
  return !!paper && !!ownPaper([paper], kind);
};

/* Return what the printer calls the type of paper that a print is sent with, undefined where that cannot be told. */
export const typeName = (options: PrinterOptions, chosen: Chosen): string | undefined => {
  const type = sentWith(options, "media_type", chosen);
  return type && type.name !== String(type.id) ? type.name.trim() : undefined;
};

export const maxCopies = (options: PrinterOptions | null) => options?.max_copies || MAX_COPIES;

/* Return what was typed as it is sent. */
export const tidied = ({ copies, pages }: Typed): Typed => ({
  copies: copies.trim() === "" ? "" : String(Math.floor(Number(copies))),
  pages: pages.trim(),
});

const PIECE = /^\d{1,5}(\s*[-–~～]\s*\d{1,5})?$/;
// Letters of any language that make no page: `odd`, `even` and their like are left for Home Assistant to judge.
const PLAIN_WORD = /^[a-z\u4e00-\u9fff]+$/i;

/* Return what is wrong with what was typed, by field. */
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

/* Return the field that an error of Home Assistant is about, if it is about one. */
export const fieldOf = (key: string | undefined, placeholders?: Record<string, string>): string | undefined => {
  if (!key) return undefined;
  const named = FIELDS[key] ?? /^(.+)_not_available$/.exec(key)?.[1] ?? placeholders?.["option"];
  return named && (Object.hasOwn(LISTS, named) || named === "copies" || named === "pages") ? named : undefined;
};
