/* Texts of the parts that print. */
import { partTexts } from "../localize";
import en from "../translations/print.en.json";
import zh from "../translations/print.zh-Hans.json";

export const { text: printText } = partTexts(en, zh);
