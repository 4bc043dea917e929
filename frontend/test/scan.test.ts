/* The dialog that scans and copies: what it asks for, and what it shows while a scan runs. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import "../src/components/printer";
import { Localizer } from "../src/localize";
import { choicesOf, fieldsOf, firstChoices, keepChoices } from "../src/scan/choices";
import type { LiankeScanPresets } from "../src/scan/presets";
import type { LiankeScan } from "../src/scan/scan";
import "../src/scan/scan";
import type { Delivery, Scan, Scanner } from "../src/scan/types";
import type { LiankeAsk } from "../src/components/ask";
import type { Part } from "../src/components/part";
import { asked, find, makeContext, makeHass, makePrinter, partOf, show, stopTime } from "./stand-in";

const t = new Localizer(makeHass());

const makeScan = (changes: Partial<Scan> = {}): Scan => ({
  scan_id: "one",
  state: "scanning",
  source: "glass",
  pages: 0,
  newest: 1,
  replaces: 0,
  reason: null,
  detail: "",
  is_copy: false,
  files: [],
  downloads: [],
  pictures: [],
  print_jobs: [],
  deliveries: [],
  ...changes,
});

const makeScanner = (changes: Partial<Scanner> = {}): Scanner => ({
  device_id: "scanner",
  name: "Laser",
  present: true,
  status: "idle",
  sources: ["feeder", "glass"],
  colors: ["color", "gray", "mono"],
  sizes: ["A4", "A5"],
  duplex: true,
  printer: "device",
  hand_on: null,
  send_to: [],
  scan: null,
  ...changes,
});

const DONE = makeScan({
  state: "completed",
  pages: 2,
  files: ["media-source://lianke/scans/a/one/two pages.pdf"],
  downloads: [{ name: "two pages.pdf", path: "/api/lianke/scans/a/one/two%20pages.pdf" }],
});

const PRINTERS = ["device", "inkjet"];

interface Request {
  request_id?: string;
}

/* `tell` sends the dialog a new state of its scanner. */
const open = async (mode = "scan", answers: Record<string, unknown> = {}, mayPrint = true, language = "en") => {
  let send: (data: unknown) => void = () => undefined;
  const hass = Object.assign(
    makeHass(Object.assign(answers, { scan: { scan_id: "one" }, continue_scan: {}, ...answers }), language),
    {
      entities: Object.fromEntries(
        PRINTERS.map((id) => [id, { entity_id: `notify.${id}`, platform: "lianke", device_id: id }]),
      ),
      devices: Object.fromEntries(PRINTERS.map((id) => [id, { id, name: id }])),
      connection: {
        addEventListener: () => undefined,
        removeEventListener: () => undefined,
        subscribeMessage: async (receive: typeof send, { type }: { type: string }) => {
          expect(type).toBe("lianke/scans/subscribe");
          send = receive;
          return async () => undefined;
        },
      },
    },
  );
  const dialog = await show<LiankeScan>("lianke-scan", {
    context: makeContext(hass),
    device: "device",
    scanner: "scanner",
    mayPrint,
    mode,
  });
  const tell = async (changes: Partial<Scanner> = {}) => {
    send({ scanners: [makeScanner({ device_id: "other" }), makeScanner(changes)] });
    await dialog.updateComplete;
  };
  await tell();
  return { dialog, tell };
};
const press = async (dialog: LiankeScan, key: string) => {
  find(dialog, `[data-key=${key}]`).click();
  await dialog.updateComplete;
  await vi.waitFor(() => expect(find(dialog, ".actions [aria-disabled]")).toBeNull());
};
const keys = (dialog: LiankeScan) =>
  [...(dialog.shadowRoot?.querySelectorAll<HTMLElement>(".actions > *") ?? [])].map((one) => one.dataset["key"]);
const said = (dialog: LiankeScan) => find(dialog, "section").textContent?.replace(/\s+/g, " ").trim();
const calls = () =>
  asked.filter(({ type }) => type === "lianke/action").map(({ service, service_data }) => [service, service_data]);

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  vi.restoreAllMocks();
});

