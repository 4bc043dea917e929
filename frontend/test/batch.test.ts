import { beforeEach, describe, expect, test, vi } from "vitest";
import { Batch } from "../src/print/batch";
import type { PrintItem } from "../src/print/item";
import { fieldOf, typedErrors } from "../src/print/options";
import { announced, asked, makeContext, makeHass, makeJob, stopTime } from "./stand-in";

const DOCUMENT = { media_content_id: "media-source://a", media_content_type: "application/pdf", title: "a.pdf" };
const OPTIONS = {
  papers: [
    { id: 9, name: "A4" },
    { id: 11, name: "A5" },
  ],
  duplex: ["off", "long_edge"],
  max_copies: 5,
  max_document_bytes: 1000,
};

const makeBatch = (answers: Record<string, unknown> = {}) =>
  new Batch(makeContext(makeHass({ "lianke/printer/options": OPTIONS, ...answers })), "device");

const settled = (batch: Batch, isSo: () => boolean) => vi.waitFor(() => expect(isSo(), batch.problem ?? "").toBe(true));
const calls = (service: string) => asked.filter((message) => message["service"] === service);
const data = (service: string) => calls(service).at(-1)?.["service_data"];
const first = (batch: Batch) => batch.items[0] as PrintItem;

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  announced.length = 0;
});

test.each([
  [true, "preview_not_drawn preview_uncounted"],
  [false, "preview_not_drawn"],
])("a document without a preview whose pages nobody knows (%s) is said to wait", async (uncounted, said) => {
  const preview = { document: "kept", pages: null, images: [], reason: "preview_not_drawn", uncounted };
  const hass = makeHass({ "lianke/printer/options": OPTIONS, preview });
  const texts = (key: string) => key.split(".")[3] ?? "";
  const context = makeContext({ ...hass, loadBackendTranslation: async () => texts });
  const batch = new Batch(context, "device");
  batch.addMedia({ ...DOCUMENT, title: "letter.doc" });
  await batch.preview();
  expect(first(batch).unseen).toBe(said);
});

test("choosing what others have to draw sends nothing but the question for the options", async () => {
  const batch = makeBatch();
  batch.add([new File(["x"], "a.docx"), new File([], "empty.pdf"), new File(["x".repeat(2000)], "large.pdf")]);
  await settled(batch, () => batch.offers !== null);
  expect(asked.map(({ type }) => type)).toEqual(["lianke/printer/options"]);
  expect(batch.items.map(({ refused }) => refused)).toEqual([
    null,
    "The file is empty.",
    expect.stringContaining("Larger than the limit"),
  ]);
});

test("options that were lost with the connection are asked for again once it is back", async () => {
  localStorage.setItem("lianke-card:device", JSON.stringify({ paper: 11 }));
  const preview = { document: "kept", pages: 1, images: ["/x"], drawn_by: "here" };
  const answers: Record<string, unknown> = { "lianke/printer/options": { code: 3 }, preview };
  const batch = new Batch(makeContext(makeHass(answers)), "device");
  batch.addMedia(DOCUMENT);
  await settled(batch, () => batch.offers?.failed === true);
  await batch.preview();
  answers["lianke/printer/options"] = OPTIONS;
  batch.jobsArrived([]);
  await settled(batch, () => batch.offers?.max_copies === 5);
  batch.jobsArrived([]);
  expect(asked.filter(({ type }) => type === "lianke/printer/options")).toHaveLength(2);
  // Remembered options apply only now, so an earlier preview is drawn again.
  await vi.waitFor(() => expect(data("preview")).toMatchObject({ document: "kept", paper: 11 }));
});

test("more files than can be taken are refused with a sentence", () => {
  const batch = makeBatch();
  batch.add(Array.from({ length: 21 }, (_, at) => new File(["x"], `${at}.txt`)));
  expect(batch.items).toHaveLength(20);
  expect(batch.problem).toContain("20");
});

test("a document prints once with its own request id, however often print is pressed", async () => {
  const batch = makeBatch({ print: { jobs: [{}] } });
  batch.addMedia(DOCUMENT);
  const { request } = first(batch);
  await Promise.all([batch.print(), batch.print()]);
  expect(calls("print")).toHaveLength(1);
  expect(data("print")).toMatchObject({ device_id: "device", request_id: request });
  expect(batch.items).toHaveLength(0);
  expect(announced).toEqual(["a.pdf was submitted"]);
});

