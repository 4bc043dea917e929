import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Part } from "../src/components/part";
import { Batch } from "../src/print/batch";
import { dragged, isPage, turned, type LiankeCorners } from "../src/print/corners";
import { frameOf, middleOf, moved, quarter, resized, type LiankeCrop } from "../src/print/crop";
import { PrintItem } from "../src/print/item";
import { layoutOf, layoutsFor, type Corners, type Cut, type LayoutName, type Shape } from "../src/print/layouts";
import { presetOf } from "../src/print/options";
import "../src/print/print-form";
import { announced, asked, find, makeContext, makeHass, makeJob, show, stopTime } from "./stand-in";

const media = (title: string, type = "application/pdf") => ({
  media_content_id: `media-source://${title}`,
  media_content_type: type,
  title,
});
const item = (title: string, type?: string) => new PrintItem(null, media(title, type));
const FRONT = media("front.png", "image/png");
const BACK = media("back.png", "image/png");

let kept = 0;
const answers: Record<string, unknown> = {};
const makeBatch = (changes: Record<string, unknown> = {}) => {
  Object.assign(answers, {
    "lianke/printer/options": { duplex: ["off", "long_edge"] },
    preview: { pages: 1, images: ["/api/lianke/preview/1"] },
    print: { jobs: [{}] },
    ...changes,
  });
  Object.defineProperty(answers, "count_pages", {
    get: () => ({ document: `kept-${++kept}`, pages: 3 }),
    configurable: true,
  });
  return new Batch(makeContext(makeHass(answers)), "device");
};
const calls = (service: string) => asked.filter((message) => message["service"] === service);
const data = (service: string) => calls(service).at(-1)?.["service_data"] as Record<string, unknown>;
const rested = ({ combined }: Batch) =>
  vi.waitFor(() => expect([combined?.images.length, combined?.previewing, combined?.stale]).toEqual([1, false, false]));
/* Resolves once the preview of the sheets is there. */
const laid = async (batch: Batch, layout: LayoutName, chosen = [FRONT, BACK]) => {
  for (const one of chosen) batch.addMedia(one);
  batch.setLayout(layout);
  await rested(batch);
  return batch;
};

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  announced.length = 0;
  kept = 0;
});

const PHOTOS = ["layout_4r", "layout_3r", "layout_1_inch", "layout_2_inch", "layout_page"];
const CARD = layoutOf("layout_id_card").shape as Shape;

describe("what is offered", () => {
  const image = "image/jpeg";
  test.each([
    [[item("a.pdf")], ["layout_2_up", "layout_4_up", "layout_booklet"]],
    [[item("发票 3.pdf")], ["layout_invoices", "layout_2_up", "layout_4_up", "layout_booklet"]],
    [[item("photo.jpg", image)], [...PHOTOS, "layout_clean"]],
    [[item("receipt.jpg", image)], ["layout_clean", ...PHOTOS]],
    [
      [item("1.jpg", image), item("2.jpg", image)],
      ["layout_id_card", "layout_both", "layout_clean", "layout_invoices", "layout_4r", "layout_3r", "layout_page"],
    ],
    [
      [item("1.jpg", image), item("2.jpg", image), item("3.jpg", image)],
      ["layout_2_up", "layout_4_up", "layout_clean", "layout_invoices", "layout_4r", "layout_3r", "layout_page"],
    ],
    [
      [item("receipt 1.jpg", image), item("receipt 2.jpg", image)],
      ["layout_invoices", "layout_clean"],
    ],
    [
      [item("Invoice 1.pdf"), item("receipt.jpg", image)],
      ["layout_invoices", "layout_merge"],
    ],
    [
      [item("a.pdf"), item("b.pdf")],
      ["layout_invoices", "layout_2_up", "layout_merge"],
    ],
    [[item("a.pdf"), item("b.docx", "application/msword")], []],
    [[item("a.prn", "")], []],
    [[], []],
  ])("%#", (items, layouts) => {
    expect(layoutsFor(items, true)).toEqual(layouts);
  });

  test("a booklet is for printers that print on both sides, and one page is no several", () => {
    const one = item("a.pdf");
    expect(layoutsFor([one], false)).toEqual(["layout_2_up", "layout_4_up"]);
    one.pages = 1;
    expect(layoutsFor([one], true)).toEqual([]);
  });
});

test("choosing a layout shows its sheets, and Print makes one job of them", async () => {
  let answer: (jobs: object) => void = () => undefined;
  const batch = makeBatch({ print: new Promise((resolve) => (answer = resolve)) });
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  expect(calls("preview")).toHaveLength(0);
  batch.setLayout("layout_id_card");
  await rested(batch);
  expect(data("preview")).toMatchObject({ sheet: "id_card", document: ["kept-1", "kept-2"] });
  expect(batch.combined?.images).toHaveLength(1);
  const [first, second] = batch.items as [PrintItem, PrintItem];
  batch.setCut(second, { left: 0.1, top: 0.2, right: 0.9, bottom: 0.8, turn: 90 });
  batch.setWatermark(" 仅供办理××使用 ");
  expect(batch.combined?.stale).toBe(true);
  batch.choose("paper", "A5");
  const request = batch.combined?.request;
  const printing = batch.print();
  await vi.waitFor(() => expect(calls("print")).toHaveLength(1));
  batch.addMedia(media("letter.pdf"));
  answer({ jobs: [{}] });
  await printing;
  expect(data("print")).toEqual({
    device_id: "device",
    paper: "A5",
    sheet: "id_card",
    watermark: "仅供办理××使用",
    id_card_crop: [{}, { left: 0.1, top: 0.2, right: 0.9, bottom: 0.8, turn: 90 }],
    document: ["kept-1", "kept-2"],
    request_id: request,
  });
  expect(request).not.toBe(first.request);
  // The paper was meant for the ID card.
  expect([batch.items.map(({ name }) => name), batch.chosen]).toEqual([["letter.pdf"], {}]);
  expect(announced).toEqual(["front.png + 1 was submitted"]);
});

