/* Texts, numbers and times in the user's language. */
import en from "./translations/en.json";
import zh from "./translations/zh-Hans.json";
import type { HomeAssistant } from "./types";

export type Strings = typeof en;
export type Key = keyof Strings;
type Values = Record<string, unknown>;

const CATEGORIES = ["entity", "exceptions", "selector", "services"];

export const isChinese = (language: string | null | undefined) => /^zh\b/i.test(language ?? "");
const isTraditional = (language: string | null | undefined) => /^zh-(hant|tw|hk|mo)\b/i.test(language ?? "");
export const languageOf = (hass: HomeAssistant) => hass.locale?.language || hass.language;

/* Texts in traditional Chinese, keyed by the same text in simplified Chinese. Undefined until they are loaded. */
let traditional: Record<string, string> | undefined;
const converted = new WeakMap<object, object>();

/* Whether the texts of this language are not loaded yet; until they are, parts are drawn in simplified Chinese. */
export const lacksTexts = (language: string): boolean => isTraditional(language) && !traditional;

export const loadTraditional = async (): Promise<void> => {
  // After an update of the card, the file to import no longer exists.
  traditional ??= await import("./traditional").then(({ traditional: texts }) => texts).catch(() => ({}));
};

const convert = <T>(value: T, texts: Record<string, string>): T => {
  if (typeof value === "string") return (texts[value] ?? value) as T;
  if (Array.isArray(value)) return value.map((one) => convert<unknown>(one, texts)) as T;
  return Object.fromEntries(Object.entries(value as object).map(([key, one]) => [key, convert(one, texts)])) as T;
};

/* Returns the texts in the given language. */
export const textsIn = <T extends object>(language: string, en: T, zh: T): T => {
  if (!isChinese(language)) return en;
  if (!isTraditional(language) || !traditional) return zh;
  if (!converted.has(zh)) converted.set(zh, convert(zh, traditional));
  return converted.get(zh) as T;
};
const stringsFor = (language: string): Strings => textsIn(language, en, zh);

/* The texts in the language of the page, for use before `hass` is known. */
export const pageStrings = () => stringsFor(document.documentElement.lang);

/* Puts values into the {placeholders} of a text; a placeholder without a value stays as it is. */
export const fill = (text: string, values: Values = {}) =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));

/* Values for a text of the integration: a missing value becomes an empty text and not an error. */
export const lenient = (values?: Values): Values =>
  new Proxy({ ...values }, { has: () => true, get: (all, key: string) => all[key] ?? "" });

/* Returns the text `key_1` if n is 1 and there is such a text, otherwise the text `key`. */
const counted = (strings: Record<string, unknown>, key: string, n: number) =>
  String((n === 1 && strings[`${key}_1`]) || strings[key]);

/* Returns functions that look up the texts of a part of the card that is loaded later. */
export const partTexts = <T extends Record<string, unknown>>(en: T, zh: T) => {
  const of = (t: Localizer): T => textsIn(t.language, en, zh);
  return {
    of,
    text: (t: Localizer, key: keyof T, values?: Values) => fill(String(of(t)[key]), values),
    count: (t: Localizer, key: keyof T & string, n: number) => fill(counted(of(t), key, n), { n: t.number(n) }),
  };
};

/* Loads the integration's texts for states, errors, options and actions; Home Assistant then sets a new
   `hass.localize`. */
export const loadTexts = async (hass: HomeAssistant): Promise<void> => {
  for (const category of CATEGORIES) await hass.loadBackendTranslation(category, "lianke");
};

/* The texts of one language. Times follow the user's time zone and clock in Home Assistant. */
export class Localizer {
  readonly language: string;
  readonly isChinese: boolean;
  /* Value of the attribute `lang` for the card's own texts. */
  readonly lang: string;
  readonly strings: Strings;

  constructor(private readonly _hass: HomeAssistant) {
    this.language = languageOf(_hass);
    this.isChinese = isChinese(this.language);
    this.lang = isTraditional(this.language) ? "zh-Hant" : this.isChinese ? "zh-Hans" : "en";
    this.strings = stringsFor(this.language);
  }

  text(key: Key, values?: Values): string {
    return fill(this.strings[key], values);
  }

  count(key: Key, n: number): string {
    return fill(counted(this.strings, key, n), { n: this.number(n) });
  }

  number(value: number, options?: Intl.NumberFormatOptions): string {
    return new Intl.NumberFormat(this.language, options).format(value);
  }

  percent(part: number): string {
    return this.number(part, { style: "percent" });
  }

  bytes(size: number): string {
    const [value, unit] = size < 1e6 ? [Math.max(size / 1e3, 0.1), "kilobyte"] : [size / 1e6, "megabyte"];
    return this.number(value, { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 });
  }

  /* Formats the time of day, with the date unless it is today. */
  time(stamp: string): string {
    const { locale, config } = this._hass;
    const zone = locale?.time_zone === "server" && config?.time_zone ? { timeZone: config.time_zone } : {};
    const clock = { 12: { hour12: true }, 24: { hour12: false } }[locale?.time_format ?? ""] ?? {};
    const day = (date: Date) => new Intl.DateTimeFormat("en", { dateStyle: "short", ...zone }).format(date);
    const date = new Date(stamp);
    const dated = day(date) === day(new Date()) ? {} : ({ month: "short", day: "numeric" } as const);
    const format: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit", ...clock, ...dated, ...zone };
    return new Intl.DateTimeFormat(this.language, format).format(date);
  }

  /* A text of the integration; empty if there is no such text. */
  backend(path: string, values?: Values): string {
    return this._hass.localize(`component.lianke.${path}`, values) ?? "";
  }

  /* Returns a name with the place that tells it apart from the same name elsewhere; the bare name if the place is
     empty. */
  named(name: string, place: string): string {
    if (!place) return name;
    return this.isChinese ? `${name}（${place}）` : `${name} (${place})`;
  }

  /* The name of a state, as the sensor's entity shows it. */
  state(sensor: string, state: string): string {
    return this.backend(`entity.sensor.${sensor}.state.${state}`) || state.replaceAll("_", " ");
  }
}