test("a document whose answer was lost goes once its job is seen", async () => {
  const preview = { document: "kept", pages: 1, images: ["/x"], drawn_by: "here" };
  const answers: Record<string, unknown> = { print: { code: 3 }, preview };
  const batch = new Batch(makeContext(makeHass(answers)), "device");
  batch.addMedia(DOCUMENT);
  batch.setTyped("copies", "5");
  answers["preview"] = { code: 3 };
  await batch.preview();
  expect([first(batch).error, batch.isLost]).toEqual([expect.stringContaining("if nothing has happened"), false]);
  answers["preview"] = preview;
  await batch.print();
  const [item] = batch.items;
  expect(item?.error).toContain("still prints only once");
  // Home Assistant is still starting: refusing the repetition does not tell whether the first print was submitted.
  answers["print"] = { code: "unknown_command", message: "Not yet" };
  await batch.print();
  expect([item?.error, batch.isLost]).toEqual([expect.stringContaining("Not yet"), true]);
  batch.addMedia({ ...DOCUMENT, title: "letter.pdf" });
  batch.jobsArrived([makeJob({ request_id: "another" })]);
  expect(batch.items).toHaveLength(2);
  await batch.preview();
  batch.jobsArrived([makeJob({ request_id: item?.request })]);
  // The copies were meant for the document that is gone.
  expect([batch.items.map(({ name, stale }) => [name, stale]), batch.options()]).toEqual([[["letter.pdf", true]], {}]);
});

describe("what was chosen last", () => {
  const store = (kind: string, chosen: object) =>
    localStorage.setItem(`lianke-card:device${kind}`, JSON.stringify(chosen));
  const PAPERS = { ...OPTIONS, papers: [...OPTIONS.papers, { id: 20, name: "4 x 6" }], defaults: { paper: "4 x 6" } };
  const PICTURE = { ...DOCUMENT, media_content_type: "image/png", title: "a.png" };

  test("is offered again, as far as the printer has it", async () => {
    store("", { paper: 11, duplex: "short_edge", constructor: "x" });
    const batch = makeBatch();
    batch.addMedia(DOCUMENT);
    await settled(batch, () => batch.offers !== null);
    expect(batch.chosen).toEqual({ paper: 11 });
    expect(batch.carried).toEqual(["paper"]);
    batch.reset();
    expect([batch.chosen, batch.carried]).toEqual([{}, []]);
    expect(localStorage.getItem("lianke-card:device")).toBe("{}");
  });

  test("is told of the next document, too, and what of it is chosen anew is not", async () => {
    const batch = makeBatch({ print: { jobs: [{}] } });
    batch.addMedia(DOCUMENT);
    await settled(batch, () => batch.offers !== null);
    batch.choose("paper", 11);
    batch.choose("duplex", "long_edge");
    expect(batch.carried).toEqual([]);
    await batch.print();
    batch.addMedia(DOCUMENT);
    expect([batch.chosen, batch.carried]).toEqual([{ paper: 11, duplex: "long_edge" }, ["paper", "duplex"]]);
    batch.choose("paper", 9);
    expect(batch.carried).toEqual(["duplex"]);
  });

  test("for pictures is not for documents", async () => {
    const batch = makeBatch({ "lianke/printer/options": PAPERS, print: { jobs: [{}] } });
    batch.addMedia(PICTURE);
    await settled(batch, () => batch.offers !== null);
    batch.choose("paper", 20);
    batch.choose("duplex", "off");
    await batch.print();
    batch.addMedia(DOCUMENT);
    expect(batch.chosen).toEqual({});
    batch.choose("paper", 9);
    batch.clear();
    batch.addMedia(PICTURE);
    expect(batch.chosen).toEqual({ paper: 20, duplex: "off" });
    // With a document among them, they all count as documents.
    batch.addMedia(DOCUMENT);
    expect([batch.chosen, batch.carried]).toEqual([{ paper: 9 }, ["paper"]]);
  });

  test("is nothing for an ID card, which begins with A4", async () => {
    store(":picture", { paper: 20, duplex: "long_edge" });
    const batch = makeBatch({ "lianke/printer/options": PAPERS, preview: {}, count_pages: { document: "kept" } });
    batch.addMedia(PICTURE);
    batch.addMedia(PICTURE);
    await settled(batch, () => batch.offers !== null);
    expect(batch.chosen).toEqual({ paper: 20, duplex: "long_edge" });
    batch.choose("duplex", "off");
    batch.setLayout("layout_id_card");
    // The layout itself decides on which sides it is printed.
    expect([batch.chosen, batch.carried]).toEqual([{ paper: 9 }, []]);
    batch.choose("paper", 11);
    batch.setLayout(null);
    expect(batch.chosen).toEqual({ paper: 20, duplex: "off" });
    batch.setLayout("layout_id_card");
    expect(batch.chosen["paper"]).toBe(9);
  });

  test("holds until the page is left where the browser keeps nothing", async () => {
    const full = vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new Error("full");
    });
    const batch = makeBatch({ print: { jobs: [{}] } });
    batch.addMedia(DOCUMENT);
    await settled(batch, () => batch.offers !== null);
    batch.choose("paper", 11);
    await batch.print();
    batch.addMedia(DOCUMENT);
    expect(batch.chosen).toEqual({ paper: 11 });
    full.mockRestore();
    batch.reset();
  });
});