test("previews follow the options and the order of the files", async () => {
  const batch = await laid(makeBatch(), "layout_2_up", [media("a.pdf"), media("b.pdf")]);
  vi.useFakeTimers();
  batch.move(0, 1);
  expect(batch.combined?.stale).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  vi.useRealTimers();
  await rested(batch);
  expect(data("preview")).toMatchObject({ document: ["kept-2", "kept-1"] });
  expect(batch.combined?.stale).toBe(false);
  // A failed preview leaves the old pictures, dimmed, and is not repeated by itself.
  const form = await show<Part>("lianke-print-form", { context: batch.context, batch });
  const preview = () => find<Part & { stale: boolean }>(form, "lianke-preview");
  const drawn = answers["preview"];
  answers["preview"] = { code: "x", message: "busy" };
  stopTime();
  batch.choose("paper", "A5");
  await vi.advanceTimersByTimeAsync(1000);
  await vi.waitFor(() =>
    expect([batch.problem, batch.combined?.previewing]).toEqual([expect.stringMatching("busy"), false]),
  );
  await vi.advanceTimersByTimeAsync(5000);
  expect([calls("preview").length, preview().stale]).toEqual([3, true]);
  vi.useRealTimers();
  answers["preview"] = drawn;
  await batch.preview();
  await form.updateComplete;
  expect(preview().stale).toBe(false);
  let draw: (answer: object) => void = () => undefined;
  Object.assign(answers, { preview: new Promise((resolve) => (draw = resolve)), print: { code: "x", message: "no" } });
  const drawing = batch.preview();
  await vi.waitFor(() => expect(calls("preview")).toHaveLength(5));
  batch.addMedia(media("c.pdf"));
  draw({ images: ["/api/lianke/preview/1"] });
  await drawing;
  expect(batch.combined?.stale).toBe(true);
  // A document that is added during a refused print makes the next one another print.
  const printing = batch.print();
  batch.addMedia(media("d.pdf"));
  await printing;
  expect(data("print")["request_id"]).not.toBe(batch.combined?.request);
});

test("a layout ends when it makes no sense any more", async () => {
  const batch = await laid(makeBatch(), "layout_id_card");
  batch.addMedia(media("c.png", "image/png"));
  expect(batch.combined).toBeNull();
  expect(batch.layouts[0]).toBe("layout_2_up");
});

test("a print whose answer was lost can be nothing but repeated, until its job is seen", async () => {
  const batch = await laid(makeBatch({ print: { code: 3 } }), "layout_id_card");
  batch.setTyped("copies", "2");
  // While the files are still being sent, no print can be lost.
  const count = Object.getOwnPropertyDescriptor(answers, "count_pages") as PropertyDescriptor;
  for (const item of batch.items) item.document = null;
  Object.defineProperty(answers, "count_pages", { value: { code: 3 }, configurable: true });
  await batch.print();
  expect([batch.isLost, batch.problem]).toEqual([false, expect.stringContaining("if nothing has happened")]);
  Object.defineProperty(answers, "count_pages", count);
  await batch.print();
  const combined = batch.combined;
  expect([combined?.lost, batch.problem]).toEqual([true, expect.stringContaining("still prints only once")]);
  batch.setLayout(null);
  batch.addMedia(media("c.png", "image/png"));
  expect(batch.combined).toBe(combined);
  await batch.print();
  expect(data("print")).toEqual(calls("print")[0]?.["service_data"]);
  // Refusing the repetition does not tell whether the first print was submitted.
  answers["print"] = { code: "unknown_command", message: "Not yet" };
  await batch.print();
  batch.setLayout(null);
  expect(batch.combined).toBe(combined);
  batch.jobsArrived([makeJob({ request_id: combined?.request ?? null })]);
  expect(batch.items.map(({ name }) => name)).toEqual(["c.png"]);
  // Options and errors of the documents that are gone do not apply to the new one.
  expect([batch.options(), batch.problem]).toEqual([{}, null]);
});

test("a document that Home Assistant has forgotten comes again", async () => {
  const batch = await laid(makeBatch(), "layout_4_up", [media("a.pdf")]);
  const results: object[] = [{ code: "x", translation_key: "document_gone" }, { jobs: [{}] }];
  Object.defineProperty(answers, "print", { get: () => results.shift(), configurable: true });
  await batch.print();
  Object.defineProperty(answers, "print", { value: { jobs: [{}] }, configurable: true, writable: true });
  expect(calls("print").map((call) => (call["service_data"] as Record<string, unknown>)["document"])).toEqual([
    ["kept-1"],
    ["kept-2"],
  ]);
  expect(batch.items).toHaveLength(0);
});

test("what is removed while Home Assistant takes it is deleted there as well", async () => {
  let keep: (answer: object) => void = () => undefined;
  const batch = makeBatch();
  const get = () => new Promise((resolve) => (keep = resolve));
  Object.defineProperty(answers, "count_pages", { get, configurable: true });
  batch.addMedia(media("a.pdf"));
  batch.setLayout("layout_4_up");
  await vi.waitFor(() => expect(calls("count_pages")).toHaveLength(1));
  batch.clear();
  keep({ document: "kept" });
  const forgotten = { type: "lianke/document/forget", document: "kept" };
  await vi.waitFor(() => expect(asked.at(-1)).toEqual(forgotten), 4000);
});