describe("presets", () => {
  const at = async (language = "en", changes: Partial<Scanner> = {}) => {
    const { dialog, tell } = await open("scan", {}, true, language);
    await tell(changes);
    const part = find<LiankeScanPresets>(dialog, "lianke-scan-presets");
    await part.updateComplete;
    const keep = async (name: string) => {
      const input = find<HTMLInputElement>(part, "#name");
      input.value = name;
      input.dispatchEvent(new Event("input"));
      await part.updateComplete;
      find(part, "[data-key=keep_preset]").click();
      await part.updateComplete;
    };
    const names = (among: string) =>
      [...(part.shadowRoot?.querySelectorAll(`${among} bdi`) ?? [])].map(({ textContent }) => textContent);
    return { dialog, part, keep, names };
  };
  const choose = async (dialog: LiankeScan, name: string, value: string) => {
    const field = find<HTMLSelectElement>(dialog, `#${name}`);
    field.value = value;
    field.dispatchEvent(new Event("change"));
    await dialog.updateComplete;
  };

  test("a press scans with the settings that were kept, and the form shows them", async () => {
    const { dialog, part, keep, names } = await at();
    await choose(dialog, "source", "feeder");
    await choose(dialog, "color", "gray");
    await choose(dialog, "size", "A5");
    await keep(" Receipts ");
    await choose(dialog, "source", "glass");
    await choose(dialog, "color", "color");
    expect(names(".actions")).toEqual(["Receipts"]);
    expect(find(part, ".actions small").textContent).toBe("feeder, gray, pdf, A5");
    find(part, "[data-key=preset]").click();
    await vi.waitFor(() =>
      expect(calls()).toMatchObject([["scan", { source: "feeder", color: "gray", size: "A5", format: "pdf" }]]),
    );
    await vi.waitFor(() => expect(find<HTMLSelectElement>(dialog, "#color").value).toBe("gray"));
    // In another dialog, and in Chinese.
    const again = await at("zh-Hans");
    expect(again.names(".actions")).toEqual(["Receipts"]);
    expect(again.part.shadowRoot?.textContent).toContain("常用设置");
  });

  test("the same name keeps other settings; one that the scanner cannot do is only listed", async () => {
    const { dialog, keep, names, part } = await at();
    await keep("One");
    await choose(dialog, "color", "mono");
    await keep("One");
    await keep("");
    expect(names("li")).toEqual(["One"]);
    find(part, "[data-key=preset]").click();
    await vi.waitFor(() => expect(calls()).toMatchObject([["scan", { color: "mono" }]]));
    const other = await at("en", { colors: ["color"] });
    expect([other.names(".actions"), other.names("li")]).toEqual([[], ["One"]]);
  });

  test("there are at most eight for a user, and each can be deleted", async () => {
    const { part, keep, names } = await at();
    for (let n = 1; n <= 9; n++) await keep(`Preset ${n}`);
    expect(names("li")).toHaveLength(8);
    expect(find(part, "[role=status]").textContent).toBe("At most 8. Delete one first.");
    expect(find(part, "[data-key=keep_preset]").ariaDisabled).toBe("true");
    find(part, "details").setAttribute("open", "");
    find(part, "[data-of='Preset 3'] [data-key^=delete]").focus();
    find(part, "[data-of='Preset 3'] [data-key^=delete]").click();
    await part.updateComplete;
    expect(names("li")).not.toContain("Preset 3");
    // A key that is still held down deletes no other.
    expect((part.shadowRoot?.activeElement as HTMLElement | null)?.dataset["key"]).toBe("of Preset 4");
    expect(names(".actions")).toHaveLength(7);
    part.context = makeContext(Object.assign(makeHass(), { user: { id: "other", is_admin: false } }));
    await part.updateComplete;
    expect(names("li")).toEqual([]);
    localStorage.setItem("lianke-card:scanner:presets:other", "no JSON");
    part.requestUpdate();
    await part.updateComplete;
    expect(names("li")).toEqual([]);
  });
});

describe("what is chosen", () => {
  const first = (changes: Partial<Scanner> = {}) => firstChoices(t, makeScanner(changes), "device");

  test("is what the scanner has; of what it says nothing, all", () => {
    const ids = (name: "source" | "color", changes: Partial<Scanner>) =>
      choicesOf(t, makeScanner(changes), name).map(({ id }) => id);
    expect(ids("source", {})).toEqual(["glass", "feeder"]);
    expect(ids("source", { sources: ["feeder"] })).toEqual(["feeder"]);
    expect(ids("color", { colors: null })).toEqual(["color", "gray", "mono"]);
    expect(first({ sources: ["feeder"], colors: ["mono"] })).toMatchObject({ source: "feeder", color: "mono" });
  });

  test("holds for the next scan, as far as the scanner still has it", () => {
    keepChoices(makeScanner(), { ...first(), source: "feeder", color: "gray", size: "A5", format: "jpeg", copies: 7 });
    expect(first()).toMatchObject({ source: "feeder", color: "gray", size: "A5", format: "jpeg", copies: 1 });
    expect(first({ sources: ["glass"], sizes: null })).toMatchObject({ source: "glass", size: "" });
    expect(first().skip_blank).toBe(false);
    keepChoices(makeScanner(), { ...first(), skip_blank: true });
    expect(first().skip_blank).toBe(true);
  });

  test("a scan waits between its pages; nothing is sent that the source has not", () => {
    const choices = { ...first(), scan_duplex: true, skip_blank: true };
    expect(fieldsOf("scan", makeScanner(), { ...choices, filename: " Lease " }).filename).toBe("Lease");
    expect(fieldsOf("scan", makeScanner(), choices)).toEqual({
      device_id: "scanner",
      source: "glass",
      color: "color",
      format: "pdf",
      several_pages: true,
      wait: false,
    });
    const fed = { ...choices, source: "feeder", size: "A4" };
    expect(fieldsOf("scan", makeScanner(), fed)).toMatchObject({
      scan_duplex: true,
      skip_blank: true,
      size: "A4",
    });
  });

  test("a copy is printed; an ID card needs nothing else", () => {
    const choices = { ...first(), copies: 2, duplex: "long_edge", source: "feeder", several_pages: true };
    expect(fieldsOf("copy", makeScanner(), choices)).toEqual({
      device_id: "scanner",
      source: "feeder",
      color: "color",
      several_pages: true,
      printer: "device",
      copies: 2,
      duplex: "long_edge",
      wait: false,
    });
    expect(fieldsOf("copy", makeScanner(), { ...choices, id_card: true })).toEqual({
      device_id: "scanner",
      color: "color",
      sheet: "id_card",
      several_pages: true,
      printer: "device",
      copies: 2,
      wait: false,
    });
  });
});