describe("errors at the field", () => {
  test.each([
    [{ copies: "0" }, { copies: "Copies: from 1 to 5." }],
    [{ copies: "6" }, { copies: "Copies: from 1 to 5." }],
    [{ pages: "2-banana" }, { pages: expect.stringContaining("2-banana") }],
    [{ pages: "1-3, 5，7" }, {}],
    [{ pages: "odd" }, {}],
  ])("%j", (typed, errors) => {
    expect(typedErrors(makeContext().localizer, OPTIONS, { copies: "", pages: "", ...typed })).toEqual(errors);
  });

  test("print sends nothing while there is one", async () => {
    const batch = makeBatch({ print: { jobs: [{}] } });
    batch.add([new File(["x".repeat(2000)], "large.docx")]);
    batch.setTyped("copies", "2");
    await batch.print();
    expect([first(batch).refused, batch.typed.copies]).toEqual([expect.stringContaining("Larger"), "2"]);
    batch.addMedia(DOCUMENT);
    batch.setTyped("copies", "0");
    await batch.print();
    expect(calls("print")).toHaveLength(0);
    expect(batch.errors["copies"]).toBeTruthy();
    batch.setTyped("copies", "2.7");
    await batch.print();
    expect(data("print")).toMatchObject({ copies: 2 });
  });

  test("home assistant's own are shown there, too", async () => {
    const error = { code: "x", message: "no", translation_key: "paper_not_available" };
    const batch = makeBatch({ print: error });
    batch.addMedia(DOCUMENT);
    await batch.print();
    expect(Object.keys(batch.errors)).toEqual(["paper"]);
    expect(first(batch).error).toBeNull();
    // An error that is corrected meanwhile does not come back.
    batch.errors = { copies: "from 1 to 5" };
    const explained = batch.explainField(error);
    batch.errors = {};
    await explained;
    expect(Object.keys(batch.errors)).toEqual(["paper"]);
    expect(fieldOf("invalid_option", { option: "scale" })).toBe("scale");
    expect(fieldOf("document_gone")).toBeUndefined();
  });
});

describe("what was refused is told", () => {
  const PAGES = { code: "x", message: "too many", translation_key: "too_many_pages" };

  test("wherever else there is no field for it", async () => {
    const batch = makeBatch({ print: { code: "x", message: "gray only", translation_key: "color_not_available" } });
    batch.addMedia({ ...DOCUMENT, media_content_type: "image/png", title: "a.png" });
    await batch.print();
    expect(first(batch).error).toBeNull();
    expect(batch.errors).toEqual({ color: expect.stringContaining("gray only") });
    batch.offers = { ...OPTIONS, color: ["mono"] };
    batch.errors = {};
    await batch.print();
    expect(first(batch).error).toContain("gray only");
  });

  test("until something else is chosen", async () => {
    const batch = makeBatch({ print: PAGES });
    batch.addMedia(DOCUMENT);
    await batch.print();
    expect(first(batch).error).toContain("too many");
    batch.setTyped("copies", "2");
    expect(first(batch).error).toBeNull();
  });

  test("though the texts of errors cannot be loaded", async () => {
    const hass = makeHass({ "lianke/printer/options": OPTIONS, print: { ...PAGES, translation_domain: "lianke" } });
    const batch = new Batch(
      makeContext({ ...hass, loadBackendTranslation: () => Promise.reject({ code: 3 }) }),
      "device",
    );
    batch.addMedia(DOCUMENT);
    await batch.print();
    expect([first(batch).error, batch.printing]).toEqual([expect.stringContaining("too many"), false]);
  });

  test("and what was typed into a field that is gone holds up nothing", async () => {
    const batch = makeBatch({ print: { jobs: [{}] } });
    batch.addMedia(DOCUMENT);
    batch.setTyped("pages", "2-banana");
    batch.addMedia({ ...DOCUMENT, media_content_type: "image/png", title: "a.png" });
    batch.remove(first(batch));
    await batch.print();
    expect(calls("print")).toHaveLength(1);
  });
});

