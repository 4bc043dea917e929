import { beforeEach, describe, expect, test, vi } from "vitest";
import "../src/card";
import "../src/components/ask";
import "../src/components/header";
import "../src/components/inks";
import "../src/components/job-actions";
import "../src/components/jobs";
import "../src/components/notes";
import "../src/components/printer";
import "../src/components/quick-buttons";
import "../src/components/source";
import type { LiankeCard } from "../src/card";
import type { LiankeJobs } from "../src/components/jobs";
import { createEditor } from "../src/editor";
import { jobFacts } from "../src/components/job-texts";
import { SECTIONS } from "../src/config";
import type { Part } from "../src/components/part";
import type { CardContext } from "../src/context";
import type { HomeAssistant, Job, Refusal } from "../src/types";
import { placeOf } from "../src/places";
import { Batch } from "../src/print/batch";
import type { LiankeMediaBrowser } from "../src/print/media-browser";
import "../src/print/media-browser";
import "../src/print/print-form";
import { summarize } from "../src/summary";
import {
  announced,
  asked,
  find,
  makeContext,
  makeHass,
  makeJob,
  makePrinter,
  partOf,
  show,
  stopTime,
  unfold,
} from "./stand-in";

beforeEach(() => void (asked.length = announced.length = 0));

test("the header shows the details of its entity", async () => {
  const header = await show("lianke-header", { context: makeContext(), name: "Laser", entityId: "sensor.laser" });
  const opened = vi.fn();
  document.body.addEventListener("hass-more-info", (event) => opened((event as CustomEvent).detail), { once: true });
  find(header, "button").click();
  expect(opened).toHaveBeenCalledWith({ entityId: "sensor.laser" });
});

test("inks are named in the user's language, and a low one says so", async () => {
  const inks = await show("lianke-inks", {
    context: makeContext(makeHass({}, "zh-Hans")),
    inks: [
      { name: "Black", level: 8, color: "" },
      { name: "Gold", level: null, color: "red; background: url(//evil.example)" },
    ],
  });
  const black = find(inks, ".ink:first-child");
  const gold = find(inks, ".ink:last-child");
  expect(black.getAttribute("aria-label")).toBe("黑色");
  expect(black.getAttribute("aria-valuetext")).toContain("余量低");
  expect(gold.getAttribute("aria-label")).toBe("Gold");
  expect(gold.innerHTML).not.toContain("evil");
});

test("a job that may have been printed is not printed again without a question", async () => {
  const jobs = await show<LiankeJobs>("lianke-jobs", {
    context: makeContext(),
    finished: [makeJob({ state: "unconfirmed", can_retry: true })],
    mayControl: true,
  });
  const ask = find<Part>(await partOf(jobs, "lianke-job-actions"), "lianke-ask");
  find(ask, "button").click();
  await ask.updateComplete;
  expect(asked).toHaveLength(0);
  expect(ask.shadowRoot?.activeElement?.textContent?.trim()).toBe("Don't print");
  // Another command is running meanwhile.
  Object.assign(ask, { resting: true });
  await ask.updateComplete;
  find(ask, "[data-key=yes]").click();
  expect([find(ask, "[data-key=yes]").ariaDisabled, asked.length]).toEqual(["true", 0]);
  Object.assign(ask, { resting: false });
  find(ask, "[data-key=yes]").click();
  await vi.waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["retry_job"]));
});

const job = async (changes: Partial<Job>, status = "idle", language = "en") => {
  const list = changes.state === "failed" || changes.state === "completed" ? "finished" : "open";
  const properties = { [list]: [makeJob(changes)], status, mayControl: true };
  const jobs = await show<LiankeJobs>("lianke-jobs", { context: makeContext(makeHass({}, language)), ...properties });
  return find(jobs, "li").textContent?.replace(/\s+/g, " ") ?? "";
};

test.each(["queued", "processing", "sending"])("a job that is %s says that its printer holds it up", async (state) => {
  expect(await job({ state }, "out_of_paper")).toContain("Sent; waits at the printer: out of paper");
  expect(await job({ state }, "cover_open")).toContain("Sent; waits at the printer: cover open");
  expect(await job({ state }, "out_of_paper", "zh-Hans")).toMatch(/已发送，打印机.*，加纸后继续/);
  expect(await job({ state }, "paper_jam", "zh-Hans")).toMatch(/已发送，打印机.*，处理后继续/);
  for (const status of ["idle", "disconnected", "key_rejected"]) expect(await job({ state }, status)).toContain(state);
});

test("a printer tells its jobs what holds it up, and a refused key outweighs that", async () => {
  const properties = { context: makeContext(), device: "device", printer: makePrinter({ status: "out_of_paper" }) };
  const printer = await show<Part>("lianke-printer", { ...properties, open: [makeJob({ state: "sending" })] });
  const jobs = await partOf(printer, "lianke-jobs");
  expect(find(jobs, "li").textContent).toContain("out of paper");
  Object.assign(printer, { keyRejected: true });
  await printer.updateComplete;
  await jobs.updateComplete;
  expect(find(jobs, "li").textContent).not.toContain("out of paper");
});

