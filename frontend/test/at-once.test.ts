import { beforeEach, describe, expect, test, vi } from "vitest";
import { drawnAtOnce } from "../src/print/at-once";
import { Batch } from "../src/print/batch";
import { PrintItem } from "../src/print/item";
import "../src/print/print-form";
import { asked, find, makeContext, makeHass, show, stopTime } from "./stand-in";

const uploads: { name: string; done: (id: string) => void; fail: (error: Error) => void }[] = [];
vi.mock("../src/print/upload", () => ({
  upload: (_context: unknown, file: File, progress: (sent: number) => void) =>
    new Promise<string>((done, fail) => {
      uploads.push({ name: file.name, done, fail });
      setTimeout(() => progress(1));
    }),
}));

const DRAWN = {
  document: "kept",
  pages: 20,
  images: Array.from({ length: 20 }, (_, at) => `/x/${at}`),
  drawn_by: "here",
};
const makeBatch = (answers: Record<string, unknown> = {}) =>
  new Batch(
    makeContext(makeHass({ "lianke/printer/options": {}, preview: DRAWN, print: { jobs: [{}] }, ...answers })),
    "device",
  );
const DEVICE = { device_id: "device" };
const calls = (service: string) => asked.filter((message) => message["service"] === service);
const data = (service: string) => calls(service).at(-1)?.["service_data"];
const forgotten = () =>
  asked.filter(({ type }) => type === "lianke/document/forget").map((message) => message["document"]);
const uploaded = async (id = "file", at = 1) => {
  await vi.waitFor(() => expect(uploads.length).toBeGreaterThan(at - 1));
  uploads[at - 1]?.done(id);
};
const drop = (batch: Batch, ...names: string[]) => {
  batch.add(names.map((name) => new File(["x"], name)));
  return batch.items.at(-names.length) as PrintItem;
};
const drawn = (item: PrintItem) => vi.waitFor(() => expect([item.images.length, item.previewing]).toEqual([20, false]));
/* Holds previews back until the test answers them. */
const heldBack = (batch: Batch) => {
  const draws: ((answer: object) => void)[] = [];
  const { hass } = batch.context;
  const callWS = hass.callWS.bind(hass);
  hass.callWS = (async (message: Record<string, unknown>) => {
    const answer = await callWS(message as never);
    if (message["service"] !== "preview") return answer;
    return { response: await new Promise<object>((resolve) => draws.push(resolve)) };
  }) as typeof hass.callWS;
  return draws;
};

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  uploads.length = 0;
});

describe("drawn at once", () => {
  const file = (name: string, type = "", bytes = 1) =>
    new PrintItem(Object.defineProperty(new File(["x"], name, { type }), "size", { value: bytes }));
  test.each([
    [file("a.pdf", "application/pdf"), true],
    [file("a.PDF"), true],
    [file("a.jpg", "image/jpeg"), true],
    [file("a.heic"), true],
    [file("a.docx", "application/msword"), false],
    [file("a.html", "text/html"), false],
    [file("a.svg", "image/svg+xml"), false],
    [file("a.prn"), false],
    [Object.assign(file("a.pdf"), { previewing: true }), false],
    [file("large.pdf", "", 20e6), true],
    [file("too large.pdf", "", 20e6 + 1), false],
    [new PrintItem(null, { media_content_id: "x", media_content_type: "application/pdf", title: "a.pdf" }), false],
  ])("%#", (item, isDrawn) => {
    expect(drawnAtOnce([item])).toEqual(isDrawn ? [item] : []);
  });

  test("are the first three", async () => {
    const batch = makeBatch();
    drop(batch, "1.pdf", "2.pdf");
    drop(batch, "3.pdf", "4.pdf");
    for (const at of [1, 2, 3]) await uploaded("file", at);
    await vi.waitFor(() => expect(calls("preview")).toHaveLength(3));
    expect(uploads.map(({ name }) => name).sort()).toEqual(["1.pdf", "2.pdf", "3.pdf"]);
  });
});

test("a file is drawn by Home Assistant alone, shown small, and printed without a second upload", async () => {
  const batch = makeBatch();
  const item = drop(batch, "a.pdf");
  const form = await show("lianke-print-form", { context: batch.context, batch });
  const strip = () => find(find(form, "lianke-preview"), ".previews");
  // Its place is reserved.
  expect(strip().clientHeight).toBeGreaterThanOrEqual(120);
  await uploaded();
  await drawn(item);
  expect(data("preview")).toEqual({ device_id: "device", upload: "file", preview_by: "here_only" });
  await vi.waitFor(() => expect(strip().querySelectorAll("img")).toHaveLength(1));
  expect(strip().textContent).toContain("and 19 more");
  // Pages that nobody looks at are not fetched.
  expect(find(form, "lianke-preview").shadowRoot?.querySelectorAll("img[src]")).toHaveLength(1);
  // The text about further pages opens them.
  strip().querySelector<HTMLElement>(".more")?.click();
  expect(find(form, "lianke-preview").shadowRoot?.querySelector("dialog")?.open).toBe(true);
  await vi.waitFor(() =>
    expect(find(form, "lianke-preview").shadowRoot?.querySelectorAll("dialog img[src]")).toHaveLength(10),
  );
  await batch.print();
  expect(data("print")).toMatchObject({ document: "kept" });
  expect(uploads).toHaveLength(1);
  await vi.waitFor(() => expect(forgotten()).toEqual(["kept"]), 5000);
});