test.each([
  ["a.csv", false],
  ["configuration.yaml", false],
  ["README", false],
  ["a.docx", true],
  ["a.htm", true],
])("a text is laid out anew for another paper: %s", async (title, isKept) => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const batch = makeBatch({ preview: { document: "kept" }, print: { jobs: [{}] } });
  batch.addMedia({ ...DOCUMENT, title });
  await settled(batch, () => batch.offers !== null);
  await batch.draw(first(batch));
  batch.setTyped("copies", "2");
  await batch.draw(first(batch));
  expect(data("preview")).toMatchObject({ document: "kept", copies: 2 });
  batch.choose("orientation", "landscape");
  await batch.print();
  expect(data("print")).toMatchObject(
    isKept ? { document: "kept" } : { media: { media_content_id: "media-source://a" } },
  );
});

test("a text that was being laid out for another paper is laid out anew, too", async () => {
  let draw: (answer: object) => void = () => undefined;
  const answers: Record<string, unknown> = {
    "lianke/printer/options": OPTIONS,
    preview: new Promise((resolve) => (draw = resolve)),
    print: { code: "x", message: "no" },
  };
  const batch = new Batch(makeContext(makeHass(answers)), "device");
  batch.addMedia({ ...DOCUMENT, title: "a.csv" });
  await settled(batch, () => batch.offers !== null);
  const drawing = batch.draw(first(batch));
  batch.choose("orientation", "landscape");
  await batch.print();
  draw({ document: "portrait" });
  await drawing;
  answers["print"] = { jobs: [{}] };
  await batch.print();
  expect(data("print")).toMatchObject({ orientation: "landscape", media: {} });
});

test("previews follow the options, by the document that is kept", async () => {
  const preview = { document: "kept", pages: 1, images: ["/api/lianke/preview/1", "https://evil.example/x.png"] };
  const batch = makeBatch({ preview, print: { code: "x", message: "no" } });
  batch.addMedia(DOCUMENT);
  await batch.preview();
  expect(first(batch).images).toEqual(["/api/lianke/preview/1"]);
  vi.useFakeTimers();
  batch.choose("paper", 11);
  expect(first(batch).stale).toBe(true);
  await batch.print();
  await vi.advanceTimersByTimeAsync(1000);
  expect(data("preview")).toMatchObject({ document: "kept", paper: 11 });
  expect(first(batch).stale).toBe(false);
});

test("what is refused of options that were changed meanwhile is drawn with those chosen now, and not told", async () => {
  let refuse: (error: object) => void = () => undefined;
  const preview = { document: "kept", pages: 20, images: ["/x"], drawn_by: "here" };
  const answers: Record<string, unknown> = { "lianke/printer/options": OPTIONS, preview };
  const batch = new Batch(makeContext(makeHass(answers)), "device");
  batch.addMedia(DOCUMENT);
  await batch.preview();
  stopTime();
  answers["preview"] = new Promise((_, reject) => (refuse = reject));
  for (const pages of ["10-1", "10-12"]) {
    batch.setTyped("pages", pages);
    await vi.advanceTimersByTimeAsync(250);
  }
  expect(data("preview")).toMatchObject({ pages: "10-1" });
  answers["preview"] = preview;
  refuse({ code: "x", message: "none", translation_key: "pages_not_in_document" });
  await vi.advanceTimersByTimeAsync(250);
  expect(data("preview")).toMatchObject({ pages: "10-12" });
  expect([batch.errors, first(batch).stale]).toEqual([{}, false]);
});

test("previews follow what was chosen the last time for documents of another kind", async () => {
  localStorage.setItem("lianke-card:device:picture", JSON.stringify({ paper: 11 }));
  const batch = makeBatch({ preview: { document: "kept", pages: 1, images: ["/x"], drawn_by: "here" } });
  batch.addMedia({ ...DOCUMENT, media_content_type: "image/png", title: "a.png" });
  await settled(batch, () => batch.offers !== null);
  await batch.preview();
  expect(data("preview")).toMatchObject({ paper: 11 });
  batch.addMedia(DOCUMENT);
  expect(batch.chosen).toEqual({});
  expect(first(batch).stale).toBe(true);
});