test.each([
  [
    (batch: Batch) => batch.addMedia(media("c.png", "image/png")),
    "The paper is too small",
    [{ document: ["kept-1", "kept-2"], id_card_crop: [{ turn: 90 }, {}] }],
    3,
  ],
  [(batch: Batch) => batch.remove(batch.items[1] as PrintItem), "The files have changed meanwhile", [], 1],
])("a refusal is said once, and the files stay: %#", async (change, ...told) => {
  const refused = { code: "x", message: "The paper is too small", translation_key: "sheet_paper_too_small" };
  let offer: (options: object) => void = () => undefined;
  const batch = makeBatch({ print: refused, "lianke/printer/options": new Promise((resolve) => (offer = resolve)) });
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  batch.setLayout("layout_id_card");
  const cut = { left: 0, top: 0, right: 1, bottom: 1, turn: 90 };
  batch.setCut(batch.items[0] as PrintItem, cut);
  const printing = batch.print();
  change(batch);
  offer({});
  await printing;
  const [words, printed, left] = told;
  expect(batch.problem).toContain(words);
  expect(calls("print").map((call) => call["service_data"])).toMatchObject(printed);
  expect(batch.items.map(({ error, phase }) => [error, phase])).toEqual(Array(left).fill([null, null]));
  expect(batch.combined).toBeNull();
});

test("the form offers layouts as buttons that can be pressed, and released again", async () => {
  const batch = makeBatch();
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  const form = await show("lianke-print-form", { context: makeContext(makeHass(answers)), batch });
  const sheets = find(form, "lianke-sheets");
  const buttons = () => [...(sheets.shadowRoot?.querySelectorAll("button[aria-pressed]") ?? [])] as HTMLElement[];
  expect(buttons().map((button) => button.textContent?.trim())).toEqual([
    "ID card",
    "Both on one sheet",
    "Straighten photo",
    "Invoices, two on a sheet",
    "10 × 15 cm",
    "9 × 13 cm",
    "Whole page",
  ]);
  buttons()[0]?.click();
  await vi.waitFor(() => expect(find(form, "lianke-preview")).toBeTruthy());
  await vi.waitFor(() => expect(buttons()[0]?.getAttribute("aria-pressed")).toBe("true"));
  expect(find(form, "[data-key=print]").textContent?.trim()).toBe("Print");
  expect(find(sheets, "p").textContent).toContain("85.6 × 54 mm");
  // Their sentences tell the layouts with two on a sheet apart.
  buttons()[1]?.click();
  await vi.waitFor(() => expect(find(sheets, "p").textContent).toContain("without a line to cut"));
  buttons()[3]?.click();
  await vi.waitFor(() => expect(find(sheets, "p").textContent).toContain("with a line to cut along"));
  buttons()[0]?.click();
  await vi.waitFor(() => expect(buttons()[0]?.getAttribute("aria-pressed")).toBe("true"));
  buttons()[0]?.click();
  await vi.waitFor(() => expect(buttons()[0]?.getAttribute("aria-pressed")).toBe("false"));
  expect(batch.combined).toBeNull();
});

test("a sheet that lies is seen whole on a phone, and its place is kept before it is there", async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1400" height="1000"/>';
  const picture = "data:image/svg+xml," + encodeURIComponent(svg);
  const preview = await show<Part>("lianke-preview", { context: makeContext(), stale: true });
  preview.style.width = "280px";
  const strip = find(preview, ".previews");
  expect(strip.textContent).toContain("Preparing");
  const height = strip.offsetHeight;
  Object.assign(preview, { images: [picture], stale: false });
  await preview.updateComplete;
  const image = find<HTMLImageElement>(preview, ".previews img");
  await image.decode();
  expect(image.getBoundingClientRect().right).toBeLessThanOrEqual(strip.getBoundingClientRect().right);
  expect(image.width / image.height).toBeCloseTo(1.4, 1);
  expect(strip.offsetHeight).toBe(height);
});

test("a picture of the media library that is gone is no part of a card", async () => {
  const gone = { "media_source/resolve_media": { code: "x", message: "It is gone" } };
  const batch = await laid(makeBatch(gone), "layout_id_card");
  const sheets = await show("lianke-sheets", { context: makeContext(makeHass(answers)), batch });
  find(sheets, "[data-key^=crop]").click();
  await vi.waitFor(() => expect(batch.problem).toContain("It is gone"));
});

describe("the part of a picture", () => {
  test("is its middle in the shape of a card", () => {
    const { left, top, right, bottom } = middleOf([856, 1080], 90, CARD);
    expect([left, right].map((edge) => edge.toFixed(2))).toEqual(["0.10", "0.90"]);
    expect([top, bottom]).toEqual([0, 1]);
    expect(middleOf([85.6, 54], 0, CARD)).toMatchObject({ left: 0, top: 0, right: 1, bottom: 1 });
    expect(frameOf(300, 200, 90).map(Math.round)).toEqual([200, 300]);
  });

  test("turns with the picture", () => {
    const cut = { left: 0.1, top: 0.2, right: 0.5, bottom: 0.6, turn: 0 };
    expect(quarter(cut, true)).toEqual({ left: 0.4, top: 0.1, right: 0.8, bottom: 0.5, turn: 90 });
    const back = quarter(quarter(cut, true), false);
    for (const edge of ["left", "top", "right", "bottom", "turn"] as const) expect(back[edge]).toBeCloseTo(cut[edge]);
  });

  test("stays in the picture and does not vanish", () => {
    const cut = { left: 0.1, top: 0.2, right: 0.5, bottom: 0.6, turn: 0 };
    expect(moved(cut, ["left", "top", "right", "bottom"], -1, 1)).toEqual({
      left: 0,
      top: expect.closeTo(0.6),
      right: 0.4,
      bottom: 1,
      turn: 0,
    });
    expect(moved(cut, ["left"], 1, 0).left).toBeCloseTo(0.44);
    expect(moved(cut, ["right", "bottom"], 9, -9)).toMatchObject({ right: 1, bottom: expect.closeTo(0.26) });
  });
});

