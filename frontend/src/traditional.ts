/* The card's texts in the traditional Chinese of Taiwan. Loaded only for users of that language. */
import texts from "./translations/zh-Hant.json";

export const traditional: Record<string, string> = texts;
