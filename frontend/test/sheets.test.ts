import { beforeEach, describe, expect, test, vi } from "vitest";
import { Batch } from "../src/print/batch";
import { frameOf, middleOf, moved, quarter, type LiankeCrop } from "../src/print/crop";
import { PrintItem } from "../src/print/item";
import { layoutsFor } from "../src/print/layouts";
import "../src/print/tray";
import { announced, asked, find, makeContext, makeHass, makeJob, show } from "./stand-in";

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
const rested = ({ joint }: Batch) =>
  vi.waitFor(() => expect([joint?.images.length, joint?.previewing, joint?.stale]).toEqual([1, false, false]));

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  announced.length = 0;
  kept = 0;
});

describe("what is offered", () => {
  const image = "image/jpeg";
  test.each([
    [[item("a.pdf")], ["layout_2_up", "layout_4_up", "layout_booklet"]],
    [[item("发票 3.pdf")], ["layout_invoices", "layout_2_up", "layout_4_up", "layout_booklet"]],
    [[item("photo.jpg", image)], []],
    [
      [item("1.jpg", image), item("2.jpg", image)],
      ["layout_id_card", "layout_both", "layout_invoices"],
    ],
    [
      [item("1.jpg", image), item("2.jpg", image), item("3.jpg", image)],
      ["layout_2_up", "layout_4_up", "layout_invoices"],
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
  const batch = makeBatch();
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  expect(calls("preview")).toHaveLength(0);
  batch.lay("layout_id_card");
  await rested(batch);
  expect(data("preview")).toMatchObject({ sheet: "id_card", document: ["kept-1", "kept-2"] });
  expect(batch.joint?.images).toHaveLength(1);
  const [first, second] = batch.items as [PrintItem, PrintItem];
  batch.setCut(second, { left: 0.1, top: 0.2, right: 0.9, bottom: 0.8, turn: 90 });
  batch.setWatermark(" 仅供办理××使用 ");
  expect(batch.joint?.stale).toBe(true);
  const request = batch.joint?.request;
  await batch.print();
  expect(calls("print")).toHaveLength(1);
  expect(data("print")).toEqual({
    device_id: "device",
    paper: "A4",
    sheet: "id_card",
    watermark: "仅供办理××使用",
    id_card_crop: [{}, { left: 0.1, top: 0.2, right: 0.9, bottom: 0.8, turn: 90 }],
    document: ["kept-1", "kept-2"],
    request_id: request,
  });
  expect(request).not.toBe(first.request);
  expect(batch.items).toHaveLength(0);
  expect(announced).toEqual(["front.png + 1 was submitted"]);
});

test("previews follow the options and the order of the files", async () => {
  const batch = makeBatch();
  batch.addMedia(media("a.pdf"));
  batch.addMedia(media("b.pdf"));
  batch.lay("layout_2_up");
  await rested(batch);
  vi.useFakeTimers();
  batch.move(0, 1);
  expect(batch.joint?.stale).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  vi.useRealTimers();
  await rested(batch);
  expect(data("preview")).toMatchObject({ document: ["kept-2", "kept-1"] });
  expect(batch.joint?.stale).toBe(false);
});

test("a layout ends when it makes no sense any more", async () => {
  const batch = makeBatch();
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  batch.lay("layout_id_card");
  await rested(batch);
  batch.addMedia(media("c.png", "image/png"));
  expect(batch.joint).toBeNull();
  expect(batch.layouts).toEqual(["layout_2_up", "layout_4_up", "layout_invoices"]);
});

test("a print whose answer was lost can be nothing but repeated, until its job is seen", async () => {
  const batch = makeBatch({ print: { code: 3 } });
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  batch.lay("layout_id_card");
  await rested(batch);
  await batch.print();
  const joint = batch.joint;
  expect([joint?.lost, batch.problem]).toEqual([true, expect.stringContaining("still prints only once")]);
  batch.lay(null);
  batch.addMedia(media("c.png", "image/png"));
  expect(batch.joint).toBe(joint);
  await batch.print();
  expect(data("print")["request_id"]).toBe(calls("print")[0]?.["service_data"]?.["request_id" as never]);
  batch.notice([makeJob({ request_id: joint?.request ?? null })]);
  expect(batch.items).toHaveLength(0);
});

test("a document that Home Assistant has forgotten comes again", async () => {
  const batch = makeBatch();
  batch.addMedia(media("a.pdf"));
  batch.lay("layout_4_up");
  await rested(batch);
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

test("a refusal is said once, and the files stay", async () => {
  const refused = { code: "x", message: "The paper is too small", translation_key: "sheet_paper_too_small" };
  const batch = makeBatch({ print: refused });
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  batch.lay("layout_both");
  await rested(batch);
  await batch.print();
  expect(batch.problem).toContain("The paper is too small");
  expect(batch.items.map(({ error, phase }) => [error, phase])).toEqual([
    [null, null],
    [null, null],
  ]);
});

test("the tray offers layouts as buttons that can be pressed, and released again", async () => {
  const batch = makeBatch();
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  const tray = await show("lianke-tray", { context: makeContext(makeHass(answers)), batch });
  const sheets = find<HTMLElement & { updateComplete: Promise<unknown> }>(tray, "lianke-sheets");
  const buttons = () => [...(sheets.shadowRoot?.querySelectorAll("button[aria-pressed]") ?? [])] as HTMLElement[];
  expect(buttons().map((button) => button.textContent?.trim())).toEqual([
    "ID card",
    "Both on one sheet",
    "Invoices, two on a sheet",
  ]);
  buttons()[0]?.click();
  await vi.waitFor(() => expect(find(tray, "lianke-preview")).toBeTruthy());
  await vi.waitFor(() => expect(buttons()[0]?.getAttribute("aria-pressed")).toBe("true"));
  expect(find(tray, "[data-key=print]").textContent?.trim()).toBe("Print");
  expect(find(sheets, "p").textContent).toContain("85.6 × 54 mm");
  buttons()[0]?.click();
  await vi.waitFor(() => expect(buttons()[0]?.getAttribute("aria-pressed")).toBe("false"));
  expect(batch.joint).toBeNull();
});

test("a picture of the media library that is gone is no part of a card", async () => {
  const batch = makeBatch({ "media_source/resolve_media": { code: "x", message: "It is gone" } });
  batch.addMedia(FRONT);
  batch.addMedia(BACK);
  batch.lay("layout_id_card");
  await rested(batch);
  const sheets = await show("lianke-sheets", { context: makeContext(makeHass(answers)), batch });
  find(sheets, "[data-key^=crop]").click();
  await vi.waitFor(() => expect(batch.problem).toContain("It is gone"));
});

describe("the part of a picture", () => {
  test("is its middle in the shape of a card", () => {
    const { left, top, right, bottom } = middleOf([856, 1080], 90);
    expect([left, right].map((edge) => edge.toFixed(2))).toEqual(["0.10", "0.90"]);
    expect([top, bottom]).toEqual([0, 1]);
    expect(middleOf([85.6, 54], 0)).toMatchObject({ left: 0, top: 0, right: 1, bottom: 1 });
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

describe("cropping by hand", () => {
  const draw = async () => {
    const canvas = new OffscreenCanvas(600, 400);
    canvas.getContext("2d")?.fillRect(0, 0, 600, 400);
    return URL.createObjectURL(await canvas.convertToBlob());
  };

  const opened = async () => {
    const crop = await show<LiankeCrop>("lianke-crop", { context: makeContext() });
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