test("of two jobs at a printer that prints, one prints and one waits, in the rows as in the header", async () => {
  const queued = ["first", "second"].map((job_id) => makeJob({ job_id, title: job_id, state: "queued" }));
  const waiting = async (open: Job[]) => {
    const properties = {
      context: makeContext(),
      device: "device",
      printer: makePrinter({ status: "printing", waiting: 2 }),
    };
    const printer = await show<Part>("lianke-printer", { ...properties, open });
    const rows = (await partOf(printer, "lianke-jobs")).shadowRoot?.querySelectorAll("li") ?? [];
    const printing = [...rows].filter((row) => row.textContent?.includes("Sent; the printer is printing"));
    const header = (await partOf(printer, "lianke-header")).shadowRoot?.textContent ?? "";
    return [printing.map((row) => row.dataset["key"]), /\d+ waiting/.exec(header)?.[0]];
  };
  expect(await waiting(queued)).toEqual([["first"], "1 waiting"]);
  // Another job is being sent already.
  expect(await waiting([makeJob({ job_id: "own", state: "sending" }), ...queued])).toEqual([[], "2 waiting"]);
});

test.each(["held", "uploading", "canceling", "completed"])("a job that is %s is not at the printer", async (state) => {
  expect(await job({ state }, "out_of_paper")).not.toContain("at the printer");
});

test("a job of a printer that was just switched on says how long it takes", async () => {
  const held = { state: "held", hold_reason: "getting_ready" };
  expect(await job(held)).toContain("Waiting: Getting ready (about a minute)");
  expect(await job(held, "idle", "zh-Hans")).toContain("即将就绪（约一分钟）");
});

test.each([
  ["print_failed", null, false],
  ["print_failed", 2, true],
  ["something_else", null, true],
])("after %s with %s pages the paper is spoken of once", async (reason, pages_printed, apart) => {
  const failed = { state: "failed", detail: "No.", partly_printed: true, can_retry: true, reason, pages_printed };
  expect((await job(failed)).includes("may have come out")).toBe(apart);
  // Print again asks all the same.
  const jobs = document.querySelector("lianke-jobs") as LiankeJobs;
  const ask = find<Part>(await partOf(jobs, "lianke-job-actions"), "lianke-ask");
  find(ask, "button").click();
  await ask.updateComplete;
  expect(find(ask, "[role=group]").textContent).toContain("may have come out");
});

test("a screen reader is told of a job that changes, and of no other", async () => {
  const open = [makeJob({ state: "sending" }), makeJob({ job_id: "other", state: "held" })];
  const jobs = await show<LiankeJobs>("lianke-jobs", { context: makeContext(), open });
  expect(announced).toEqual([]);
  Object.assign(jobs, { open: open.slice(1), finished: [makeJob(), makeJob({ job_id: "older" })] });
  await jobs.updateComplete;
  expect(announced).toEqual(["Homework: completed"]);
});

test("a row keeps the focus when its job ends, and the section gets it when the job is gone", async () => {
  const jobs = await show<LiankeJobs>("lianke-jobs", {
    context: makeContext(),
    open: [makeJob({ state: "sending", can_cancel: true })],
    mayControl: true,
  });
  find(jobs, "button").focus();
  Object.assign(jobs, { open: [], finished: [makeJob()] });
  await jobs.updateComplete;
  expect((jobs.shadowRoot?.activeElement as HTMLElement).dataset["key"]).toBe("job");
  const lost = vi.fn();
  jobs.addEventListener("focus-lost", lost);
  Object.assign(jobs, { finished: [] });
  await jobs.updateComplete;
  expect(lost).toHaveBeenCalledOnce();
  expect(jobs.hidden).toBe(true);
});

test.each([
  [true, "a[href*='/config/integrations']"],
  [false, ".line p:nth-of-type(2)"],
])("a refused key shows the way (administrator: %s)", async (is_admin, selector) => {
  const notes = await show("lianke-notes", {
    context: makeContext({ ...makeHass(), user: { is_admin } }),
    summary: summarize(makePrinter(), [], true),
    mayControl: true,
  });
  expect(find(notes, selector).textContent).toMatch(/sign in again/i);
});

test("a printer whose state nobody knows is not said to be off", async () => {
  const held = makeJob({ state: "held", hold_reason: "cloud_unreachable" });
  const notes = await show<Part>("lianke-notes", {
    context: makeContext(),
    summary: summarize(makePrinter({ status: null }), [held], false),
  });
  expect(notes.shadowRoot?.textContent).not.toMatch(/jobs? prints?/);
  Object.assign(notes, { summary: summarize(makePrinter({ status: null }), [held, held], false) });
  await notes.updateComplete;
  expect(notes.shadowRoot?.textContent).toMatch(/2 jobs wait for the printer/);
});