describe("the part of a photo", () => {
  const head = layoutOf("layout_1_inch").shape as Shape;
  const ratio = (cut: { left: number; right: number; top: number; bottom: number }) =>
    (cut.right - cut.left) / (cut.bottom - cut.top);

  test("is upright for a head, and lies as a picture of a place does", () => {
    expect(ratio(middleOf([300, 200], 0, head)) * 1.5).toBeCloseTo(25 / 35);
    expect(ratio(middleOf([300, 200], 0, layoutOf("layout_4r").shape as Shape)) * 1.5).toBeCloseTo(152 / 102);
  });

  test.each([
    [["left"], 0.1, 0],
    [["right", "bottom"], 0.3, 0.9],
    [["left", "top"], -9, -9],
    [["bottom"], 0, -9],
  ] as [("left" | "top" | "right" | "bottom")[], number, number][])("keeps its shape when %j move", (edges, dx, dy) => {
    const cut = { left: 0.3, top: 0.2, right: 0.6, bottom: 0.8, turn: 0 };
    const next = resized(cut, edges, dx, dy, 0.5);
    expect(ratio(next)).toBeCloseTo(0.5);
    for (const edge of ["left", "top"] as const) expect(next[edge]).toBeGreaterThanOrEqual(0);
    for (const edge of ["right", "bottom"] as const) expect(next[edge]).toBeLessThanOrEqual(1);
  });
});

describe("a size of photos", () => {
  const papers = [
    { id: 9, name: "A4", width: 210, height: 297 },
    { id: 257, name: "Fotopapier", width: 101.6, height: 152.4 },
    { id: 258, name: "3R" },
  ];
  const media_types = [
    { id: 0, name: "普通纸" },
    { id: 2, name: "相片纸" },
  ];
  const PAPERS = { papers, media_types, defaults: { paper: "A4" } };

  test("finds its paper by size, else by name", () => {
    const t = makeContext().localizer;
    expect(presetOf(t, PAPERS, "layout_4r")).toEqual({ paper: 257, media_type: 2 });
    expect(presetOf(t, PAPERS, "layout_3r")["paper"]).toBe(258);
    expect(presetOf(t, PAPERS, "layout_1_inch")).toEqual({});
    expect(presetOf(t, { ...PAPERS, defaults: { paper: "Fotopapier" } }, "layout_4r")).toEqual({ media_type: 2 });
    const a4 = { id: 1, name: "A4" };
    for (const name of ["4 x 6 英寸", "4x6in", "10 × 15 cm", "4R", "6寸"])
      expect(presetOf(t, { papers: [a4, { id: 2, name }] }, "layout_4r")).toEqual({ paper: 2 });
  });

  test("is printed on its paper, which stays with it and is reset by one press", async () => {
    const batch = makeBatch({ "lianke/printer/options": PAPERS });
    batch.addMedia(FRONT);
    await vi.waitFor(() => expect(batch.offers).not.toBeNull());
    batch.setLayout("layout_4r");
    await rested(batch);
    expect(data("preview")).toMatchObject({ photo_size: "4r", paper: 257, media_type: 2, document: ["kept-1"] });
    batch.choose("paper", 258);
    await batch.print();
    expect(data("print")).toMatchObject({ photo_size: "4r", paper: 258 });
    // The photo's paper does not apply to documents, ID cards and pictures without a size.
    batch.addMedia(FRONT);
    expect(batch.chosen).toEqual({});
    batch.setLayout("layout_4r");
    expect([batch.chosen, batch.carried]).toEqual([{ paper: 258, media_type: 2 }, ["paper", "media_type"]]);
    batch.reset();
    expect([batch.chosen, batch.carried]).toEqual([{ paper: 257, media_type: 2 }, []]);
    batch.clear();
    batch.addMedia(media("notice.pdf"));
    expect([batch.chosen, batch.carried]).toEqual([{}, []]);
  });

  const PLAIN = { id: 1, name: "普通纸" };
  const types = (...names: string[]) => [PLAIN, ...names.map((name, at) => ({ id: 260 + at, name }))];
  const standing = { paper: "A4", media_type: "普通纸" };
  const laser = { papers: [papers[0], { id: 11, name: "A5", width: 148, height: 210 }], media_types: types("厚纸") };
  test.each([
    // This printer has no such paper, so nobody is told to put any in.
    ["en", "layout_4r", { ...laser, defaults: standing }, {}, "102 × 152 mm on the paper that is chosen."],
    ["zh-Hans", "layout_3r", { ...laser, defaults: standing }, {}, "按 89 × 127 mm 打印在所选纸张上。"],
    ["en", "layout_4r", { failed: true }, {}, "on the paper that is chosen."],
    // The media type is chosen with the paper: photo paper before glossy paper.
    [
      "zh-Hans",
      "layout_4r",
      { papers, media_types: types("光泽纸", "相片纸\r\n"), defaults: standing },
      { paper: 257, media_type: 261 },
      "请放入这种尺寸的“相片纸”。",
    ],
    [
      "en",
      "layout_4r",
      { papers, media_types: types("Premium Glossy"), defaults: { paper: "Fotopapier" } },
      { media_type: 260 },
      "put paper of this size in (Premium Glossy).",
    ],
    ["en", "layout_4r", { papers, media_types: types("厚纸"), defaults: standing }, { paper: 257 }, "in (普通纸)."],
    ["en", "layout_4r", { papers, defaults: standing }, { paper: 257 }, "and check its type."],
    ["en", "layout_1_inch", { papers, media_types: types("Photo"), defaults: standing }, {}, "As many as fit"],
  ] as const)("%s %s: %# says what it is sent with", async (language, layout, offers, sent, words) => {
    makeBatch({ "lianke/printer/options": offers });
    const batch = new Batch(makeContext(makeHass(answers, language)), "device");
    batch.addMedia(FRONT);
    await vi.waitFor(() => expect(batch.offers).not.toBeNull());
    batch.setLayout(layout);
    await rested(batch);
    const { photo_size, ...chosen } = data("preview");
    expect(photo_size).toBe(layout.slice(7));
    expect(chosen).toMatchObject(sent);
    for (const name of ["paper", "media_type"]) expect(name in chosen).toBe(name in sent);
    const form = await show("lianke-print-form", { context: batch.context, batch });
    expect(find(find(form, "lianke-sheets"), "p.more").textContent).toContain(words);
    // The media type is not folded away if the printer has any.
    const hasTypes = "media_types" in offers;
    expect(!!find(find(form, "lianke-options-form"), ".form")?.querySelector("#media_type")).toBe(hasTypes);
    batch.addMedia(media("notice.pdf"));
    expect(batch.chosen).toEqual({});
  });

  test("ID photos fill a sheet, and the part that is printed is chosen for each picture", async () => {
    const batch = await laid(makeBatch({ "lianke/printer/options": PAPERS }), "layout_2_inch", [FRONT]);
    const cut = { left: 0.1, top: 0.2, right: 0.5, bottom: 0.6, turn: 0 };
    batch.setCut(batch.items[0] as PrintItem, cut);
    await batch.print();
    expect(data("print")).toMatchObject({
      photo_size: "2_inch",
      photo_count: 0,
      sheet_frame: true,
      photo_crop: [cut],
    });
    expect(data("print")).not.toHaveProperty("id_card_crop");
  });
});