test("the glass is not offered to who scans from the feeder", async () => {
  const { dialog } = await open();
  const chosen = async (source: string) => {
    const select = find<HTMLSelectElement>(dialog, "select[data-key=source], #source");
    select.value = source;
    select.dispatchEvent(new Event("change"));
    await dialog.updateComplete;
    return find<HTMLSelectElement>(dialog, "#size").options[0]?.textContent?.trim();
  };
  expect(await chosen("glass")).toBe("All of the glass");
  expect(await chosen("feeder")).toBe("Left to the feeder");
});

describe("blank pages of the feeder", () => {
  const blank = (changes: Partial<Scan> = {}) =>
    makeScan({ state: "waiting", source: "feeder", pages: 2, pictures: ["/none/1", "/none/2"], newest: 4, ...changes });

  test("are left out if that is wanted, which holds for the next scan", async () => {
    const { dialog } = await open();
    expect(find(dialog, "[data-key=skip_blank]")).toBeNull();
    const source = find<HTMLSelectElement>(dialog, "#source");
    source.value = "feeder";
    source.dispatchEvent(new Event("change"));
    await dialog.updateComplete;
    find(dialog, "[data-key=skip_blank]").click();
    await dialog.updateComplete;
    await press(dialog, "begin");
    expect(calls()[0]?.[1]).toMatchObject({ source: "feeder", skip_blank: true });
    expect(firstChoices(t, makeScanner(), "device")).toMatchObject({ source: "feeder", skip_blank: true });
  });

  test("are looked at behind the others, and brought back", async () => {
    const { dialog, tell } = await open();
    await tell({ scan: blank({ left_out: 2, left_out_pictures: ["/none/3", "/none/4"] }) });
    expect(said(dialog)).toContain("2 of 4");
    expect(said(dialog)).toContain("2 blank pages left out");
    expect(find(dialog, "[data-key=again]").textContent?.trim()).toBe("Scan again");
    await press(dialog, "show_left_out");
    expect(said(dialog)).toContain("3 of 4");
    expect(find(dialog, "[data-key=turn_left]")).toBeNull();
    await press(dialog, "page_after");
    await press(dialog, "restore");
    expect(calls()).toEqual([["continue_scan", { scan_id: "one", answer: "restore", page: 2, wait: false }]]);
    await tell({ scan: blank({ pages: 3, pictures: ["/none/1", "/none/4", "/none/2"], left_out: 1 }) });
    expect(said(dialog)).toContain("1 blank page left out");
    await tell({ scan: { ...DONE, left_out: 1 } });
    expect(said(dialog)).toContain("1 blank page left out");
    expect(find(dialog, "[data-key=show_left_out]")).toBeNull();
  });
});

describe("two stacks", () => {
  const fronts = makeScan({ state: "waiting", source: "feeder", stack: "fronts", pages: 2, newest: 2 });

  test("are for a feeder that scans one side, and one way of both sides", async () => {
    const { dialog, tell } = await open();
    const source = find<HTMLSelectElement>(dialog, "#source");
    source.value = "feeder";
    source.dispatchEvent(new Event("change"));
    await dialog.updateComplete;
    expect(find(dialog, "[data-key=two_stacks]")).toBeNull();
    await tell({ duplex: null });
    for (const key of ["scan_duplex", "two_stacks"]) {
      find(dialog, `[data-key=${key}]`).click();
      await dialog.updateComplete;
    }
    await press(dialog, "begin");
    expect(calls()[0]?.[1]).toMatchObject({ source: "feeder", two_stacks: true });
    expect(calls()[0]?.[1]).not.toHaveProperty("scan_duplex");
  });

  test("the stack is turned over, in words and with a picture", async () => {
    const { dialog, tell } = await open();
    await tell({ scan: fronts });
    expect(said(dialog)).toContain("2 fronts are scanned");
    expect(find(dialog, "svg").ariaLabel).toContain("Turn the whole stack over");
    expect(keys(dialog)).toEqual(["next", "again", "finish", "cancel"]);
    await press(dialog, "next");
    // The feeder was empty.
    await tell({ scan: { ...fronts, stack: "backs", newest: 0, reason: "scan_feeder_empty" } });
    expect(keys(dialog)).toEqual(["next", "finish", "cancel"]);
    expect(calls()).toEqual([["continue_scan", { scan_id: "one", answer: "next", wait: false }]]);
  });

  test("a stack that lost a page is said, with what can be done", async () => {
    const { dialog, tell } = await open();
    const reason = "scan_stacks_differ";
    const pictures = ["/none/1", "/none/3", "/none/2"];
    await tell({ scan: { ...fronts, stack: "backs", pages: 3, newest: 1, pictures, reason, detail: "2/1" } });
    await vi.waitFor(() => expect(find(dialog, "[role=alert]")).not.toBeNull());
    expect(keys(dialog)).toEqual(["again", "finish", "fronts_only", "cancel"]);
    await press(dialog, "fronts_only");
    expect(calls()).toEqual([["continue_scan", { scan_id: "one", answer: "fronts_only", wait: false }]]);
  });
});

