/* What the card says of some refusals: the integration's own sentences speak to somebody whose automation prints. */
import { fill } from "./localize";
import en from "./translations/refusals.en.json";
import zh from "./translations/refusals.zh-Hans.json";

/* Return the sentence for a refusal of this key, undefined where the integration's own will do. */
export const refusal = (isChinese: boolean, key: string, values?: Record<string, unknown>): string | undefined => {
  const texts: Record<string, string> = isChinese ? zh : en;
  return Object.hasOwn(texts, key) ? fill(String(texts[key]), values) : undefined;
};