test.each([
  ["layout_id_card", ["off", "long_edge"], "By the layout (off)"],
  ["layout_invoices", ["long_edge", "short_edge"], "By the layout"],
  ["layout_both", ["off", "long_edge"], "Default (long edge)"],
  ["layout_4r", ["off", "long_edge"], "By the layout (off)"],
] as const)("%s where both sides are the default and %s are offered: %s", async (layout, duplex, words) => {
  const batch = await laid(
    makeBatch({ "lianke/printer/options": { duplex, defaults: { duplex: "long_edge" } } }),
    layout,
  );
  const form = await show("lianke-print-form", { context: batch.context, batch });
  expect(find(find(form, "lianke-options-form"), "#duplex option").textContent).toBe(words);
});

const OFFERS = {
  papers: [
    { id: 9, name: "A4", width: 210, height: 297 },
    { id: 257, name: "4 x 6 英寸", width: 101.6, height: 152.4 },
    { id: 11, name: "A5", width: 148, height: 210 },
  ],
  media_types: [
    { id: 1, name: "普通纸" },
    { id: 260, name: "相片纸" },
  ],
  duplex: ["off", "long_edge", "short_edge"],
  orientation: ["portrait", "landscape"],
  defaults: { paper: "A4", media_type: "普通纸", duplex: "long_edge", orientation: "landscape" },
};
const PDF = media("five.pdf");
const WAYS: [LayoutName | null, (typeof FRONT)[]][] = [
  [null, [PDF]],
  [null, [FRONT]],
  ["layout_id_card", [FRONT, BACK]],
  ["layout_4r", [FRONT]],
  ["layout_3r", [FRONT]],
  ["layout_1_inch", [FRONT]],
  ["layout_2_inch", [FRONT]],
  ["layout_page", [FRONT]],
  ["layout_clean", [FRONT]],
  ["layout_both", [FRONT, BACK]],
  ["layout_invoices", [PDF, media("six.pdf")]],
  ["layout_2_up", [PDF]],
  ["layout_4_up", [PDF]],
  ["layout_booklet", [PDF]],
  ["layout_merge", [PDF, media("six.pdf")]],
];
const DECIDED = ["duplex", "orientation", "scale", "align"];
const UNSETTLED: (LayoutName | null)[] = [null, "layout_clean", "layout_merge"];

/* Prints documents in a layout with these options chosen, even those that the form would not offer. */
const printed = async (batch: Batch, layout: LayoutName | null, chosen: (typeof FRONT)[], options: object) => {
  for (const one of chosen) batch.addMedia(one);
  await vi.waitFor(() => expect(batch.offers).not.toBeNull());
  if (layout) {
    if (layout === "layout_clean") batch.straighten();
    else batch.setLayout(layout);
    await rested(batch);
  }
  for (const [name, value] of Object.entries(options)) batch.choose(name, value as string);
  await batch.print();
  expect(batch.items).toEqual([]);
  return data("print");
};

test.each(WAYS)("what was chosen for %s is not printed with any layout that decides it", async (before, those) => {
  const batch = makeBatch({ "lianke/printer/options": OFFERS });
  const every = { duplex: "long_edge", orientation: "portrait", scale: "fill", align: "top_left", color: "mono" };
  for (const [layout, documents] of WAYS) {
    await printed(batch, before, those, every);
    const sent = await printed(batch, layout, documents, {});
    if (UNSETTLED.includes(layout)) continue;
    const decided = layout && /^layout_(._up|both)$/.test(layout) ? DECIDED.slice(1) : DECIDED;
    for (const name of decided)
      expect([layout, sent]).not.toEqual([layout, expect.objectContaining({ [name]: expect.anything() })]);
  }
  // Options chosen for a layout do not apply to documents either.
  localStorage.clear();
  const fresh = makeBatch({ "lianke/printer/options": OFFERS });
  await printed(fresh, before, those, every);
  if (UNSETTLED.includes(before)) return;
  const sent = await printed(fresh, null, [PDF], {});
  for (const name of DECIDED.slice(1)) expect(sent).not.toHaveProperty(name);
});

