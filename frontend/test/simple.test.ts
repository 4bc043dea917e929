import { beforeEach, expect, test, vi } from "vitest";
import "../src/components/simple";
import "../src/components/waiting";
import "../src/shells";
import type { Part } from "../src/components/part";
import type { HomeAssistant, Job, Printer } from "../src/types";
import { asked, find, makeContext, makeHass, makeJob, makePrinter, partOf, show } from "./stand-in";

beforeEach(() => void (asked.length = 0));

let number = 0;
/* Jobs of all tests have ids of their own, since a card remembers what somebody has seen. */
const job = (changes: Partial<Job> = {}) =>
  makeJob({ job_id: `job ${(number += 1)}`, finished_at: new Date().toISOString(), ...changes });

const home = (language: string, answers = {}): HomeAssistant => ({
  ...makeHass(answers, language),
  devices: { device: { id: "device", name: "Laser", area_id: "study" } },
  areas: { study: { name: language === "en" ? "Study" : "书房" } },
  user: { id: "child", is_admin: false },
  localize: (key: string) => key.split(".").at(-1) ?? "",
});

const simple = async (jobs: Job[], printer: Partial<Printer> = {}, hass = home("en")) => {
  const feed = { printers: { device: makePrinter(printer) }, jobs };
  const element = await show<Part>("lianke-simple", { context: makeContext(hass), feed, devices: ["device"] });
  const said = () => find(element, ".sentence")?.textContent;
  const button = () => find(element, "button") as HTMLButtonElement | null;
  return { element, said, button };
};

const HELD = { state: "held", can_cancel: true };
const ASKED = { ...HELD, hold_reason: "approval", waits_for: ["approval"] };

test.each([
  [[], {}, "Ready: the printer in Study", "书房的打印机可以打印了", undefined],
  [[], { status: "paper_jam" }, "paper_jam: the printer in Study", "书房的打印机：paper_jam", undefined],
  [[{}], {}, "Homework is on the printer in Study", "Homework在书房的打印机上", "Got it"],
  [
    [{ state: "sending" }],
    {},
    "Homework is coming out of the printer in Study",
    "书房的打印机正在打印Homework",
    undefined,
  ],
  [
    [{ state: "sending" }],
    { status: "out_of_paper" },
    "Homework waits for paper. Put some into the printer in Study",
    "Homework在等纸，请给书房的打印机加纸",
    undefined,
  ],
  [
    [{ ...HELD, hold_reason: "out_of_paper" }],
    {},
    "Homework waits for paper. Put some into the printer in Study",
    "Homework在等纸，请给书房的打印机加纸",
    "Don't print it",
  ],
  [
    [{ ...HELD, hold_reason: "disconnected" }],
    {},
    "Homework waits. Switch on the printer in Study",
    "Homework在等待，请打开书房的打印机",
    "Don't print it",
  ],
  [
    [{ ...HELD, hold_reason: "quiet_hours" }],
    {},
    "Homework waits: quiet_hours",
    "Homework在等待：quiet_hours",
    "Don't print it",
  ],
  [[ASKED], {}, "Homework waits for somebody to say yes", "Homework等别人同意", "Don't print it"],
  [
    [{ ...ASKED, approvers: ["妈妈", "爸爸"] }],
    {},
    "Homework waits for 妈妈 or 爸爸 to say yes",
    "Homework等妈妈或爸爸同意",
    "Don't print it",
  ],
  [[{ state: "failed", can_retry: true }], {}, "Homework did not come out", "Homework没有打印出来", "Try again"],
  [
    [{ state: "failed", can_retry: true, partly_printed: true }],
    {},
    "Homework did not come out",
    "Homework没有打印出来",
    "Got it",
  ],
  [
    [{ state: "unconfirmed" }],
    {},
    "Is Homework on the printer in Study? Go and look",
    "Homework在书房的打印机上吗？请去看一看",
    "It is there",
  ],
  [[{ state: "canceled" }], {}, "Homework: canceled", "Homework：canceled", "Got it"],
  // Of an old outcome nobody needs to be told.
  [
    [{ finished_at: "2020-01-01T00:00:00+00:00" }],
    {},
    "Ready: the printer in Study",
    "书房的打印机可以打印了",
    undefined,
  ],
] as [Partial<Job>[], Partial<Printer>, string, string, string | undefined][])(
  "%j %j is one sentence",
  async (jobs, printer, english, chinese, label) => {
    const list = () => jobs.map((changes) => job(changes));
    const { said, button } = await simple(list(), printer);
    expect([said(), button()?.textContent?.trim()]).toEqual([english, label]);
    const other = await simple(list(), printer, home("zh-Hans"));
    expect(other.said()).toBe(chinese);
  },
);