test.each([
  [1, "en", "Discard 1 job", "Discard the job that waits for the printer?"],
  [2, "en", "Discard 2 jobs", "Discard the 2 jobs that wait for the printer?"],
  [2, "zh-Hans", "丢弃 2 个任务", "丢弃 2 个等待打印机的任务？"],
])("%i waiting (%s): the button and its question say which jobs are discarded", async (count, language, label, ask) => {
  const held = Array.from({ length: count }, () => makeJob({ state: "held", hold_reason: "disconnected" }));
  const asks = makeJob({ state: "held", hold_reason: "approval", waits_for: ["approval"] });
  const notes = await show("lianke-notes", {
    context: makeContext({ ...makeHass(), language, locale: { ...makeHass().locale, language } }),
    summary: summarize(makePrinter({ status: "disconnected" }), [...held, asks, makeJob({ state: "queued" })], false),
    mayControl: true,
  });
  const button = find<Part>(notes, "lianke-ask");
  expect(button.shadowRoot?.textContent?.trim()).toBe(label);
  find(button, "button").click();
  await button.updateComplete;
  expect(find(button, "[role=group] span").textContent).toBe(ask);
  expect(find(button, "[data-key=yes]").textContent?.trim()).toBe(label);
});

test("the pages of a job with copies are those of one copy, waiting and done", () => {
  const t = makeContext().localizer;
  for (const state of ["queued", "completed"] as const)
    expect(jobFacts(t, makeJob({ state, pages: 3, pages_printed: 6, copies: 2 }))).toEqual(
      expect.arrayContaining(["3 pages", "2 copies"]),
    );
  expect(jobFacts(t, makeJob({ state: "completed", pages: 3, pages_printed: 2 }))).toContain("2 pages");
});

test("quick buttons are for who may print", async () => {
  const buttons = [{ entity: "todo.list" }, { entity: "script.hello" }, { entity: "todo.list", device: "elsewhere" }];
  const printer = (id: string, area_id: string) => ({ id, name: "Inkjet", name_by_user: null, area_id });
  const devices = { device: printer("device", "study"), elsewhere: printer("elsewhere", "hall") };
  const entities = Object.fromEntries(
    Object.keys(devices).map((id) => [id, { entity_id: `notify.${id}`, device_id: id, platform: "lianke" }]),
  );
  const hass = { ...makeHass(), devices, entities, areas: { study: { name: "Study" }, hall: { name: "Hall" } } };
  const context = makeContext(hass, { buttons });
  const reader = { device: makePrinter({ may_control: false }) };
  const shown = await show<Part>("lianke-quick-buttons", { context, printers: reader });
  expect(shown.hidden).toBe(true);
  Object.assign(shown, { printers: { device: makePrinter() } });
  await shown.updateComplete;
  const names = [...(shown.shadowRoot?.querySelectorAll("button") ?? [])].map((button) => button.textContent?.trim());
  expect(names).toEqual(["todo.list", "script.hello", "todo.list → Inkjet (Hall)"]);
});

test("a quick button runs any action, and a print keeps its request while the answer is lost", async () => {
  const buttons = [
    {
      name: "Lamp",
      tap_action: { action: "perform-action", perform_action: "light.turn_on", target: { entity_id: "light.a" } },
    },
    {
      name: "Menu",
      tap_action: { action: "perform-action", perform_action: "lianke.print", data: { file: "/menu.pdf" } },
    },
  ];
  const answers: Record<string, unknown> = { print: { code: 3 }, turn_on: { context: { id: "press" } } };
  const context = makeContext(makeHass(answers), { buttons });
  const make = () => show<Part>("lianke-quick-buttons", { context, printers: { device: makePrinter() } });
  const buttonsOf = (shown: Part) => [...(shown.shadowRoot?.querySelectorAll("button") ?? [])];
  const shown = await make();
  const [lamp, before] = buttonsOf(shown);
  stopTime();
  lamp?.click();
  await vi.advanceTimersByTimeAsync(100);
  lamp?.click();
  expect(asked).toEqual([
    { type: "call_service", domain: "light", service: "turn_on", service_data: {}, target: { entity_id: "light.a" } },
  ]);
  before?.click();
  await vi.waitFor(() => expect(find(shown, ".error")?.textContent).toContain("still prints only once"));
  answers["print"] = {};
  // After a reconnect Home Assistant replaces its cards.
  const [, menu] = buttonsOf(await make());
  menu?.click();
  await vi.waitFor(() => expect(asked).toHaveLength(3));
  const [first, second] = asked.slice(1).map((message) => message["service_data"] as Record<string, unknown>);
  expect(first).toMatchObject({ device_id: "device", file: "/menu.pdf" });
  expect(second?.["request_id"]).toBe(first?.["request_id"]);
  // The second half of a double tap.
  await vi.advanceTimersByTimeAsync(100);
  menu?.click();
  await vi.waitFor(() => expect(menu?.getAttribute("aria-disabled")).toBeNull());
  expect(asked).toHaveLength(3);
  menu?.click();
  await vi.waitFor(() => expect(asked).toHaveLength(4));
  expect((asked[3]?.["service_data"] as Record<string, unknown>)["request_id"]).not.toBe(first?.["request_id"]);
});