test.each([
  [{ jobs: [{}] }, ["b.pdf"]],
  [{ code: "x", message: "no" }, ["a.png", "b.pdf"]],
])("what comes after Print waits for the next: %j", async (print, left) => {
  localStorage.setItem("lianke-card:device:picture", JSON.stringify({ paper: 11 }));
  let offer: (options: object) => void = () => undefined;
  const offers = new Promise((resolve) => (offer = resolve));
  const batch = makeBatch({ "lianke/printer/options": offers, print });
  batch.addMedia({ ...DOCUMENT, media_content_type: "image/png", title: "a.png" });
  const printing = batch.print();
  batch.addMedia({ ...DOCUMENT, title: "b.pdf" });
  offer(OPTIONS);
  await printing;
  expect(calls("print")).toHaveLength(1);
  expect(data("print")).toMatchObject({ paper: 11 });
  expect([batch.items.map(({ name }) => name), batch.chosen]).toEqual([left, {}]);
});

test("what Home Assistant draws itself follows at once", async () => {
  const batch = makeBatch({ preview: { document: "kept", pages: 1, images: ["/x"], drawn_by: "here" } });
  batch.addMedia(DOCUMENT);
  await batch.preview();
  vi.useFakeTimers();
  batch.choose("paper", 11);
  await vi.advanceTimersByTimeAsync(250);
  expect(data("preview")).toMatchObject({ paper: 11 });
});

test("a picture has no pages to choose from, nor beside a document that has", async () => {
  const batch = makeBatch({ preview: { document: "kept", pages: 1, images: ["/x"] }, print: { jobs: [{}] } });
  const picture = { ...DOCUMENT, media_content_type: "image/png", title: "a.png" };
  batch.addMedia(picture);
  batch.setTyped("pages", "2");
  await batch.print();
  expect(data("print")).not.toHaveProperty("pages");
  for (const one of [DOCUMENT, picture]) batch.addMedia(one);
  batch.setTyped("pages", "2-3");
  await batch.preview();
  expect(batch.items.map(({ stale }) => stale)).toEqual([false, false]);
  await batch.print();
  for (const service of ["preview", "print"])
    expect(calls(service).slice(-2)).toMatchObject([
      { service_data: { pages: "2-3" } },
      { service_data: expect.not.objectContaining({ pages: "2-3" }) },
    ]);
});

test.each([
  ["The upload was cut off", async () => new ArrayBuffer(1), false],
  ["was changed or moved", () => Promise.reject(new Error()), false],
  ["The upload was cut off", async () => new ArrayBuffer(1), true],
])("an upload that fails says why: %s", async (words, arrayBuffer, expired) => {
  vi.spyOn(XMLHttpRequest.prototype, "send").mockImplementation(function (this: XMLHttpRequest) {
    this.dispatchEvent(new ProgressEvent("error"));
  });
  const batch = makeBatch();
  const refreshAccessToken = () => Promise.reject(new TypeError("Failed to fetch"));
  Object.assign(batch.context.hass.auth, { expired, refreshAccessToken });
  batch.add([Object.assign(new File(["x"], "a.txt"), { slice: () => ({ arrayBuffer }) })]);
  await batch.print();
  vi.restoreAllMocks();
  expect(first(batch).error).toContain(words);
});

test("files are sorted", () => {
  const batch = makeBatch();
  batch.add(["a", "b", "c"].map((name) => new File(["x"], name)));
  batch.move(0, 2);
  batch.move(0, -1);
  expect(batch.items.map(({ name }) => name)).toEqual(["b", "c", "a"]);
});

test("an OFD file that lacks something is printed without that once the user says so", async () => {
  const lacking = { code: "x", message: "no seal", translation_key: "ofd_incomplete" };
  const answers: Record<string, unknown> = { preview: lacking };
  const batch = makeBatch(answers);
  batch.addMedia({ ...DOCUMENT, title: "a.ofd" });
  await batch.preview();
  expect([first(batch).incomplete, first(batch).accepted, first(batch).error]).toEqual([
    true,
    false,
    "That did not work: no seal",
  ]);
  expect(data("preview")).not.toHaveProperty("print_incomplete");
  await batch.accept();
  expect(data("preview")).toMatchObject({ print_incomplete: true });
});
