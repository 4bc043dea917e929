/* The card for readers of traditional Chinese: all of it, from its first frame on. */
/// <reference types="vite/client" />
import { afterEach, expect, test, vi } from "vitest";
import { makeJob } from "./stand-in";
import { SCENES, all, set, type Scene } from "./scenes";
import texts from "../src/translations/zh-Hant.json";

vi.mock("../src/print/upload", () => ({ upload: async () => "file" }));
afterEach(() => void vi.useRealTimers());

const parts: Record<string, unknown> = import.meta.glob("../src/translations/*zh-Hans.json", {
  eager: true,
  import: "default",
});
const leaves = (value: unknown): string[] =>
  typeof value === "string" ? [value] : Object.values(value as object).flatMap(leaves);
const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([one]) => one).sort();

test("every text is there, with the same placeholders", () => {
  const wanted = Object.values(parts).flatMap(leaves);
  expect(Object.keys(texts).sort()).toEqual([...new Set(wanted)].sort());
  for (const [simplified, traditional] of Object.entries(texts))
    expect(placeholders(traditional), simplified).toEqual(placeholders(simplified));
});

/* Characters that only simplified Chinese has, among those of the card. */
const SIMPLIFIED = /[们个为这时会来过还没对开关进页纸张选择设预览发给经]/u;
const seen = () =>
  all("*")
    .flatMap((one) => [one.ariaLabel ?? "", ...[...one.childNodes].filter((node) => node instanceof Text)])
    .map((one) => (typeof one === "string" ? one : one.data).trim())
    .filter((text) => /\p{sc=Han}/u.test(text));

test.each(Object.entries(SCENES))("a card %s is in one language", async (_name: string, scene: Scene) => {
  await set({ jobs: [makeJob({ title: "One" })], ...scene }, "zh-Hant");
  const words = seen();
  expect(words.length).toBeGreaterThan(3);
  expect(words.filter((text) => SIMPLIFIED.test(text))).toEqual([]);
  expect(all("ha-card")[0]?.lang).toBe("zh-Hant");
});
