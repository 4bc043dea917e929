/* Texts of the parts that print. */
import { fill, type Localizer } from "../localize";
import en from "../translations/print.en.json";
import zh from "../translations/print.zh-Hans.json";

export const printText = (t: Localizer, key: keyof typeof en, values?: Record<string, unknown>) =>
  fill((t.isChinese ? zh : en)[key], values);