test("it follows the options, still drawn by nobody else", async () => {
  const batch = makeBatch();
  const item = drop(batch, "a.pdf");
  await uploaded();
  await drawn(item);
  batch.setTyped("copies", "2");
  await vi.waitFor(() => expect(calls("preview")).toHaveLength(2));
  expect(data("preview")).toMatchObject({ document: "kept", copies: 2, preview_by: "here_only" });
});

test("a file that is damaged is told before Print is pressed", async () => {
  const item = drop(makeBatch({ preview: { code: "x", message: "no", translation_key: "file_damaged" } }), "a.jpg");
  await uploaded();
  await vi.waitFor(() => expect(item.error).toBe("That did not work: no"));
});

test("an error of it is not told, and the file prints", async () => {
  const batch = makeBatch({ preview: { code: "x", message: "no", translation_key: "not_drawn_here" } });
  const item = drop(batch, "a.pdf");
  await uploaded();
  await vi.waitFor(() => expect([calls("preview").length, item.previewing, item.atOnce]).toEqual([1, false, false]));
  expect([item.error, batch.problem, batch.errors]).toEqual([null, null, {}]);
  const printing = batch.print();
  await uploaded("second", 2);
  await printing;
  expect(data("print")).toMatchObject({ upload: "second" });
  expect(batch.items).toHaveLength(0);
});

test("Print takes over the upload that is under way and waits for no drawing", async () => {
  const batch = makeBatch();
  const item = drop(batch, "a.pdf");
  await vi.waitFor(() => expect(uploads).toHaveLength(1));
  const form = await show("lianke-print-form", { context: batch.context, batch });
  const printing = batch.print();
  await vi.waitFor(() => expect([item.phase, item.sent]).toEqual(["upload", 1]));
  expect(find(form, "[data-key=print]").textContent?.trim()).toBe("Sending …");
  expect(find(form, "[data-key=clear]").ariaDisabled).toBeNull();
  await uploaded();
  await printing;
  expect([uploads.length, calls("preview").length]).toEqual([1, 0]);
  expect(data("print")).toMatchObject({ upload: "file" });
});

test("Print does not wait for a drawing that takes its time", async () => {
  const batch = makeBatch({ preview: new Promise(() => undefined) });
  drop(batch, "a.pdf");
  await uploaded();
  await vi.waitFor(() => expect(calls("preview")).toHaveLength(1));
  const printing = batch.print();
  await uploaded("second", 2);
  await printing;
  expect(data("print")).toMatchObject({ upload: "second" });
});

test("an upload that breaks is told by Print alone", async () => {
  const batch = makeBatch();
  const item = drop(batch, "a.pdf");
  await vi.waitFor(() => expect(uploads).toHaveLength(1));
  uploads[0]?.fail(new Error("broken"));
  await vi.waitFor(() => expect(item.atOnce).toBe(false));
  expect(item.error).toBeNull();
  const printing = batch.print();
  await vi.waitFor(() => expect(uploads).toHaveLength(2));
  uploads[1]?.fail(new Error("broken again"));
  await printing;
  expect(item.error).toContain("broken again");
});

test("Preview that is pressed meanwhile asks whoever can draw it, and tells", async () => {
  const batch = makeBatch();
  const draws = heldBack(batch);
  const item = drop(batch, "a.pdf");
  await uploaded();
  await vi.waitFor(() => expect(draws).toHaveLength(1));
  await batch.preview();
  expect(calls("preview")).toHaveLength(1);
  draws[0]?.(DRAWN);
  await vi.waitFor(() => expect(draws).toHaveLength(2));
  draws[1]?.(DRAWN);
  await drawn(item);
  expect(data("preview")).toEqual({ device_id: "device", document: "kept" });
});

test("what is removed is forgotten, also while it is drawn", async () => {
  const batch = makeBatch();
  const item = drop(batch, "a.pdf");
  await uploaded();
  await drawn(item);
  const draws = heldBack(batch);
  stopTime();
  batch.remove(item);
  await vi.advanceTimersByTimeAsync(2000);
  expect(forgotten()).toEqual(["kept"]);
  const other = drop(batch, "b.pdf");
  await uploaded("file", 2);
  await vi.waitFor(() => expect(draws).toHaveLength(1));
  batch.remove(other);
  draws[0]?.({ ...DRAWN, document: "late" });
  await vi.waitFor(() => expect(other.previewing).toBe(false));
  await vi.advanceTimersByTimeAsync(2000);
  expect(forgotten()).toEqual(["kept", "late"]);
});