test("a quick button of an entity that is gone says so, and a text is called by its button", async () => {
  const buttons = [{ entity: "automation.gone" }, { name: "Note", data: { text: "Back at six" } }];
  const context = makeContext(makeHass({ print: {} }), { buttons });
  const shown = await show<Part>("lianke-quick-buttons", { context, printers: { device: makePrinter() } });
  const [gone, note] = shown.shadowRoot?.querySelectorAll("button") ?? [];
  gone?.click();
  await vi.waitFor(() => expect(find(shown, ".error").textContent).toContain("automation.gone is not there any more"));
  expect(asked).toEqual([]);
  note?.click();
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]?.["service_data"]).toMatchObject({ title: "Note", text: "Back at six" });
});

test("what an automation is refused is said at the button that has set it off, and at no other", async () => {
  const buttons = [{ entity: "automation.one" }, { entity: "automation.two" }];
  let presses = 0;
  const callService = async () => ({ context: { id: `press ${++presses}` } });
  const states = Object.fromEntries(buttons.map(({ entity }) => [entity, { attributes: {} }]));
  const localize = (key: string, values: Record<string, unknown>) => `${key} ${values["limit"]}`;
  const loadBackendTranslation = async () => localize;
  const hass = { ...makeHass(), callService, states, loadBackendTranslation } as unknown as HomeAssistant;
  const printers = { device: makePrinter() };
  const shown = await show<Part & { refused: Refusal }>("lianke-quick-buttons", {
    context: makeContext(hass, { buttons }),
    printers,
  });
  const says = (...told: string[]) =>
    vi.waitFor(() => {
      const errors = [...(shown.shadowRoot?.querySelectorAll(".error") ?? [])].map((one) => one.textContent);
      expect(errors).toEqual(told.map((one) => `component.lianke.exceptions.too_many_pages_this_month.message ${one}`));
    });
  const refuse = async (limit: string, began_in: string | null) => {
    shown.refused = {
      context_id: limit,
      began_in,
      code: "home_assistant_error",
      message: null,
      translation_domain: "lianke",
      translation_key: "too_many_pages_this_month",
      translation_placeholders: { limit },
    };
    await shown.updateComplete;
  };
  const press = async (button: HTMLButtonElement | undefined) => {
    button?.click();
    await shown.updateComplete;
    await vi.waitFor(() => expect(button?.getAttribute("aria-disabled")).toBeNull());
  };
  await import("../src/refusals"); // loaded now, so that a wrong sentence would show soon
  const [one, two] = shown.shadowRoot?.querySelectorAll("button") ?? [];
  await press(one);
  await refuse("0", "another card's press");
  await refuse("1", null);
  await refuse("2", "press 1");
  await says("2");
  // A refusal may arrive before the press is answered. It stays until the button is pressed again.
  await refuse("3", "press 2");
  await press(two);
  await says("2", "3");
  // However late it arrives, and whatever was pressed since.
  await press(one);
  await says("3");
  await refuse("4", "press 3");
  await says("4", "3");
});

const list = { entity_id: "todo.list", state: "3", attributes: { friendly_name: "Groceries" } };

test("a card for a list prints it on the printer that may be printed on", async () => {
  const context = makeContext(makeHass({ print: {} }, "zh-Hans"), { source_entity: "todo.list", devices: ["a", "b"] });
  const printers = { a: makePrinter({ may_control: false }), b: makePrinter() };
  const source = await show<Part>("lianke-source", { context, entity: list, printers });
  const header = await partOf(source, "lianke-header");
  expect(header.shadowRoot?.textContent).toMatch(/Groceries\s+3 项未完成/);
  const button = find(source, "button.main");
  expect(button.textContent?.trim()).toBe("打印此清单");
  stopTime();
  button.click();
  await vi.waitFor(() => expect(announced.at(-1)).toContain("Groceries"));
  await vi.advanceTimersByTimeAsync(100);
  button.click();
  expect(asked).toMatchObject([{ service: "print", service_data: { device_id: "b", source_entity: "todo.list" } }]);
});

test("a card for a list that is gone, or for who may only look, has nothing to press", async () => {
  const context = makeContext(makeHass(), { source_entity: "todo.list" });
  const printers = { device: makePrinter({ may_control: false }) };
  const source = await show<Part>("lianke-source", { context, entity: list, printers });
  expect(find(source, "button")).toBeNull();
  Object.assign(source, { entity: undefined, printers: { device: makePrinter() } });
  await source.updateComplete;
  expect(find(source, "button")).toBeNull();
  expect(find(source, "p").textContent).toContain("todo.list is not there any more");
});

test("a list is added to what is about to be printed", async () => {
  const context = makeContext(makeHass({ "lianke/printer/options": {}, print: { jobs: [{}] } }));
  const batch = new Batch(context, "device");
  batch.addEntity({ entity_id: "todo.list", name: "Groceries" });
  await batch.print();
  expect(asked.at(-1)).toMatchObject({ service: "print", service_data: { source_entity: "todo.list" } });
  expect(batch.items).toHaveLength(0);
});