test("what is chosen for a booklet holds for it alone, and what was chosen before comes back with its end", async () => {
  const batch = makeBatch({ "lianke/printer/options": OFFERS });
  batch.addMedia(PDF);
  await vi.waitFor(() => expect(batch.offers).not.toBeNull());
  batch.choose("duplex", "long_edge");
  batch.choose("paper", 11);
  batch.setLayout("layout_booklet");
  await rested(batch);
  expect(batch.chosen).toEqual({ paper: 11 });
  const whole = await show("lianke-print-form", { context: batch.context, batch });
  const form = find(whole, "lianke-options-form");
  expect(find(form, "#duplex option").textContent).toBe("By the layout (short edge)");
  for (const name of ["orientation", "scale", "align"])
    expect((form as Part).renderRoot.querySelector(`#${name}`)).toBeNull();
  batch.choose("duplex", "off");
  batch.choose("duplex", "long_edge");
  batch.reset();
  batch.choose("duplex", "short_edge");
  batch.setLayout("layout_2_up");
  expect(batch.chosen).toEqual({ duplex: "long_edge" });
  await rested(batch);
  batch.setLayout(null);
  expect(batch.chosen).toEqual({ duplex: "long_edge" });
});

test("ID photos are printed on the type of paper that goes with its size, unless another is chosen", async () => {
  const batch = await laid(makeBatch({ "lianke/printer/options": OFFERS }), "layout_1_inch", [FRONT]);
  expect(batch.chosen).toEqual({});
  batch.choose("paper", 257);
  expect(batch.chosen).toEqual({ paper: 257, media_type: 260 });
  batch.choose("paper", 11);
  expect(batch.chosen).toEqual({ paper: 11 });
  batch.choose("media_type", 1);
  batch.choose("paper", 257);
  expect(batch.chosen).toEqual({ paper: 257, media_type: 1 });
});

test("a preview without pictures says why, of one document and of several on sheets", async () => {
  const none = { images: [], pages: 3, reason: "preview_only_counted", message: "Only counted.", document: "kept" };
  const batch = makeBatch({ preview: none });
  batch.addMedia(media("letter.docx", "application/msword"));
  const form = await show("lianke-print-form", { context: batch.context, batch });
  await batch.preview();
  const said = () => [...(form as Part).renderRoot.querySelectorAll("p[role=status]")].map((one) => one.textContent);
  await vi.waitFor(() => expect(said()).toEqual([expect.stringContaining("Only counted.")]));
  batch.clear();
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  batch.setLayout("layout_both");
  await vi.waitFor(() => expect(batch.combined?.unseen).toContain("Only counted."));
  await vi.waitFor(() => expect(said()).toHaveLength(1));
  // The sentence goes with the next preview that has a picture.
  answers["preview"] = { pages: 1, images: ["/api/lianke/preview/1"] };
  await batch.preview();
  await rested(batch);
  await vi.waitFor(() => expect(said()).toEqual([]));
});

test("a preview that takes long says so while it is waited for", async () => {
  stopTime();
  const batch = makeBatch({ preview: { pages: 1, images: ["/api/lianke/preview/1"], document: "kept" } });
  const { hass } = batch.context;
  const { callWS } = hass;
  let answer = () => {};
  const answered = new Promise<unknown>((resolve) => (answer = () => resolve(null)));
  hass.callWS = async (message) => {
    if (message["service"] === "preview") await answered;
    return callWS(message as Parameters<typeof callWS>[0]);
  };
  batch.addMedia(media("letter.docx", "application/msword"));
  const form = await show("lianke-print-form", { context: batch.context, batch });
  const said = () => (form as Part).renderRoot.querySelector("p[role=status]")?.textContent;
  const drawn = batch.preview();
  await batch.loading;
  await vi.advanceTimersByTimeAsync(9000);
  expect(said()).toBeUndefined();
  await vi.advanceTimersByTimeAsync(2000);
  await form.updateComplete;
  expect(said()).toContain("takes longer");
  answer();
  await drawn;
  await form.updateComplete;
  expect(said()).toBeUndefined();
});

test("a watermark for an ID card is suggested, with what it is for to be filled in", async () => {
  makeBatch();
  const batch = await laid(new Batch(makeContext(makeHass(answers, "zh-Hans")), "device"), "layout_id_card");
  const sheets = await show("lianke-sheets", { context: batch.context, batch });
  const suggest = find(sheets, "[data-key=suggest]");
  expect(suggest.textContent?.trim()).toBe("仅供…使用");
  suggest.click();
  const input = find<HTMLInputElement>(sheets, "[data-key=watermark]");
  await vi.waitFor(() =>
    expect(input.value.slice(input.selectionStart ?? 0, input.selectionEnd ?? 0)).toBe("办理××业务"),
  );
  expect(batch.combined?.watermark).toBe("仅供办理××业务使用");
});

test("a card that is to have its true size is asked to be cropped, until each picture is", async () => {
  const batch = await laid(makeBatch(), "layout_id_card");
  const sheets = await show("lianke-sheets", { context: batch.context, batch });
  const says = () => sheets.shadowRoot?.textContent?.includes("Crop it to the edges of the card.");
  const cut = { left: 0.1, top: 0.1, right: 0.9, bottom: 0.9, turn: 0 } as unknown as Cut;
  const [front, back] = batch.items as [PrintItem, PrintItem];
  expect(says()).toBe(true);
  batch.setCut(front, cut);
  await sheets.updateComplete;
  expect(says()).toBe(true);
  batch.setCut(back, cut);
  await sheets.updateComplete;
  expect(says()).toBe(false);
});