describe("a scan", () => {
  test("page by page: each can be scanned again, turned or removed, then it is saved", async () => {
    const { dialog, tell } = await open("scan", { "auth/sign_path": { path: "/signed" } });
    await press(dialog, "begin");
    await tell({ scan: makeScan() });
    expect(said(dialog)).toContain("Scanning page 1 …");
    expect(keys(dialog)).toEqual(["cancel"]);
    await tell({ scan: makeScan({ state: "waiting", pages: 1, pictures: ["/none/1"] }) });
    expect(keys(dialog)).toEqual(["next", "finish", "again", "cancel"]);
    await press(dialog, "next");
    await tell({ scan: makeScan({ state: "waiting", pages: 2, pictures: ["/none/1", "/none/2"] }) });
    // It shows the page that has just come.
    expect(said(dialog)).toContain("2 of 2");
    await vi.waitFor(() => expect(said(dialog)).toContain("cannot be shown"));
    find(dialog, "[data-key=turn_left]").click();
    await vi.waitFor(() => expect(calls()).toHaveLength(3));
    await dialog.updateComplete;
    await press(dialog, "page_before");
    await vi.waitFor(() => expect(find(dialog, "[data-key=remove]").ariaDisabled).toBeNull());
    find(dialog, "[data-key=remove]").click();
    await vi.waitFor(() => expect(calls()).toHaveLength(4));
    // For the length of a double tap only Remove rests.
    await new Promise((resolve) => setTimeout(resolve));
    await press(dialog, "finish");
    expect(calls().slice(1)).toEqual([
      ["continue_scan", { scan_id: "one", answer: "next", wait: false }],
      [
        "continue_scan",
        {
          scan_id: "one",
          answer: "change",
          page: 2,
          crop: { left: 0, top: 0, right: 1, bottom: 1, turn: 270 },
          wait: false,
        },
      ],
      ["continue_scan", { scan_id: "one", answer: "remove", page: 1, wait: false }],
      ["continue_scan", { scan_id: "one", answer: "finish", wait: false }],
    ]);
    await tell({ scan: DONE });
    expect(said(dialog)).toContain("two pages.pdf");
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
    await press(dialog, "save");
    const [link] = clicked.mock.contexts as HTMLAnchorElement[];
    expect([link?.getAttribute("href"), link?.download]).toEqual(["/signed", "two pages.pdf"]);
    expect(asked.at(-1)).toEqual({ type: "auth/sign_path", path: "/api/lianke/scans/a/one/two%20pages.pdf" });
  });

  test.each([
    [{ newest: 1, pages: 1 }, "Scan again", "Scanning page 1 …"],
    [{ newest: 1, pages: 2 }, "Scan page 2 again", "Scanning page 2 …"],
    [{ newest: 2, pages: 5 }, "Scan the last 2 pages again", "Scanning page 4 …"],
    [{ newest: 5, pages: 5 }, "Scan again", "Scanning page 1 …"],
  ])("which pages are scanned again is said before and while they are: %o", async (of, label, during) => {
    const { dialog, tell } = await open();
    const pictures = [...Array(of.pages).keys()].map((n) => `/none/${n}`);
    await tell({ scan: makeScan({ state: "waiting", pictures, ...of }) });
    expect(find(dialog, "[data-key=again]").textContent?.trim()).toBe(label);
    await tell({ scan: makeScan({ pictures, ...of, replaces: of.newest }) });
    expect(said(dialog)).toContain(during);
  });

  test("what came last was removed: nothing is there to be scanned again", async () => {
    const { dialog, tell } = await open();
    await tell({ scan: makeScan({ state: "waiting", pages: 1, newest: 0, pictures: ["/none/1"] }) });
    expect(keys(dialog)).toEqual(["next", "finish", "cancel"]);
  });

  test("a page is enlarged to be read, by one press, and the next one as well", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(new Blob(["x"])));
    const { dialog, tell } = await open();
    await tell({ scan: makeScan({ state: "waiting", pages: 2, pictures: ["/none/1", "/none/2"] }) });
    await vi.waitFor(() => expect(find(dialog, "[data-key=look]")).not.toBeNull());
    await press(dialog, "look");
    expect(find(dialog, ".stage.large img")).not.toBeNull();
    await press(dialog, "page_before");
    expect(find(dialog, "[data-key=look]").ariaPressed).toBe("true");
    expect(fetch).toHaveBeenLastCalledWith("/none/1", {
      headers: { Authorization: "Bearer token" },
      signal: expect.any(AbortSignal),
    });
  });

  test("what is done to a page is done to that one, whatever becomes of others meanwhile", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(new Blob(["x"])));
    const { dialog, tell } = await open();
    const waits = (...names: string[]) =>
      tell({
        scan: makeScan({ state: "waiting", pages: names.length, pictures: names.map((one, n) => `/${n}/${one}`) }),
      });
    const shown = () => vi.waitFor(() => expect(find(dialog, "[data-key=remove]").ariaDisabled).toBeNull());
    await waits("a", "b", "c", "d");
    await shown();
    await press(dialog, "page_before");
    await press(dialog, "page_before");
    await shown();
    stopTime();
    find(dialog, "[data-key=remove]").click();
    await waits("a", "c", "d");
    expect(said(dialog)).toContain("2 of 3");
    await vi.waitFor(() => expect(fetch).toHaveBeenLastCalledWith("/1/c", expect.anything()));
    // The second half of a double tap.
    await vi.advanceTimersByTimeAsync(0);
    find(dialog, "[data-key=remove]").click();
    await shown();
    find(dialog, "[data-key=crop]").click();
    const crop = find(dialog, "lianke-crop");
    await vi.waitFor(() => expect(crop.shadowRoot?.querySelector("dialog")?.open).toBe(true));
    // Nothing can be cropped before the picture is there.
    await shown();
    const cropped = (turn: number) =>
      crop.dispatchEvent(new CustomEvent("cropped", { detail: [Reflect.get(crop, "_item"), { turn }] }));
    // A page of another scan is not meant, even if its address ends the same.
    await tell({ scan: makeScan({ scan_id: "theirs", state: "waiting", pages: 1, pictures: ["/0/c"] }) });
    cropped(9);
    await waits("c", "d", "e");
    cropped(3);
    await vi.waitFor(() => expect(calls()).toHaveLength(2));
    expect(calls().map(([, data]) => data)).toMatchObject([
      { answer: "remove", page: 2 },
      { answer: "change", page: 1, crop: { turn: 3 } },
    ]);
  });

  test("pages on their way are not fetched, since they soon have other addresses", async () => {
    const fetched = vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(new Blob(["x"])));
    const { tell } = await open();
    await tell({ scan: makeScan({ pages: 1, pictures: ["/none/1"] }) });
    await tell({ scan: makeScan({ state: "finishing", pages: 1, pictures: ["/none/1"] }) });
    await tell({ scan: { ...DONE, is_copy: true, pictures: ["/none/kept"] } });
    expect(fetched).not.toHaveBeenCalled();
    await tell({ scan: makeScan({ scan_id: "next", state: "waiting", pages: 1, pictures: ["/none/2"] }) });
    await vi.waitFor(() => expect(fetched).toHaveBeenCalledOnce());
  });

  test("one that somebody else has begun is shown, and can be ended", async () => {
    const { dialog, tell } = await open();
    await tell({ scan: makeScan({ scan_id: "theirs", state: "waiting", source: "feeder", pages: 3 }) });
    expect(said(dialog)).toContain("3 pages so far. Put more into the feeder, or finish.");
    const ask = find<Part>(dialog, "lianke-ask");
    find(ask, "[data-key=ask]").click();
    await ask.updateComplete;
    find(ask, "[data-key=yes]").click();
    await vi.waitFor(() =>
      expect(calls().at(-1)).toMatchObject(["continue_scan", { scan_id: "theirs", answer: "discard" }]),
    );
    await tell({ scan: makeScan({ scan_id: "theirs", state: "canceled" }) });
    expect(keys(dialog)).toContain("begin");
  });

  test.each([
    ["en", "Discard what was scanned?", ["Discard", "Keep"]],
    ["zh-Hans", "丢弃已扫描的内容？", ["丢弃", "保留"]],
  ])(
    "asked in %s whether pages are discarded, each answer says what becomes of them",
    async (language, says, words) => {
      const { dialog, tell } = await open("scan", {}, true, language);
      await tell({ scan: makeScan({ state: "waiting", pages: 3 }) });
      const ask = find<Part>(dialog, "lianke-ask");
      const question = async () => {
        find(ask, "[data-key=ask]").click();
        await ask.updateComplete;
        const group = find(ask, "[role=group]");
        return [group.ariaLabel, [...group.querySelectorAll("button")].map((one) => one.textContent?.trim())];
      };
      asked.length = 0;
      expect(await question()).toEqual([says, words]);
      find(ask, "[data-key=no]").click();
      await ask.updateComplete;
      expect(calls()).toEqual([]);
      await question();
      find(ask, "[data-key=yes]").click();
      await vi.waitFor(() => expect(calls().at(-1)).toMatchObject(["continue_scan", { answer: "discard" }]));
    },
  );

  test.each(["shared", "NotAllowedError", "AbortError"])("the phone's own share sheet takes it: %s", async (end) => {
    const sheet = vi.fn<(shared: ShareData) => Promise<void>>(async () => {
      if (end !== "shared") throw new DOMException("", end);
    });
    // This browser has none.
    Object.assign(navigator, { canShare: ({ files }: ShareData) => !!files?.length, share: sheet });
    const file = new Blob(["%PDF-"], { type: "application/pdf" });
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(file));
    const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => undefined);
    const { dialog, tell } = await open("scan", { "auth/sign_path": { path: "/signed" } });
    await tell({ scan: DONE });
    await press(dialog, "last");
    expect(keys(dialog)).toEqual(["save", "share", "print", "discard", "retry"]);
    await press(dialog, "share");
    await vi.waitFor(() => expect(sheet).toHaveBeenCalledOnce());
    const [shared] = sheet.mock.calls[0]?.[0].files ?? [];
    expect([shared?.name, shared?.type, await shared?.text()]).toEqual(["two pages.pdf", "application/pdf", "%PDF-"]);
    // Where the browser refuses, the file is saved; whoever closes the sheet wants nothing.
    await vi.waitFor(() => expect(clicked).toHaveBeenCalledTimes(end === "NotAllowedError" ? 1 : 0));
    Object.assign(navigator, { canShare: undefined, share: undefined });
  });

  test("an earlier one is not in the way of the next", async () => {
    const { dialog, tell } = await open();
    await tell({ scan: DONE });
    expect(keys(dialog)).toEqual(["begin", "last"]);
    await press(dialog, "last");
    expect(keys(dialog)).toEqual(["save", "print", "discard", "retry"]);
  });

  test("before it, what the scanner is doing is said unless that is nothing", async () => {
    const { dialog, tell } = await open();
    expect(find(dialog, "[role=status]")).toBeNull();
    await tell({ status: "cover_open" });
    expect(find(dialog, "[role=status]").textContent).toBe("The scanner: cover open");
  });

  test("what was refused is said above what was pressed, and goes with the next press", async () => {
    const answers: Record<string, unknown> = { scan: { code: "x", message: "busy" } };
    const { dialog } = await open("scan", answers);
    await press(dialog, "begin");
    expect(find(dialog, "[role=alert]").textContent).toBe("That did not work: busy");
    answers["scan"] = { scan_id: "one" };
    await press(dialog, "begin");
    expect(find(dialog, "[role=alert]")).toBeNull();
  });

  test("why it failed is said, and the pages that came can be had", async () => {
    const { dialog, tell } = await open();
    await press(dialog, "begin");
    await tell({ scan: makeScan({ state: "failed", reason: "scan_failed", detail: "lid" }) });
    await vi.waitFor(() => expect(find(dialog, "[role=alert]")).not.toBeNull());
    expect(keys(dialog)).toEqual(["retry"]);
    await tell({ scan: { ...DONE, state: "failed", reason: "scan_failed" } });
    expect(keys(dialog)).toContain("save");
  });

  test("what is known in the language of the house alone is said in that as a whole", async () => {
    const { dialog, tell } = await open();
    await press(dialog, "begin");
    const whole = "页面已扫描并保存，但复印件未能打印：缺纸";
    await tell({ scan: { ...DONE, state: "failed", reason: "scan_not_printed", detail: "缺纸", message: whole } });
    await vi.waitFor(() => expect(find(dialog, "[role=alert]")?.textContent).toBe(whole));
  });

  test("a finished one is handed on where there is something to hand it on to", async () => {
    let answer: (jobs: object) => void = () => undefined;
    const { dialog, tell } = await open("scan", { print: new Promise((resolve) => (answer = resolve)) });
    await press(dialog, "begin");
    await tell({ scan: DONE, hand_on: "To Paperless" });
    stopTime();
    find(dialog, "[data-key=hand_on]").click();
    // The second half of a double tap.
    await vi.advanceTimersByTimeAsync(100);
    expect(find<LiankeAsk>(dialog, "lianke-ask").resting).toBe(true);
    await press(dialog, "hand_on");
    expect(calls().slice(1)).toEqual([["continue_scan", { scan_id: "one", answer: "hand_on", wait: false }]]);
    expect(said(dialog)).toContain("To Paperless: done.");
    await press(dialog, "print");
    find(dialog, "[data-key=do]").click();
    // Somebody else's scan, begun meanwhile: what was done was done with the first.
    await tell({ scan: { ...DONE, scan_id: "theirs", state: "waiting" }, hand_on: "To Paperless" });
    await tell({ scan: { ...DONE, scan_id: "theirs" }, hand_on: "To Paperless" });
    answer({ jobs: [] });
    await vi.waitFor(() => expect(find(dialog, ".actions [aria-disabled]")).toBeNull());
    expect(said(dialog)).not.toMatch(/done\.|Handed to/);
    expect(keys(dialog)).toContain("hand_on");
  });

  test("a finished one is sent where it belongs, and each line says what became of it", async () => {
    const { dialog, tell } = await open();
    await press(dialog, "begin");
    const send_to: Scanner["send_to"] = ["folder", "paperless", "mail", "script"];
    await tell({ scan: DONE, send_to });
    expect(keys(dialog)).toEqual(["save", "print", "folder", "paperless", "mail", "discard", "retry"]);
    await press(dialog, "paperless");
    const sent = { scan_id: "one", answer: "hand_on", send_to: "paperless", wait: false };
    expect(calls().slice(1)).toEqual([["continue_scan", sent]]);
    const to = "paperless";
    const line = async (state: Delivery["state"], reason: string | null = null, detail = "") => {
      await tell({ scan: { ...DONE, deliveries: [{ to, state, reason, detail }] }, send_to });
      const shown = find(dialog, "[data-to=paperless]");
      return [shown?.getAttribute("role"), shown?.textContent.trim(), keys(dialog).includes("paperless")];
    };
    expect(await line("sending")).toEqual(["status", "Paperless-ngx: being sent …", false]);
    expect(await line("processing")).toEqual(["status", "Paperless-ngx has it, and is processing it …", false]);
    const waiting = await line("waiting", "paperless_unreachable");
    expect(waiting).toEqual(["status", "Paperless-ngx: waiting for another try.", true]);
    expect(await line("done")).toEqual(["status", "Paperless-ngx: it is there.", false]);
    const failed = await line("failed", "paperless_refused", "no such type");
    expect(failed).toEqual(["alert", "Paperless-ngx: not sent.", true]);
    expect((await line("uncertain", "paperless_in_doubt"))[0]).toBe("alert");
    // A failed scan is not sent: pages of it are missing.
    await tell({ scan: { ...DONE, state: "failed", reason: "scan_fetch_failed" }, send_to });
    expect(keys(dialog)).not.toContain("paperless");
  });

  test("printers of one model are told apart where a phone's list is closed", async () => {
    const { dialog, tell } = await open();
    await press(dialog, "begin");
    await tell({ scan: DONE });
    const { hass } = dialog.context;
    const name = "HP LaserJet Pro MFP M428fdw (network)";
    const devices = { device: { id: "device", name, area_id: "a" }, inkjet: { id: "inkjet", name, area_id: "b" } };
    Object.assign(hass, { devices, areas: { a: { name: "Study" }, b: { name: "Hall" } } });
    dialog.style.width = "320px";
    await press(dialog, "print");
    const select = find<HTMLSelectElement>(dialog, "#printer");
    const pen = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
    pen.font = getComputedStyle(select).font;
    const seen = [...select.options].map(({ text }) => {
      let shown = text.trim();
      // px: two thirds of a phone's width, beside the arrow.
      while (pen.measureText(shown).width > 213) shown = shown.slice(0, -1);
      return shown;
    });
    expect(new Set(seen).size).toBe(2);
  });

  test("a finished one is printed, once, on any printer", async () => {
    const options = { duplex: ["off", "long_edge"] };
    const { dialog, tell } = await open("scan", { print: { jobs: [] }, "lianke/printer/options": options });
    await press(dialog, "begin");
    await tell({ scan: DONE });
    await press(dialog, "print");
    // Another printer may not print on both sides. The second time its options are known.
    for (const [id, value] of [
      ["copies", "3"],
      ["printer", "inkjet"],
      ["printer", "device"],
      ["duplex", ""],
      ["duplex", "long_edge"],
      ["printer", "inkjet"],
    ] as const) {
      await vi.waitFor(() => expect(find(dialog, "#duplex")).not.toBeNull());
      find<HTMLInputElement>(dialog, `#${id}`).value = value;
      find(dialog, `#${id}`).dispatchEvent(new Event("change"));
      await dialog.updateComplete;
    }
    expect(find<HTMLSelectElement>(dialog, "#duplex").value).toBe("");
    await press(dialog, "do");
    expect(calls().at(-1)).toEqual([
      "print",
      { device_id: "inkjet", media: DONE.files, copies: 3, request_id: expect.stringMatching(/^card-/) },
    ]);
    expect(said(dialog)).toContain("Handed to the printer.");
  });

  test("is not printed with other choices than those whose answer was lost, unless it is pressed again", async () => {
    const answers: Record<string, unknown> = { print: { code: 3 } };
    const { dialog, tell } = await open("scan", answers);
    await press(dialog, "begin");
    await tell({ scan: DONE });
    await press(dialog, "print");
    await press(dialog, "do");
    expect(said(dialog)).toContain("still prints only once");
    answers["print"] = { code: "x", translation_domain: "lianke", translation_key: "request_id_conflict" };
    await press(dialog, "do");
    expect(said(dialog)).toContain("has arrived, with the choices of then");
    answers["print"] = {};
    await press(dialog, "do");
    const ids = calls().flatMap(([service, data]) => (service === "print" ? [(data as Request).request_id] : []));
    expect([ids[0] === ids[1], ids[1] === ids[2]]).toEqual([true, false]);
  });
});