test("the media library stays open while what was pressed before is handed over", async () => {
  const answers = { "media_source/browse_media": { title: "Media", children: [] }, "lianke/printer/options": {} };
  const context = makeContext(makeHass(answers));
  const batch = new Batch(context, "device");
  const [item] = (batch.add([new File(["x"], "a.pdf")]), batch.items);
  const printer = await show<Part>("lianke-printer", { context, device: "device", printer: makePrinter(), batch });
  const form = find<Part>(printer, "lianke-print-form");
  await form.updateComplete;
  find(form, "[data-key=media]").click();
  const open = () => find<HTMLDialogElement>(find(form, "lianke-media-browser"), "dialog");
  await vi.waitFor(() => expect(open().open).toBe(true));
  if (item) batch.remove(item);
  Object.assign(printer, { printer: makePrinter({ waiting: 1 }) });
  await printer.updateComplete;
  expect([open().open, form.isConnected]).toEqual([true, true]);
  find(open(), "[data-key=close]")?.click();
  open()?.close();
  await vi.waitFor(() => expect(find(printer, "lianke-print-form")).toBeNull());
});

test("printers of one name are told apart by area, else by box", () => {
  const devices = Object.fromEntries(
    [
      { id: "box", name: "Office box" },
      { id: "other_box", name: "Home box" },
      { id: "a", name: "Laser", area_id: "study", via_device_id: "box" },
      { id: "b", name: "LaserJet", name_by_user: "Laser", area_id: "study", via_device_id: "other_box" },
      { id: "c", name: "Inkjet", area_id: "study", via_device_id: "box" },
    ].map((device) => [device.id, device]),
  );
  const entities = Object.fromEntries(
    ["a", "b", "c"].map((id) => [id, { entity_id: `notify.${id}`, device_id: id, platform: "lianke" }]),
  );
  const hass = { ...makeHass(), devices, entities, areas: { study: { name: "Study" }, hall: { name: "Hall" } } };
  expect(["a", "b", "c"].map((id) => placeOf(hass, id))).toEqual(["Office box", "Home box", ""]);
  const moved = { ...hass, devices: { ...devices, b: { ...devices["b"], id: "b", name: "Laser", area_id: "hall" } } };
  expect(["a", "b", "c"].map((id) => placeOf(moved, id))).toEqual(["Study", "Hall", ""]);
});

test.each([
  [
    "much",
    {
      papers: [
        { id: 9, name: "A4" },
        { id: 11, name: "A5" },
      ],
      max_copies: 5,
    },
  ],
  ["little", { papers: [{ id: 9, name: "A4" }], color: ["mono"], duplex: ["off"], orientation: ["portrait"] }],
  ["nothing", { failed: true }],
])(
  "what is below the options stays where it is when a printer offers %s, and leaves no hole",
  async (_name, offers) => {
    localStorage.clear();
    let answer: (offers: object) => void = () => undefined;
    const hass = { ...makeHass(), callWS: () => new Promise((resolve) => (answer = resolve)) };
    document.body.style.width = "368px";
    const heights = async () => {
      const batch = new Batch(makeContext(hass as unknown as HomeAssistant), "device");
      batch.add([new File(["x"], "a.pdf")]);
      const form = await show<Part>("lianke-options-form", { context: batch.context, batch });
      const before = form.offsetHeight;
      answer(offers);
      await vi.waitFor(() => expect(batch.offers).not.toBeNull());
      await form.updateComplete;
      expect(form.shadowRoot?.querySelector(".skeleton")).toBeNull();
      const last = form.shadowRoot?.querySelector("[role=group]")?.lastElementChild as HTMLElement;
      expect(form.getBoundingClientRect().bottom - last.getBoundingClientRect().bottom).toBeLessThan(1);
      return [before, form.offsetHeight];
    };
    await heights();
    // From the second time on the fields are remembered.
    const [before = 0, after = 0] = await heights();
    expect(before).toBeGreaterThan(50);
    expect(Math.abs(after - before)).toBeLessThanOrEqual(_name === "nothing" ? 100 : 0);
  },
);

test("files are sorted by the arrow keys, and the handle keeps the focus", async () => {
  const context = makeContext(makeHass({ "lianke/printer/options": {} }));
  const batch = new Batch(context, "device");
  batch.add(["a", "b"].map((name) => new File(["x"], name)));
  const form = await show<Part>("lianke-print-form", { context, batch });
  const handle = find(form, ".handle");
  handle.focus();
  handle.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  await form.updateComplete;
  expect(batch.items.map(({ name }) => name)).toEqual(["b", "a"]);
  expect(form.shadowRoot?.activeElement).toBe(handle);
});