test("one's own job comes before others", async () => {
  const jobs = [job({ title: "Theirs", state: "sending" }), job({ title: "Mine", user_id: "child" })];
  const { element, said, button } = await simple(jobs);
  expect(said()).toContain("Mine");
  button()?.click();
  await vi.waitFor(async () => expect(said()).toContain("Theirs"));
  await element.updateComplete;
});

test("a key that is held down presses nothing of the next job", async () => {
  const { element, said, button } = await simple([job({ title: "Mine" }), job({ ...HELD, title: "Theirs" })]);
  button()?.focus();
  button()?.click();
  await vi.waitFor(() => expect(said()).toContain("Theirs"));
  await element.updateComplete;
  expect(element.shadowRoot?.activeElement?.localName).toBe("section");
});

test("a code that was typed for one job is not that of the next", async () => {
  const release = { ...HELD, hold_reason: "release", waits_for: ["release"] } as Partial<Job>;
  const mine = { ...release, can_continue: true, may_answer: true, needs_code: true };
  const [one, other] = [job(mine), job(mine)];
  const { element } = await simple([one, other]);
  await vi.waitFor(() => expect(find(element, "lianke-answer")).toHaveProperty("updateComplete"));
  const code = async () => find<HTMLInputElement>(await partOf(element, "lianke-answer"), "#code");
  (await code()).value = "2468";
  Object.assign(element, { feed: { printers: { device: makePrinter() }, jobs: [other] } });
  await element.updateComplete;
  expect((await code()).value).toBe("");
});

test("a failed job is tried again once, however often the button is pressed", async () => {
  const failed = job({ state: "failed", can_retry: true });
  const { button } = await simple([failed]);
  const press = button();
  press?.click();
  press?.click();
  await vi.waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["retry_job"]));
  expect(asked[0]?.["service_data"]).toEqual({ device_id: "device", job_id: failed.job_id });
});

test("who may not control the printer has no button that would be refused", async () => {
  for (const state of ["held", "sending"]) {
    const { button } = await simple([job({ state, can_cancel: true })], { may_control: false });
    expect(button()).toBeNull();
  }
  const { element } = await simple([], { may_control: false });
  expect(find(element, "lianke-file-chooser")).toBeNull();
});

test("a card without titles says document", async () => {
  const feed = { printers: { device: makePrinter() }, jobs: [job()] };
  const context = makeContext(home("en"), { hide_titles: true });
  const element = await show<Part>("lianke-simple", { context, feed, devices: ["device"] });
  expect(find(element, ".sentence").textContent).toBe("Document is on the printer in Study");
});

const waiting = (language: string, ...counts: string[]): HomeAssistant => {
  const hass = makeHass({}, language);
  counts.forEach((state, at) => {
    const entity_id = `sensor.jobs_${at}`;
    hass.entities[entity_id] = {
      entity_id,
      platform: "lianke",
      translation_key: "jobs_waiting",
      device_id: `device ${at}`,
    };
    (hass.states as Record<string, unknown>)[entity_id] = { state };
  });
  return hass;
};

const words = async (kind: string, hass: HomeAssistant, properties: object = {}, config: object = {}) => {
  const shell = document.createElement(`lianke-${kind}`) as HTMLElement & { setConfig(config: object): void };
  document.body.replaceChildren(shell);
  shell.setConfig(config);
  Object.assign(shell, { hass, ...properties });
  const view = shell.firstElementChild as Part;
  await view.updateComplete;
  return { view, text: find(view, "button").textContent?.trim() };
};

test.each([
  ["en", ["2"], "2 jobs wait"],
  ["en", ["1"], "1 job waits"],
  ["en", ["1", "unavailable", "2"], "3 jobs wait"],
  ["en", ["0"], "Nothing waits"],
  ["zh-Hans", ["2"], "2 个任务在等待"],
])("the badge of %s %j", async (language, counts, text) => {
  expect((await words("badge", waiting(language, ...counts))).text).toBe(text);
});

test("a badge may be for some printers, and a feature is for the printer of its tile", async () => {
  const hass = waiting("en", "1", "2");
  expect((await words("badge", hass, {}, { devices: ["device 1"] })).text).toBe("2 jobs wait");
  const tile = await words("feature", hass, { context: { entity_id: "sensor.jobs_0" } });
  expect(tile.text).toBe("1 job waits");
  const opened = vi.fn();
  document.body.addEventListener("hass-more-info", (event) => opened((event as CustomEvent).detail), { once: true });
  find(tile.view, "button").click();
  expect(opened).toHaveBeenCalledWith({ entityId: "sensor.jobs_0" });
  const [offered] = window.customCardFeatures as { isSupported: (hass: HomeAssistant, context: object) => boolean }[];
  expect(offered?.isSupported(hass, { entity_id: "sensor.jobs_0" })).toBe(true);
  expect(offered?.isSupported(hass, { entity_id: "light.hall" })).toBe(false);
});