describe("photographed pages", () => {
  const CORNERS: Corners = [
    [0.1, 0.1],
    [0.9, 0.2],
    [0.8, 0.9],
    [0.2, 0.8],
  ];

  test("are straightened, in a layout too, by corners that somebody chose", async () => {
    const batch = makeBatch();
    batch.addMedia(FRONT);
    batch.addMedia(BACK);
    batch.straighten();
    await rested(batch);
    expect(data("preview")).toEqual({ device_id: "device", clean: true, document: ["kept-1", "kept-2"] });
    batch.setCorners(batch.items[1] as PrintItem, CORNERS);
    batch.setLayout("layout_both");
    await rested(batch);
    expect(data("preview")).toMatchObject({ sheet: "2_up", clean: true });
    const request = batch.combined?.request;
    batch.straighten();
    expect(batch.combined?.layout).toBe("layout_both");
    batch.straighten();
    expect(batch.combined?.request).not.toBe(request);
    await batch.print();
    expect(data("print")).toMatchObject({ sheet: "2_up", clean: true, clean_corners: [[], CORNERS] });
    batch.addMedia(FRONT);
    batch.straighten();
    batch.setLayout("layout_4r");
    expect(batch.combined?.cleans).toBe(false);
    batch.straighten();
    expect(batch.combined?.layout).toBe("layout_clean");
    batch.straighten();
    expect(batch.combined).toBeNull();
  });

  test("have corners that stay corners of a page", () => {
    expect(isPage(CORNERS)).toBe(true);
    expect(dragged(CORNERS, 0, [0.3, -1])[0]).toEqual([0.3, 0]);
    // Beyond the opposite corner the edges would cross.
    expect(dragged(CORNERS, 0, [0.95, 0.95])).toBe(CORNERS);
    expect(isPage([...CORNERS].reverse() as Corners)).toBe(false);
    expect(turned(CORNERS)[0]).toEqual(CORNERS[3]);
    expect([1, 2, 3, 4].reduce((corners) => turned(corners), CORNERS)).toEqual(CORNERS);
  });

  test("have corners also once Home Assistant has forgotten the picture", async () => {
    const batch = makeBatch();
    const detected = { found: true, corners: CORNERS };
    const results = [{ code: "x", translation_key: "document_gone" }, detected];
    Object.defineProperty(answers, "lianke/document/corners", { get: () => results.shift(), configurable: true });
    batch.addMedia(FRONT);
    const [page] = batch.items as [PrintItem];
    page.document = "gone";
    expect(await batch.sending.corners(page)).toBe(detected);
    expect(asked.at(-1)).toEqual({ type: "lianke/document/corners", document: page.document });
    Reflect.deleteProperty(answers, "lianke/document/corners");
  });

  test("in which no page was found are named, until somebody marks one", async () => {
    const batch = makeBatch({ "lianke/document/corners": { found: false, corners: CORNERS } });
    batch.addMedia(FRONT);
    const [page] = batch.items as [PrintItem];
    batch.straighten();
    const sheets = await show("lianke-sheets", { context: batch.context, batch });
    await vi.waitFor(() => expect(sheets.shadowRoot?.textContent).toContain(`No page found in ${page.name}`));
    expect(sheets.shadowRoot?.textContent).not.toContain("made white");
    batch.setCorners(page, CORNERS);
    await vi.waitFor(() => expect(sheets.shadowRoot?.textContent).toContain("made white"));
    expect(sheets.shadowRoot?.textContent).not.toContain("No page found");
  });

  test("have corners that are moved by keys and by a finger", async () => {
    const batch = makeBatch({ "lianke/document/corners": { found: true, corners: CORNERS } });
    const canvas = new OffscreenCanvas(400, 300);
    canvas.getContext("2d")?.fillRect(0, 0, 400, 300);
    batch.add([new File([await canvas.convertToBlob()], "page.png", { type: "image/png" })]);
    const [page] = batch.items as [PrintItem];
    page.document = "kept";
    batch.straighten();
    const sheets = await show("lianke-sheets", { context: batch.context, batch });
    find(sheets, "[data-key^=corners]").click();
    const dialog = find<LiankeCorners>(sheets, "lianke-corners");
    await vi.waitFor(() => expect(find<HTMLDialogElement>(dialog, "dialog")?.open).toBe(true));
    expect(asked).toContainEqual({ type: "lianke/document/corners", document: "kept" });
    const [corner] = [...(dialog.shadowRoot?.querySelectorAll("[role=slider]") ?? [])] as HTMLElement[];
    expect(corner?.getAttribute("aria-valuetext")).toBe("10% from the left, 10% from the top");
    corner?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", shiftKey: true, cancelable: true }));
    await dialog.updateComplete;
    expect(corner?.getAttribute("aria-valuetext")).toBe("10% from the left, 15% from the top");
    const frame = find(dialog, ".frame");
    frame.setPointerCapture = () => undefined;
    const { width, height } = frame.getBoundingClientRect();
    const at = (type: string, clientX: number, clientY: number) =>
      new PointerEvent(type, { clientX, clientY, bubbles: true, composed: true, pointerId: 1 });
    corner?.dispatchEvent(at("pointerdown", 0, 0));
    frame.dispatchEvent(at("pointermove", 0.1 * width, -0.05 * height));
    frame.dispatchEvent(at("pointerup", 0, 0));
    await dialog.updateComplete;
    find(dialog, "[data-key=done]").click();
    expect(batch.combined?.corners.get(page)?.[0]?.map((one) => one.toFixed(2))).toEqual(["0.20", "0.10"]);
    // The browser fires `close` a moment later.
    await vi.waitFor(() => expect(find(dialog, "dialog")).toBeNull());
    // Corners that are as detected are not sent.
    batch.setCorners(page, CORNERS);
    find(sheets, "[data-key^=corners]").click();
    await vi.waitFor(() => expect(find<HTMLDialogElement>(dialog, "dialog")?.open).toBe(true));
    find(dialog, "[data-key=turn]").click();
    find(dialog, "[data-key=found]").click();
    find(dialog, "[data-key=done]").click();
    expect(batch.combined?.corners.get(page)).toBeUndefined();
  });

  test("are told that no page was found", async () => {
    const all: Corners = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ];
    const batch = makeBatch({ "lianke/document/corners": { found: false, corners: all } });
    const canvas = new OffscreenCanvas(40, 30);
    canvas.getContext("2d")?.fillRect(0, 0, 40, 30);
    batch.add([new File([await canvas.convertToBlob()], "sky.png", { type: "image/png" })]);
    (batch.items[0] as PrintItem).document = "kept";
    batch.straighten();
    const sheets = await show("lianke-sheets", { context: batch.context, batch });
    find(sheets, "[data-key^=corners]").click();
    const dialog = find<LiankeCorners>(sheets, "lianke-corners");
    await vi.waitFor(() => expect(find<HTMLDialogElement>(dialog, "dialog")?.open).toBe(true));
    expect(find(dialog, "[role=status]").textContent).toContain("No page found");
  });
});