test("a layout that is left while its sheets are drawn takes no preview away, and leaves nothing behind", async () => {
  const batch = makeBatch();
  const item = drop(batch, "a.pdf");
  await uploaded();
  await drawn(item);
  const draws = heldBack(batch);
  batch.setLayout("layout_2_up");
  await vi.waitFor(() => expect(draws).toHaveLength(1));
  batch.setLayout(null);
  expect(item.images).toHaveLength(20);
  // By now Home Assistant has only the pictures of the sheets.
  draws[0]?.(DRAWN);
  await vi.waitFor(() => expect(draws).toHaveLength(2));
  expect([item.images, data("preview")]).toEqual([[], { ...DEVICE, document: "kept", preview_by: "here_only" }]);
  draws[1]?.(DRAWN);
  await drawn(item);
  batch.setLayout("layout_2_up");
  await vi.waitFor(() => expect(draws).toHaveLength(3));
  stopTime();
  batch.clear();
  await vi.advanceTimersByTimeAsync(2000);
  draws[2]?.(DRAWN);
  await vi.advanceTimersByTimeAsync(3000);
  expect(forgotten()).toEqual(["kept", "kept"]);
});

test.each([
  ["counted", [], "spare", () => undefined],
  ["spare", DRAWN.images, "counted", (batch: Batch) => batch.setLayout(null)],
])(
  "a photo that is drawn already when a size is chosen is kept once: as %s",
  async (kept, images, spare, meanwhile) => {
    const batch = makeBatch({ count_pages: { document: "counted", pages: 1 } });
    const draws = heldBack(batch);
    const item = drop(batch, "a.jpg");
    await uploaded();
    await vi.waitFor(() => expect(draws).toHaveLength(1));
    batch.setLayout("layout_4r");
    await uploaded("second", 2);
    await vi.waitFor(() => expect(draws).toHaveLength(2));
    meanwhile(batch);
    stopTime();
    draws[0]?.({ ...DRAWN, document: "spare" });
    await vi.waitFor(() => expect(item.previewing).toBe(false));
    await vi.advanceTimersByTimeAsync(2000);
    expect([item.document, item.images, forgotten()]).toEqual([kept, images, [spare]]);
  },
);

test.each([
  (batch: Batch) => batch.setLayout(null),
  (batch: Batch) => batch.remove(batch.items[0] as PrintItem),
  (batch: Batch) => void drop(batch, "c.jpg"),
])("documents for a layout are drawn one by one once it has ended: %#", async (end) => {
  const batch = makeBatch({ count_pages: { document: "counted", pages: 1 } });
  drop(batch, "a.jpg", "b.jpg");
  batch.setLayout("layout_id_card");
  await uploaded("first", 1);
  await uploaded("second", 2);
  await vi.waitFor(() => expect(batch.combined?.images.length).toBe(20));
  expect(uploads).toHaveLength(2);
  expect(calls("preview").map((call) => (call["service_data"] as { document?: unknown }).document)).toEqual([
    ["counted", "counted"],
  ]);
  const second = batch.items[1] as PrintItem;
  end(batch);
  await drawn(second);
  expect(data("preview")).toEqual({ ...DEVICE, document: "counted", preview_by: "here_only" });
  uploads[2]?.done("third");
  await drawn(batch.items.at(-1) as PrintItem);
  expect(data("preview")).toMatchObject({ preview_by: "here_only" });
});

test("a print that is refused is told, of a document that was drawn at once as well", async () => {
  const refused = { code: "x", message: "too many", translation_key: "too_many_pages" };
  const batch = makeBatch({ print: refused });
  const [drawnFirst, other] = [drop(batch, "a.pdf"), drop(batch, "b.pdf")];
  await uploaded();
  await drawn(drawnFirst);
  await uploaded("file", 2);
  await drawn(other);
  const form = await show("lianke-print-form", { context: batch.context, batch });
  find(form, "[data-key=print]").click();
  await vi.waitFor(() => expect(form.shadowRoot?.querySelectorAll("[role=alert]")).toHaveLength(2));
  const told = [...(form.shadowRoot?.querySelectorAll("[role=alert]") ?? [])];
  expect(told.map(({ textContent }) => textContent)).toEqual(
    ["a.pdf", "b.pdf"].map((name) => `${name}: That did not work: too many`),
  );
  expect(
    told.every((one) => one.compareDocumentPosition(find(form, "[data-key=print]")) & Node.DOCUMENT_POSITION_FOLLOWING),
  ).toBe(true);
});
