/* The card's texts as Taiwan writes Chinese. Loaded for users of that language. */
import texts from "./translations/zh-Hant.json";

export const traditional: Record<string, string> = texts;