describe("a copy", () => {
  test("whose answer was lost is repeated as the same, and shown once it is seen", async () => {
    const answers: Record<string, unknown> = { copy: { code: 3 } };
    const { dialog, tell } = await open("copy", answers);
    await press(dialog, "begin");
    expect(said(dialog)).toContain("still prints only once");
    await press(dialog, "begin");
    const ids = () => calls().map(([, data]) => (data as Request).request_id);
    expect(ids()[0]).toMatch(/^card-/);
    expect(ids()[1]).toBe(ids()[0]);
    const over = { ...DONE, is_copy: true, request_id: ids()[0] ?? null };
    await tell({ scan: over });
    expect(said(dialog)).toContain("Scanned, and handed to the printer.");
    expect(said(dialog)).not.toContain("Press again");
    // The next copy is another one.
    await press(dialog, "retry");
    answers["copy"] = { scan_id: "two" };
    await press(dialog, "begin");
    expect(ids()[2]).not.toBe(ids()[0]);
  });

  test("of an ID card: front, turn, back", async () => {
    const { dialog, tell } = await open("copy", { copy: { scan_id: "one" } });
    await press(dialog, "id_card");
    expect(said(dialog)).toContain("into the corner of the glass");
    await press(dialog, "begin");
    expect(calls()[0]).toMatchObject(["copy", { sheet: "id_card", printer: "device" }]);
    await tell({ scan: makeScan({ state: "waiting", pages: 1, is_copy: true, sheet: "id_card" }) });
    expect(said(dialog)).toContain("Turn the card over where it lies.");
    expect(keys(dialog)).toEqual(["next", "again", "cancel"]);
    await press(dialog, "next");
    await tell({ scan: makeScan({ state: "waiting", pages: 2, is_copy: true, sheet: "id_card" }) });
    expect(said(dialog)).toContain("Both sides are scanned.");
    expect(keys(dialog)).toEqual(["finish", "again", "cancel"]);
    await press(dialog, "finish");
    await tell({ scan: { ...DONE, is_copy: true } });
    expect(said(dialog)).toContain("Scanned, and handed to the printer.");
  });

  test("is printed as often as was typed, whatever is told meanwhile", async () => {
    const { dialog, tell } = await open("copy");
    const copies = find<HTMLInputElement>(dialog, "#copies");
    copies.value = "5";
    await tell({ duplex: false });
    copies.dispatchEvent(new Event("change"));
    await dialog.updateComplete;
    await press(dialog, "begin");
    expect(calls()[0]).toMatchObject(["copy", { copies: 5 }]);
  });

  test("is not offered to who may not print", async () => {
    const { dialog, tell } = await open("copy", {}, false);
    expect(find(dialog, "[data-key=copy]")).toBeNull();
    await press(dialog, "begin");
    expect(calls()[0]?.[0]).toBe("scan");
    await tell({ scan: DONE });
    expect(keys(dialog)).not.toContain("print");
  });
});