test("the editor shows what is shown, and stores only what was changed", async () => {
  customElements.define("ha-form", class extends HTMLElement {});
  const editor = (await createEditor()) as Part & { setConfig(config: object): void };
  editor.setConfig({ type: "custom:lianke-card" });
  Object.assign(editor, { hass: makeHass() });
  document.body.replaceChildren(editor);
  await editor.updateComplete;
  const form = find<HTMLElement & { data: { show: string[] } }>(editor, "ha-form");
  expect(form.data.show).toEqual(SECTIONS);
  const changed = vi.fn();
  editor.addEventListener("config-changed", (event) => changed((event as CustomEvent).detail.config));
  const value = { ...form.data, show: ["ink"] };
  form.dispatchEvent(new CustomEvent("value-changed", { detail: { value } }));
  expect(changed).toHaveBeenCalledWith({ type: "custom:lianke-card", show: ["ink"] });
  // The fields of a quick button are shown as a print action, and stored as before.
  const buttons = [{ name: "Menu", data: { file: "/menu.pdf" } }, { entity: "todo.list" }];
  editor.setConfig({ type: "custom:lianke-card", buttons });
  await editor.updateComplete;
  const tap_action = { action: "perform-action", perform_action: "lianke.print", data: { file: "/menu.pdf" } };
  const shown = (form as unknown as { data: { buttons: object[] } }).data;
  expect(shown.buttons).toEqual([{ name: "Menu", tap_action }, { entity: "todo.list" }]);
  const lamp = { name: "Lamp", tap_action: { action: "perform-action", perform_action: "light.turn_on" } };
  const edited = { ...shown, buttons: [...shown.buttons, lamp] };
  form.dispatchEvent(new CustomEvent("value-changed", { detail: { value: edited } }));
  expect(changed).toHaveBeenLastCalledWith({ type: "custom:lianke-card", buttons: [...buttons, lamp] });
});

test.each([
  ["queued", null, "printing", "Sent; the printer is printing"],
  ["processing", null, "printing", "Sent; the printer is printing"],
  ["queued", null, "idle", "queued"],
  ["canceled", "moved", "idle", "Moved to another printer"],
  ["canceled", "rejected", "idle", "Rejected"],
  ["canceled", "first_sides_rejected", "idle", "Rejected"],
  ["canceled", "replaced", "idle", "Replaced by a newer one"],
  ["canceled", null, "idle", "canceled"],
])("a job that is %s (%s) while its printer is %s", (state, reason, printer, words) => {
  expect(jobFacts(makeContext().localizer, makeJob({ state, reason }), printer)[0]).toBe(words);
});

describe("a document that is not kept", () => {
  const shown = async (changes: object, is_admin = true) => {
    const finished = [makeJob({ state: "completed", ...changes })];
    const context = makeContext({ ...makeHass(), user: { is_admin } });
    return show<Part>("lianke-jobs", { context, finished, mayControl: true, keeps: false, ...changes });
  };

  test("says so in its row, and is kept from then on for who may change it", async () => {
    const jobs = await shown({});
    expect(find(jobs, "lianke-job-actions")).toBeNull();
    const actions = await unfold(jobs);
    expect(find(jobs, "[data-key=more-job]").getAttribute("aria-expanded")).toBe("true");
    expect(find(actions, "p").textContent).toContain("cannot be printed again");
    find(actions, "[data-key=keep]").click();
    await vi.waitFor(() => expect(asked).toEqual([{ type: "lianke/printed/keep", device_id: "device" }]));
    Object.assign(jobs, { keeps: true });
    await jobs.updateComplete;
    await actions.updateComplete;
    expect(actions.shadowRoot?.textContent).toContain("from now on can be printed again");
    expect(find(actions, "button")).toBeNull();
  });

  test.each([
    ["en", "Documents of canceled jobs are not kept"],
    ["zh-Hans", "已取消的文档没有保留，所以这份不能再打印。管理员可以开启保留。"],
  ])("is not said to have been printed where it was canceled, in %s", async (language, says) => {
    const context = makeContext({ ...makeHass({}, language), user: { is_admin: false } });
    const actions = await unfold(await shown({ state: "canceled", context }));
    const text = find(actions, "p").textContent?.trim();
    expect(text).toContain(says);
    expect(text).not.toMatch(/[Pp]rinted documents|打印过/);
  });

  test("tells others whom to ask", async () => {
    const actions = await unfold(await shown({}, false));
    expect(find(actions, "p").textContent).toContain("An administrator can switch on");
    expect(find(actions, "button")).toBeNull();
  });

  test.each([
    { keeps: true },
    { keeps: undefined },
    { mayControl: false },
    { state: "failed" },
    { state: "canceled", reason: "rejected" },
  ])("is nothing to tell with %j", async (changes) => {
    expect(find(await shown(changes), "button")).toBeNull();
  });
});

test("what can be done about a finished job is folded away, and unfolded by one press", async () => {
  const finished = [makeJob({ can_print_again: true })];
  const jobs = await show<Part>("lianke-jobs", {
    context: makeContext(makeHass({ retry_job: {} })),
    finished,
    mayControl: true,
  });
  const height = find(jobs, "li").offsetHeight;
  expect(height).toBeLessThanOrEqual(48);
  const long = makeJob({ title: "A title that is much too long to be written on one line of a phone. ".repeat(3) });
  const failed = makeJob({ state: "failed", detail: "There was no paper for it. ".repeat(9), can_retry: true });
  Object.assign(jobs, { finished: [long, ...finished, failed].map((one, at) => ({ ...one, job_id: `job-${at}` })) });
  await jobs.updateComplete;
  const rows = [...(jobs.shadowRoot?.querySelectorAll("li") ?? [])];
  expect(rows.map((row) => row.offsetHeight)).toEqual([height, height, height]);
  expect(rows[2]?.textContent).toContain("failed · There was no paper");
  const actions = await unfold(jobs, "job-1");
  const words = [...(actions.shadowRoot?.querySelectorAll("button, lianke-ask") ?? [])].map((one) =>
    (one.shadowRoot ?? one).textContent?.trim(),
  );
  expect(words).toEqual(["Print again", "Options"]);
  stopTime();
  find(find(actions, "lianke-ask"), "button").click();
  // The second half of a double tap; the new job's row may be off the screen, so that nothing moves.
  await vi.advanceTimersByTimeAsync(100);
  find(find(actions, "lianke-ask"), "button").click();
  await vi.waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["retry_job"]));
});

