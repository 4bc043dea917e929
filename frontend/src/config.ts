/* The card's configuration: its defaults and its validation. */
import { fill, pageStrings } from "./localize";
import type { CardConfig, HassEntityRegistryEntry, HomeAssistant } from "./types";

export const CARD = "lianke-card";
/* Value of `show` for the card with one sentence and one button. */
export const SIMPLE = "simple";
export const SECTIONS = ["ink", "pages", "print", "jobs"];
/* Domains of entities that can be printed. */
export const SOURCES = ["todo", "calendar", "camera", "image"];
export const domainOf = (entityId: string | undefined) => entityId?.split(".")[0] ?? "";
/* Domains of entities for which Home Assistant's card picker suggests this card. */
const PRINTED = ["todo", "calendar"];
export const RUNNABLE: Record<string, string> = {
  script: "turn_on",
  scene: "turn_on",
  automation: "trigger",
  button: "press",
  input_button: "press",
};
const MAX_HISTORY = 20;

const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "string");

const VALID: Record<string, (value: unknown, config: Record<string, unknown>) => boolean> = {
  devices: isTexts,
  layout: (value) => value === "full" || value === "compact",
  show: (value) => value === SIMPLE || (isTexts(value) && (value as string[]).every((one) => SECTIONS.includes(one))),
  source_entity: (value) => value === "" || (typeof value === "string" && SOURCES.includes(domainOf(value))),
  // A plug powers one printer, so a card with a plug shows exactly one.
  plug: (value, { devices }) =>
    value === "" || (/^\w+\.\w+$/.test(String(value)) && isTexts(devices) && (devices as string[]).length === 1),
  history: (value) => (value as number) >= 0 && (value as number) <= MAX_HISTORY,
  buttons: (value) =>
    Array.isArray(value) && value.every((one) => typeof one?.entity === "string" || one?.data || one?.tap_action),
};

/* The configuration of a new card; without a device, the card shows every printer. */
export const stubConfig = (device?: string | null) => ({
  devices: device ? [device] : [],
  layout: "full" as const,
  show: SECTIONS,
  history: 3,
});

/* Throws an Error with a sentence in the language of the page if the configuration is invalid. */
export const assertConfig = (config: Record<string, unknown>) => {
  for (const [key, isValid] of Object.entries(VALID)) {
    if (config[key] != null && !isValid(config[key], config)) throw new Error(fill(pageStrings().bad_config, { key }));
  }
};

/* Adds the defaults to a valid configuration; null counts as missing. */
export const withDefaults = (config: Record<string, unknown>): CardConfig => {
  const given = Object.entries(config).filter(([, value]) => value != null);
  return { ...stubConfig(), buttons: [], ...Object.fromEntries(given) } as unknown as CardConfig;
};

export const isPrinterEntity = (entry: HassEntityRegistryEntry) =>
  entry.platform === "lianke" && entry.entity_id.startsWith("notify.") && Boolean(entry.device_id);

/* Returns the card to suggest for an entity: for a list or calendar, a card that prints it; for an entity of a printer,
   that printer's card; otherwise null. */
export const suggestCard = (hass: HomeAssistant, entityId: string) => {
  const printers = Object.values(hass.entities).filter(isPrinterEntity);
  const [printer] = printers;
  if (printer && PRINTED.includes(domainOf(entityId))) {
    const config = { ...stubConfig(printer.device_id), show: ["jobs"], history: 0, source_entity: entityId };
    return { config: { type: `custom:${CARD}`, ...config } };
  }
  const device = hass.entities[entityId]?.device_id;
  const isPrinter = printers.some((one) => one.device_id === device);
  return device && isPrinter ? { config: { type: `custom:${CARD}`, ...stubConfig(device) } } : null;
};
