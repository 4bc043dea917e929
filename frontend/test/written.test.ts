import { beforeEach, describe, expect, test, vi } from "vitest";
import "../src/components/printer-events";
import { Batch } from "../src/print/batch";
import "../src/print/print-form";
import "../src/print/text";
import type { PrintItem } from "../src/print/item";
import { Written, keepDraftsOf } from "../src/print/written";
import type { Part } from "../src/components/part";
import { announced, asked, find, makeContext, makeHass, makeJob, partOf, show } from "./stand-in";

const OPTIONS = { papers: [{ id: 9, name: "A4" }], max_copies: 5 };
const LOST = { code: 3 };
const PRINTED = { jobs: [{ job_id: "job" }] };

const makeBatch = (answers: Record<string, unknown> = {}, user = "anna") => {
  const hass = makeHass({ "lianke/printer/options": OPTIONS, print: PRINTED, ...answers });
  hass.user = { id: user, is_admin: false };
  return new Batch(makeContext(hass), "device");
};
const textOf = (batch: Batch) => batch.items.find(({ written }) => written) as PrintItem;
const writtenIn = (batch: Batch) => textOf(batch).written as Written;
const calls = (service: string) =>
  asked
    .filter((message) => message["service"] === service)
    .map((one) => one["service_data"] as Record<string, unknown>);
const write = (batch: Batch, text: string) => {
  batch.addText();
  batch.write(textOf(batch), { text });
};

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  asked.length = announced.length = 0;
});

const sourceOf = (text: string, changes: Partial<Written> = {}) =>
  Object.assign(new Written("Text", "anna", "device"), { text, ...changes }).source;

describe("what is printed of a text", () => {
  test.each([
    ["Milk\n2 eggs", {}, { text: "Milk\n2 eggs" }],
    ["# Milk", { chosen: "markdown" }, { markdown: "# Milk" }],
    ["Milk", { size: "huge" }, { text: "Milk", text_size: "huge" }],
    [" https://a.example/x%20y.pdf\n", {}, { url: "https://a.example/x%20y.pdf" }],
    // The size of type means nothing for what is downloaded.
    ["https://a.example/x.pdf", { size: "huge" }, { url: "https://a.example/x.pdf" }],
    // A choice that no longer suits the text does not count.
    ["Milk", { chosen: "address" }, { text: "Milk" }],
    // Home Assistant decodes the content of the code.
    [
      "https://a.example/x%20y",
      { chosen: "code" },
      { markdown: "![](<qr:https://a.example/x%2520y>) https\\:\\/\\/a\\.example\\/x\\%20y" },
    ],
    [
      "看https://a.example/菜谱，*好吃*",
      { chosen: "code" },
      { markdown: "看https\\:\\/\\/a\\.example\\/菜谱，\\*好吃\\*\n\n![](<qr:https://a.example/>)" },
    ],
    [
      "  1. See https://a.example/b?c=d.",
      { chosen: "code", size: "large" },
      {
        markdown: "\u00a0\u00a01\\. See https\\:\\/\\/a\\.example\\/b\\?c\\=d\\.\n\n![](<qr:https://a.example/b?c=d>)",
        text_size: "large",
      },
    ],
  ] as const)("%j %j", (text, changes, source) => expect(sourceOf(text, changes as Partial<Written>)).toEqual(source));
});

test("a text is printed once, however often Print is pressed, and its draft ends with it", async () => {
  const batch = makeBatch();
  write(batch, "Milk");
  expect(Object.values({ ...sessionStorage })).toEqual([expect.stringContaining("Milk")]);
  await Promise.all([batch.print(), batch.print()]);
  expect(calls("print")).toEqual([expect.objectContaining({ text: "Milk", device_id: "device" })]);
  expect([batch.items.length, sessionStorage.length]).toEqual([0, 0]);
});

test("nothing is printed of a text without a word", async () => {
  const batch = makeBatch();
  write(batch, " \n");
  await batch.print();
  expect(calls("print")).toEqual([]);
});

test("a draft survives a refused print and the page, for its user only", async () => {
  const refused = makeBatch({ print: new Error("no") });
  write(refused, "Secret");
  await refused.print();
  expect([textOf(refused).error, textOf(refused).lost]).toEqual([expect.stringContaining("no"), false]);
  const again = makeBatch();
  again.addText();
  expect([writtenIn(again).text, textOf(again).lost]).toEqual(["Secret", false]);
  const other = makeBatch({}, "bela");
  other.addText();
  expect(writtenIn(other).text).toBe("");
  expect(JSON.stringify({ ...sessionStorage })).not.toContain("Secret");
});

test("drafts of others go when a card is shown to somebody else", () => {
  write(makeBatch(), "Secret");
  keepDraftsOf("anna");
  expect(sessionStorage.length).toBe(1);
  keepDraftsOf("ann");
  expect(sessionStorage.length).toBe(0);
});