describe("cropping by hand", () => {
  const draw = async () => {
    const canvas = new OffscreenCanvas(600, 400);
    canvas.getContext("2d")?.fillRect(0, 0, 600, 400);
    return URL.createObjectURL(await canvas.convertToBlob());
  };

  const opened = async () => {
    const crop = await show<LiankeCrop>("lianke-crop", { context: makeContext(), shape: CARD });
    const cut = vi.fn();
    crop.addEventListener("cropped", (event) => cut((event as CustomEvent).detail));
    const picture = item("front.png", "image/png");
    await crop.open(picture, await draw(), null);
    await crop.updateComplete;
    return { crop, cut, picture };
  };
  const button = (crop: LiankeCrop, name: string) =>
    [...(crop.shadowRoot?.querySelectorAll("button") ?? [])].find(
      (one) => (one.getAttribute("aria-label") ?? one.textContent?.trim()) === name,
    ) as HTMLElement;

  test("by the keyboard: each edge is a slider", async () => {
    const { crop, cut, picture } = await opened();
    const left = find(crop, "[role=slider].left");
    expect(left.getAttribute("aria-label")).toBe("Left edge");
    left.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", shiftKey: true, cancelable: true }));
    await crop.updateComplete;
    expect(left.getAttribute("aria-valuenow")).toBe("5");
    button(crop, "Turn right").click();
    await crop.updateComplete;
    const canvas = find<HTMLCanvasElement>(crop, "canvas");
    expect([canvas.width, canvas.height]).toEqual([400, 600]);
    button(crop, "Done").click();
    const [[who, part]] = cut.mock.calls[0] as [[PrintItem, Record<string, number>]];
    expect(who).toBe(picture);
    expect(part).toMatchObject({ turn: 90, top: expect.closeTo(0.05) });
  });

  test("says what to do, and only of what has not the shape of a card that less is printed", async () => {
    const { crop } = await opened();
    const help = () => find(crop, "[role=status]").textContent;
    expect(help()).toMatch(/Drag the frame.*85\.6 × 54 mm/);
    button(crop, "Turn left").click();
    await crop.updateComplete;
    expect(help()).toContain("Drag the frame");
    const top = find(crop, "[role=slider].top");
    for (let n = 0; n < 8; n++)
      top.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", shiftKey: true, cancelable: true }));
    await crop.updateComplete;
    expect(help()).toContain("only its middle is printed");
  });

  test("by a pointer: corners and the whole part are dragged", async () => {
    const { crop, cut } = await opened();
    const frame = find(crop, ".frame").getBoundingClientRect();
    find(crop, ".frame").setPointerCapture = () => undefined;
    const drag = async (from: string, dx: number, dy: number) => {
      const at = (type: string, x: number, y: number) =>
        new PointerEvent(type, { clientX: x, clientY: y, bubbles: true, composed: true, pointerId: 1 });
      find(crop, from).dispatchEvent(at("pointerdown", 100, 100));
      find(crop, ".frame").dispatchEvent(at("pointermove", 100 + dx * frame.width, 100 + dy * frame.height));
      find(crop, ".frame").dispatchEvent(at("pointerup", 0, 0));
      await crop.updateComplete;
    };
    await drag(".corner", 0.2, 0.1);
    await drag(".part", 0, 0.01);
    button(crop, "Done").click();
    const [[, part]] = cut.mock.calls[0] as [[PrintItem, Record<string, number>]];
    const top = (1 - 600 / (85.6 / 54) / 400) / 2;
    expect(part["left"]).toBeCloseTo(0.2, 1);
    expect(part["top"]).toBeCloseTo(top + 0.11, 1);
    expect(part["bottom"]).toBeCloseTo(1 - top + 0.01, 1);
  });

  test("what was not touched is the middle, as without it", async () => {
    const { crop, cut } = await opened();
    button(crop, "Done").click();
    expect((cut.mock.calls[0] as [[unknown, unknown]])[0][1]).toBeNull();
  });

  test("a picture that cannot be shown says so", async () => {
    const crop = await show<LiankeCrop>("lianke-crop", { context: makeContext() });
    await crop.open(item("x.png", "image/png"), "data:image/png;base64,AAAA", null);
    await crop.updateComplete;
    expect(find(crop, "[role=status]").textContent).toContain("cannot be shown");
  });
});
