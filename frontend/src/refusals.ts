/* Turns the error of a refused command or action into a sentence. Loaded at the first refusal. */
import type { CardContext, CommandError } from "./context";
import { fill, lenient, textsIn, type Localizer } from "./localize";
import en from "./translations/refusals.en.json";
import zh from "./translations/refusals.zh-Hans.json";

/* Returns the card's own text for an error whose usual text does not fit what is on the screen; empty for any other
   error. */
const own = ({ language }: Localizer, key: string): string => {
  const texts: Record<string, string> = textsIn(language, en, zh);
  return Object.hasOwn(texts, key) ? String(texts[key]) : "";
};

/* Translates the values of an error's placeholders: a placeholder `NAME` that comes with `NAME_key` gets the text of
   that key. `value` and `allowed` name values of an option (except in `raw_refuses_options`), all others fields of the
   print action. */
const inWords = (t: Localizer, key: string, values: Record<string, string> = {}): Record<string, string> => {
  const word = (of: string, name: string) => {
    const isField = !["value", "allowed"].includes(of) || key === "raw_refuses_options";
    const path = isField ? `services.print.fields.${name}.name` : `selector.${values["option_key"]}.options.${name}`;
    return t.backend(path) || name;
  };
  const worded = Object.entries(values).flatMap(([name, names]) => {
    const of = /^(.+)_key$/.exec(name)?.[1];
    const words = of && names.split(", ").map((one) => word(of, one));
    return words ? [[of, words.join(t.isChinese ? "、" : ", ")]] : [];
  });
  return { ...values, ...(Object.fromEntries(worded) as Record<string, string>) };
};

/* Returns the sentence for an error; empty if neither the card nor the integration has a text for it. */
export const refusal = async ({ hass, localizer }: CardContext, error: CommandError): Promise<string> => {
  const { code, translation_domain: domain, translation_key: key, translation_placeholders: values } = error ?? {};
  if (code === "unauthorized") return own(localizer, "unauthorized");
  if (!domain || !key) return "";
  const said = domain === "lianke" && own(localizer, key);
  const kinds = values?.["kinds"];
  if (said && !kinds) return fill(said, inWords(localizer, key, values));
  // If there is no connection, use the texts that were loaded before.
  const localize = await hass.loadBackendTranslation("exceptions", domain).catch(() => hass.localize);
  const text = (name: string, filled: Record<string, string>) =>
    localize(`component.${domain}.exceptions.${name}.message`, lenient(filled));
  if (!said || !kinds) return text(key, inWords(localizer, key, values));
  // The kinds of content of an OFD file that cannot be drawn, each with its pages: `seal: 1, 3; text: 2`.
  const missing = kinds.split("; ").map((one) => {
    const [kind = "", pages = ""] = one.split(": ");
    return text(`ofd_missing_${kind}`, { pages, letters: values["letters"] ?? "" }) || one;
  });
  return fill(said, { ...values, missing: missing.join(localizer.isChinese ? "、" : ", ") });
};