test.each([
  ["en", "Report how it came out", "Report how Homework came out"],
  ["zh-Hans", "反馈打印效果", "反馈 Homework 的打印效果"],
])("a test page about which a repair asks shows the way to it, in %s", async (language, words, label) => {
  const finished = [makeJob({ can_report: true })];
  const context = makeContext(makeHass({}, language));
  const jobs = await show<Part>("lianke-jobs", { context, finished, mayControl: true, keeps: false });
  const actions = await partOf(jobs, "lianke-job-actions");
  const link = find(actions, "a");
  expect([link.getAttribute("href"), link.textContent?.trim()]).toEqual(["/config/repairs", words]);
  expect(link.getAttribute("aria-label")).toBe(label);
  // Nothing else is said about the page until somebody has reported it.
  expect(find(actions, "p")).toBeNull();
  Object.assign(jobs, { finished: [makeJob()] });
  await jobs.updateComplete;
  expect(find(jobs, "lianke-job-actions")).toBeNull();
});

test("what went wrong last is told in full, also when something newer has ended; of older jobs it is unfolded", async () => {
  const failed = makeJob({ state: "failed", detail: "No paper.", can_retry: true });
  const newer = makeJob({ job_id: "newer" });
  const properties = { context: makeContext(), mayControl: true };
  const jobs = await show<Part>("lianke-jobs", { ...properties, finished: [failed] });
  const parts = (shown: Part) => ["p", "lianke-job-actions"].map((name) => find(shown, name) !== null);
  expect(parts(jobs)).toEqual([true, true]);
  Object.assign(jobs, { finished: [newer, failed] });
  await jobs.updateComplete;
  expect(parts(jobs)).toEqual([true, true]);
  // Users who may only look read the same.
  for (const mayControl of [true, false]) {
    const later = await show<Part>("lianke-jobs", { ...properties, mayControl, finished: [newer, failed] });
    expect(parts(later)).toEqual([false, false]);
    find(later, "[data-key=more-job]").click();
    await later.updateComplete;
    expect(parts(later)).toEqual([true, mayControl]);
  }
});

test("the header says how many pages a child has left", async () => {
  const printer = async (pages_left: number | null) => {
    const properties = { context: makeContext(), device: "device", printer: makePrinter({ pages_left }) };
    const header = await partOf(await show("lianke-printer", properties), "lianke-header");
    return header.shadowRoot?.textContent;
  };
  expect(await printer(2)).toContain("2 pages left this month");
  expect(await printer(0)).toContain("0 pages left this month");
  expect(await printer(null)).not.toContain("left");
});

test.each([
  [false, "Printer not found. Edit the card and choose it again."],
  [true, "Not available at the moment"],
])("a printer of which nothing is told, whose device is there: %j", async (isKnown, words) => {
  const printer = await show<Part>("lianke-printer", { context: makeContext(), device: "device", isKnown });
  expect(find<Part>(printer, "lianke-header").shadowRoot?.textContent).toContain(words);
});

test("times follow the profile at once", () => {
  const hass = Object.assign(makeHass(), { connection: new EventTarget() });
  const card = document.createElement("lianke-card") as LiankeCard;
  const time = () => (Reflect.get(card, "_context") as CardContext).localizer.time("2029-01-02T15:00:00");
  card.setConfig({});
  card.hass = hass;
  expect(time()).toContain("3:00 PM");
  card.hass = { ...hass, locale: { language: "en", time_format: "24" } };
  expect(time()).toContain("15:00");
});