test("a print whose answer was lost is the same print after the page was loaded anew", async () => {
  const batch = makeBatch({ print: LOST });
  write(batch, "Milk");
  await batch.print();
  const [{ request_id: request }] = calls("print") as [{ request_id: string }];
  expect(textOf(batch).lost).toBe(true);

  const later = makeBatch({ print: { jobs: [{ job_id: "job", duplicate: true }] } });
  later.addText();
  expect([textOf(later).request, textOf(later).lost]).toEqual([request, true]);
  // Another text would be taken for the one that may have been printed.
  later.write(textOf(later), { text: "Bread" });
  expect(writtenIn(later).text).toBe("Milk");
  await later.print();
  expect(calls("print").map(({ request_id: id, text }) => [id, text])).toEqual([
    [request, "Milk"],
    [request, "Milk"],
  ]);
  expect([later.items.length, sessionStorage.length]).toEqual([0, 0]);
});

test("the job of a lost print ends its draft", async () => {
  const batch = makeBatch({ print: LOST });
  write(batch, "Milk");
  await batch.print();
  batch.jobsArrived([makeJob({ request_id: textOf(batch).request })]);
  expect([batch.items.length, sessionStorage.length]).toEqual([0, 0]);
});

test("a preview is of the text that is there, and no word is sent before it is asked for again", async () => {
  const batch = makeBatch({ preview: { document: "kept", pages: 1, images: ["/x"], drawn_by: "cloud" } });
  write(batch, "Milk");
  await batch.preview();
  expect(textOf(batch).images).toEqual(["/x"]);
  batch.write(textOf(batch), { text: "Bread" });
  expect([textOf(batch).images, textOf(batch).document]).toEqual([[], null]);
  // The text is changed while its preview is drawn.
  const drawn = batch.preview();
  await vi.waitFor(() => expect(calls("preview")).toHaveLength(2));
  batch.write(textOf(batch), { text: "Butter" });
  await drawn;
  expect([textOf(batch).images, textOf(batch).document, textOf(batch).error]).toEqual([[], null, null]);
  await batch.print();
  expect(calls("print")).toEqual([expect.objectContaining({ text: "Butter" })]);
});

const field = async (batch: Batch) => {
  const element = await show<Part>("lianke-text", { context: batch.context, batch, item: textOf(batch) });
  return { element, area: find<HTMLTextAreaElement>(element, "textarea") };
};

test("nothing is sent or changed while an input method composes", async () => {
  const batch = makeBatch();
  batch.addText();
  const { element, area } = await field(batch);
  expect(element.shadowRoot?.activeElement).toBe(area);
  area.dispatchEvent(new CompositionEvent("compositionstart"));
  area.value = "niu'nai";
  area.dispatchEvent(new InputEvent("input", { isComposing: true }));
  // Something else redraws the field meanwhile.
  batch.write(textOf(batch), { size: "large" });
  await element.updateComplete;
  expect([area.value, writtenIn(batch).text]).toEqual(["niu'nai", ""]);
  await batch.print();
  await batch.preview();
  expect([calls("print"), calls("preview")]).toEqual([[], []]);
  area.value = "牛奶";
  area.dispatchEvent(new CompositionEvent("compositionend"));
  await batch.print();
  expect(calls("print")).toEqual([expect.objectContaining({ text: "牛奶", text_size: "large" })]);
});

test("a link offers what is at its address, and its code", async () => {
  const batch = makeBatch();
  batch.addText();
  const { element, area } = await field(batch);
  const choices = (id: string) =>
    [...(find<HTMLSelectElement>(element, `#${id}`)?.options ?? [])].map((one) => one.value);
  expect([choices("as"), choices("size")]).toEqual([
    ["text", "markdown"],
    ["small", "normal", "large", "huge"],
  ]);
  area.value = "https://a.example/menu.pdf";
  area.dispatchEvent(new InputEvent("input"));
  await element.updateComplete;
  expect([choices("as"), choices("size")]).toEqual([["address", "code", "text"], []]);
  const list = find<HTMLSelectElement>(element, "#as");
  expect(list.value).toBe("address");
  list.value = "code";
  list.dispatchEvent(new Event("change"));
  await element.updateComplete;
  expect([writtenIn(batch).kind, find<HTMLSelectElement>(element, "#size").value]).toEqual(["code", "normal"]);
});

test("what is pasted is added to the text of the batch", async () => {
  const batch = makeBatch();
  batch.addText("Milk");
  batch.addText("Bread");
  expect([batch.items.length, writtenIn(batch).text]).toEqual([1, "Milk\nBread"]);
  const form = await show<Part>("lianke-print-form", { context: batch.context, batch });
  await partOf(form, "lianke-text");
  // There is one text at most.
  expect(find(form, "[data-key=text]")).toBeNull();
  vi.spyOn(navigator.clipboard, "read").mockResolvedValue([
    new ClipboardItem({ "text/plain": new Blob(["Butter"], { type: "text/plain" }) }),
  ]);
  find(form, "[data-key=paste]").click();
  await vi.waitFor(() => expect(writtenIn(batch).text).toBe("Milk\nBread\nButter"));
});
