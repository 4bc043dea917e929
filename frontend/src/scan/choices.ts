/* The user's choices for a scan or a copy, and the action's fields that follow from them. */
import type { Localizer } from "../localize";
import { choiceName, remember, remembered, type NamedChoice } from "../print/options";
import type { Scanner } from "./types";

export type Mode = "scan" | "copy";

export interface Choices {
  source: string;
  color: string;
  size: string;
  format: string;
  filename: string;
  scan_duplex: boolean;
  two_stacks: boolean;
  skip_blank: boolean;
  several_pages: boolean;
  id_card: boolean;
  printer: string;
  copies: number;
  duplex: string;
}

/* Choices that are remembered for the next scan; choices that differ from document to document are not. */
const KEPT = ["source", "color", "size", "format", "skip_blank"] as const;
const ALL = { source: ["glass", "feeder"], color: ["color", "gray", "mono"], format: ["pdf", "jpeg"] };

/* Returns the choices that the scanner offers; all choices if it does not report its own. */
export const choicesOf = (t: Localizer, scanner: Scanner, name: keyof typeof ALL): NamedChoice[] => {
  const own = { source: scanner.sources, color: scanner.colors, format: null }[name];
  const listed = ALL[name].filter((one) => !own || own.includes(one));
  return listed.map((id) => ({ id, name: choiceName(t, `scan_${name}`, id) }));
};

/* Whether the scanner offers all of these settings. */
export const isOffered = (
  t: Localizer,
  scanner: Scanner,
  { size, scan_duplex, ...chosen }: Partial<Choices>,
): boolean =>
  (!size || !!scanner.sizes?.includes(size)) &&
  !(scan_duplex && scanner.duplex === false) &&
  (Object.keys(ALL) as (keyof typeof ALL)[]).every((name) =>
    choicesOf(t, scanner, name).some(({ id }) => id === chosen[name]),
  );

/* Returns the last choices for this scanner. A choice that the scanner does not offer is replaced with the first that
   the scanner offers. */
export const firstChoices = (t: Localizer, scanner: Scanner, printer: string): Choices => {
  const last = remembered(scanner.device_id, "document");
  const first = (name: keyof typeof ALL) => {
    const ids = choicesOf(t, scanner, name).map(({ id }) => String(id));
    return ids.find((id) => id === last[name]) ?? ids[0] ?? "";
  };
  return {
    source: first("source"),
    color: first("color"),
    format: first("format"),
    size: scanner.sizes?.find((size) => size === last["size"]) ?? "",
    filename: "",
    scan_duplex: false,
    two_stacks: false,
    skip_blank: last["skip_blank"] === 1,
    several_pages: false,
    id_card: false,
    printer,
    copies: 1,
    duplex: "",
  };
};

export const keepChoices = (scanner: Scanner, choices: Choices): void => {
  const kept = (one: string | boolean) => (typeof one === "string" ? one : Number(one));
  remember(scanner.device_id, "document", Object.fromEntries(KEPT.map((name) => [name, kept(choices[name])])));
};

/* Fields for the action that prints scanned pages. */
export const printFields = ({ copies, duplex }: Choices) => ({ copies, ...(duplex ? { duplex } : {}) });

/* Fields for the action that scans or copies. */
export const fieldsOf = (mode: Mode, scanner: Scanner, choices: Choices): Record<string, unknown> => {
  const { source, color, size, format, scan_duplex, two_stacks, skip_blank, several_pages, id_card, printer } = choices;
  const filename = choices.filename.trim();
  const isFed = source === "feeder";
  const scanned = {
    device_id: scanner.device_id,
    color,
    wait: false,
    ...(id_card && mode === "copy" ? {} : { source, ...(isFed && scan_duplex ? { scan_duplex } : {}) }),
  };
  const fed = isFed ? { ...(two_stacks ? { two_stacks } : {}), ...(skip_blank ? { skip_blank } : {}) } : {};
  if (mode === "scan")
    return {
      ...scanned,
      format,
      // After each page or stack the scan waits, so that the user can look at the pages and change them.
      several_pages: true,
      ...fed,
      ...(size ? { size } : {}),
      ...(filename ? { filename } : {}),
    };
  const pages = id_card ? { sheet: "id_card", several_pages: true } : several_pages ? { several_pages } : {};
  return { ...scanned, ...pages, printer, ...printFields(id_card ? { ...choices, duplex: "" } : choices) };
};