test("photos are offered by sources that do not play them, films are not", async () => {
  const item = (title: string, media_class: string, media_content_type: string, can_play = false) => ({
    title,
    media_class,
    media_content_type,
    can_play,
    can_expand: false,
    media_content_id: `media-source://immich/${title}`,
    thumbnail: { "a.pdf": "https://example.com/a.png", "b.pdf": "/lianke/document.svg" }[title] ?? `/immich/${title}`,
  });
  const children = [
    item("IMG_1.jpg", "image", "image/jpeg"),
    item("film.mp4", "video", "video/mp4", true),
    item("a.pdf", "url", "application/pdf", true),
    item("b.pdf", "url", "application/pdf", true),
    item("page", "app", ""),
    { ...item("2029", "directory", "album"), can_expand: true },
  ];
  const small = { path: "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=" };
  const hass = makeHass({ "media_source/browse_media": { title: "Immich", children }, "auth/sign_path": small });
  const browser = await show<LiankeMediaBrowser>("lianke-media-browser", { context: makeContext(hass) });
  await browser.open();
  await browser.updateComplete;
  const rows = [...(browser.shadowRoot?.querySelectorAll<HTMLElement>("li button") ?? [])];
  expect(rows.map((row) => row.textContent?.trim())).toEqual(["IMG_1.jpg", "a.pdf", "b.pdf", "2029"]);
  // Only small pictures that Home Assistant itself serves are shown, and no drawing that stands for any document.
  await vi.waitFor(() => expect(find(browser, "img")).not.toBeNull());
  expect(asked.filter(({ type }) => type === "auth/sign_path")).toEqual([
    { type: "auth/sign_path", path: "/immich/IMG_1.jpg" },
  ]);
  // A signed address is valid for half a minute; a later request counts as a failed login.
  rows[3]?.click();
  await vi.waitFor(() => expect(asked.filter(({ type }) => type === "auth/sign_path")).toHaveLength(2));
  const chosen = vi.fn();
  browser.addEventListener("media-chosen", (event) => chosen((event as CustomEvent).detail), { once: true });
  rows[0]?.click();
  expect(chosen).toHaveBeenCalledWith({
    media_content_id: "media-source://immich/IMG_1.jpg",
    media_content_type: "image/jpeg",
    title: "IMG_1.jpg",
  });
});

test("the media library is opened as far as the albums, and no source holds it up", async () => {
  const item = (title: string, media_content_type = "image", can_expand = true) => ({
    ...{ title, media_content_type, can_expand, media_class: "directory", can_play: !can_expand },
    media_content_id: `media-source://${title}`,
  });
  const inside: Record<string, object[] | Promise<never>> = {
    root: [
      item("Immich", "app"),
      item("Local", "app"),
      item("Cameras", "app"),
      item("NAS", "app"),
      item("Many", "app"),
    ],
    Immich: [item("Anna")],
    Anna: [item("albums"), item("people")],
    albums: [item("Sea"), item("Hills")],
    Local: [item("menu.pdf", "application/pdf", false), item("letters")],
    Cameras: [item("Door", "playlist")],
    NAS: new Promise<never>(() => undefined),
    Many: Array.from({ length: 25 }, () => item("one")),
  };
  const hass = makeHass();
  hass.callWS = (async ({ media_content_id: id = "root" }: { media_content_id?: string }) => ({
    title: "",
    children: structuredClone(await inside[id.replace("media-source://", "")]),
  })) as HomeAssistant["callWS"];
  const browser = await show<LiankeMediaBrowser>("lianke-media-browser", { context: makeContext(hass) });
  await browser.open();
  await browser.updateComplete;
  const outline = (list: Element): unknown[] =>
    [...list.children].map((row) => {
      const [title, below] = [row.querySelector(".title")?.textContent, row.querySelector("ul")];
      return below ? [title, ...outline(below)] : title;
    });
  const unfolded = [
    ["Immich", ["Anna", ["albums", "Sea", "Hills"], "people"]],
    "Local",
    ["Cameras", "Door"],
    "NAS",
    "Many",
  ];
  expect(outline(find(browser, "ul"))).toEqual(unfolded);
  // Shown albums stay while their source takes its time.
  find<HTMLDialogElement>(browser, "dialog").close();
  inside["albums"] = inside["NAS"] as Promise<never>;
  vi.useFakeTimers();
  await browser.open();
  await vi.advanceTimersByTimeAsync(2000);
  vi.useRealTimers();
  await browser.updateComplete;
  expect(outline(find(browser, "ul"))).toEqual(unfolded);
  const back = () => find(browser, ".round[aria-label=Back]");
  find(browser, "li button").click();
  await vi.waitFor(() => expect(back()).not.toBeNull());
  // A folder that arrives after Back does not open.
  find(browser, "li button").click();
  back().click();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([back(), find(browser, "[role=status]")]).toEqual([null, null]);
});

test("the media library opens where it was left, on another element as well", async () => {
  const folder = { title: "Album", media_content_id: "media-source://album", media_content_type: "album" };
  const album = { ...folder, media_class: "album", can_play: false, can_expand: true };
  const photo = { title: "Sea", media_content_id: "media-source://sea", media_content_type: "image/jpeg" };
  const children = [album, { ...photo, can_play: true }];
  const context = makeContext(makeHass({ "media_source/browse_media": { ...folder, children } }));
  const open = async () => {
    const browser = await show<LiankeMediaBrowser>("lianke-media-browser", { context });
    await browser.open();
    await vi.waitFor(() => expect(find(browser, "li")).not.toBeNull());
    return browser;
  };
  const first = await open();
  find(first, "li button").click();
  await vi.waitFor(() => expect(find(first, ".round[aria-label=Back]")).not.toBeNull());
  asked.length = 0;
  const second = await open();
  expect(find(second, ".round[aria-label=Back]")).not.toBeNull();
  expect(asked).toEqual([{ type: "media_source/browse_media", media_content_id: folder.media_content_id }]);
  // A photo that was added since is there.
  children.push({ ...photo, title: "Hills", can_play: true });
  find<HTMLDialogElement>(second, "dialog").close();
  await second.open();
  await vi.waitFor(() => expect(find(second, "li:last-child").textContent).toContain("Hills"));
});