test("the card has buttons for it only where there is a scanner, and others for the media library and a text", async () => {
  const properties = { context: makeContext(), device: "device", printer: makePrinter() };
  const none = await show<Part>("lianke-printer", { ...properties, printer: makePrinter({ may_control: false }) });
  expect(find(none, "lianke-scan-buttons")).toBeNull();
  const printer = await show<Part>("lianke-printer", { ...properties, printer: makePrinter({ scanner: "scanner" }) });
  await vi.waitFor(() => expect(find(printer, "lianke-scan-buttons").shadowRoot).not.toBeNull());
  const buttons = await partOf(printer, "lianke-scan-buttons");
  const labels = [...(buttons.shadowRoot?.querySelectorAll("button") ?? [])].map((one) =>
    one.getAttribute("aria-label"),
  );
  expect(labels).toEqual([
    "Media library: print on Laser",
    "Write a text and print it on Laser",
    "Scan: Laser",
    "Copy: Laser",
  ]);
  Object.assign(buttons, { scanner: null });
  await buttons.updateComplete;
  expect([...(buttons.shadowRoot?.querySelectorAll("button") ?? [])].map(({ dataset }) => dataset["key"])).toEqual([
    "media",
    "text",
  ]);
  const chosen = vi.fn();
  printer.addEventListener("add-files", (event) => {
    const { add, device, resolve } = (event as CustomEvent).detail;
    resolve();
    add({ add: chosen, addMedia: chosen, addText: chosen });
    expect(device).toBe("device");
  });
  // Files chosen while the part that prints is still loading are added as well.
  const files = { detail: [new File(["x"], "a.pdf")], bubbles: true, composed: true };
  for (let n = 0; n < 2; n++)
    find(printer, "lianke-file-chooser").dispatchEvent(new CustomEvent("files-chosen", files));
  await vi.waitFor(() => expect(chosen).toHaveBeenCalledTimes(2));
  const detail = { media_content_id: "media-source://a", media_content_type: "image/png", title: "a.png" };
  find(buttons, "lianke-media-browser").dispatchEvent(new CustomEvent("media-chosen", { detail, bubbles: true }));
  expect(chosen).toHaveBeenCalledWith(detail);
  await vi.waitFor(() => {
    find(buttons, "[data-key=text]").click();
    expect(chosen).toHaveBeenLastCalledWith();
  });
});
