/* Jobs that wait for a person, and what users can do with a job besides canceling it. */
import { beforeEach, expect, test, vi } from "vitest";
import "../src/components/answer";
import "../src/components/job-actions";
import "../src/components/jobs";
import { jobFacts, jobReason, outcome } from "../src/components/job-texts";
import type { Part } from "../src/components/part";
import { Localizer } from "../src/localize";
import "../src/print/reprint";
import { summarize } from "../src/summary";
import type { HomeAssistant, Job } from "../src/types";
import {
  announced,
  asked,
  find,
  makeContext,
  makeHass,
  makeJob,
  makePrinter,
  show,
  stopTime,
  unfold,
} from "./stand-in";

beforeEach(() => {
  localStorage.clear();
  asked.length = 0;
  announced.length = 0;
});

const waiting = (reason: string, changes: Partial<Job> = {}) =>
  makeJob({
    state: "held",
    hold_reason: reason,
    waits_for: [reason],
    can_continue: true,
    may_answer: true,
    can_cancel: true,
    ...changes,
  });
const HAND = { half: 2, sheets: 4, put_back: "face_down", edge_first: "top", tested: true } as const;
const answer = (job: Job, hass = makeHass({ continue_job: {}, reject_job: {} })) =>
  show<Part>("lianke-answer", { context: makeContext(hass), job });
const texts = (element: HTMLElement) => element.shadowRoot?.textContent?.replace(/\s+/g, " ") ?? "";

test("a job is approved, once, however often it is pressed", async () => {
  const element = await answer(waiting("approval"));
  stopTime();
  find(element, "[data-key=approve]").click();
  find(element, "[data-key=approve]").click();
  // The second half of a double tap goes to the job's next question.
  Object.assign(element, { job: waiting("release") });
  await element.updateComplete;
  await vi.advanceTimersByTimeAsync(100);
  find(element, "[data-key=release]").click();
  expect(asked).toMatchObject([{ service: "continue_job", service_data: { job_id: "job", reason: "approval" } }]);
});

test.each([
  ["/api/lianke/job_picture/job", 1],
  ["https://evil.example/x.png", 0],
])("who may approve sees the first page: %s", async (picture, shown) => {
  const hass = makeHass({ "auth/sign_path": { path: "/api/lianke/job_picture/job?authSig=x" } });
  const element = await answer(waiting("approval", { picture }), hass);
  await vi.waitFor(() => expect(asked).toHaveLength(shown));
  await element.updateComplete;
  const images = element.shadowRoot?.querySelectorAll("img") ?? [];
  expect([...images].map((image) => image.getAttribute("src"))).toEqual(
    shown ? ["/api/lianke/job_picture/job?authSig=x"] : [],
  );
});

test("what cannot be looked at says so before it is approved, and on a card without titles nothing", async () => {
  const said = async (picture: string | null, hide_titles = false) => {
    const hass = makeHass({ "auth/sign_path": new Error("gone") });
    const context = makeContext(hass, { hide_titles });
    const element = await show<Part>("lianke-answer", { context, job: waiting("approval", { picture }) });
    await new Promise((resolve) => requestAnimationFrame(resolve));
    await element.updateComplete;
    return element.renderRoot.querySelector("p[role=status]")?.textContent ?? "";
  };
  expect(await said(null)).toContain("cannot be shown here. Before you approve it, ask whoever sent it what it is.");
  expect(await said("/api/lianke/job_picture/job")).toContain("cannot be shown here");
  expect(await said(null, true)).toBe("");
});

test("the picture stays where it is while a rejection is written", async () => {
  // Drawn again it would be fetched again, by an address that has expired: a failed login.
  const hass = makeHass({ "auth/sign_path": { path: "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAAC" } });
  const element = await answer(waiting("approval", { picture: "/api/lianke/job_picture/job" }), hass);
  await vi.waitFor(() => expect(find(element, "img")).not.toBeNull());
  const picture = find(element, "img");
  find(element, "[data-key=reject]").click();
  await vi.waitFor(() => expect(find(element, "[data-key=do-reject]")).not.toBeNull());
  expect(find(element, "img")).toBe(picture);
  find(element, "[data-key=no]").click();
  await vi.waitFor(() => expect(find(element, "[data-key=approve]")).not.toBeNull());
  expect(find(element, "img")).toBe(picture);
});

test("who may approve is told who asks, as plain text", async () => {
  const asking = await answer(waiting("approval", { asked_by: "<b>Anna</b>" }));
  expect(texts(asking)).toContain("<b>Anna</b> asks to print this.");
  expect(find(asking, "b")).toBeNull();
  const device = await answer(waiting("approval", { asked_by: null }));
  expect(texts(device)).not.toContain("asks");
  const context = makeContext(makeHass(), { hide_titles: true });
  const job = waiting("approval", { asked_by: "Anna", picture: "/api/lianke/job_picture/job" });
  expect(texts(await show<Part>("lianke-answer", { context, job }))).not.toContain("Anna");
  expect(asked).toEqual([]);
});

test("a rejection asks why, and can be taken back", async () => {
  const element = await answer(waiting("approval"));
  find(element, "[data-key=reject]").click();
  await vi.waitFor(() => expect(element.shadowRoot?.activeElement?.id).toBe("message"));
  find(element, "[data-key=no]").click();
  await vi.waitFor(() => expect((element.shadowRoot?.activeElement as HTMLElement).dataset["key"]).toBe("reject"));
  expect(asked).toHaveLength(0);
  find(element, "[data-key=reject]").click();
  await element.updateComplete;
  find<HTMLInputElement>(element, "#message").value = " too many ";
  find(element, "[data-key=do-reject]").click();
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]).toMatchObject({ service: "reject_job", service_data: { job_id: "job", message: "too many" } });
});

test.each(["approval", "release", "turn_paper"])("who may not answer for %s is told who can", async (reason) => {
  const element = await answer(waiting(reason, { may_answer: false, by_hand: HAND }));
  expect(find(element, "button")).toBeNull();
  expect(texts(element).trim().length).toBeGreaterThan(20);
});

test.each([true, false])(
  "that nobody can count the pages is said to whom a release is shown: %s",
  async (may_answer) => {
    const element = await answer(waiting("release", { may_answer, uncounted: true }));
    expect(texts(element)).toContain("Nobody can say how many pages");
    expect(texts(await answer(waiting("release", { may_answer })))).not.toContain("Nobody can say");
  },
);

test("a code is sent with the release, and a wrong one is said at it", async () => {
  const hass = makeHass({ continue_job: { code: "service_validation_error", message: "This is not the code" } });
  const element = await answer(waiting("approval"), hass);
  find(element, "[data-key=reject]").click();
  // Somebody else approves it meanwhile.
  Object.assign(element, { job: waiting("release", { needs_code: true }) });
  await element.updateComplete;
  const code = find<HTMLInputElement>(element, "#code");
  expect(code.type).toBe("password");
  code.value = "1234";
  code.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  await vi.waitFor(() => expect(find(element, ".error")?.textContent).toContain("This is not the code"));
  expect(asked).toMatchObject([{ service: "continue_job", service_data: { reason: "release", code: "1234" } }]);
  expect(code.value).toBe("1234");
});

test.each([
  ["face_down", "top", "printed side down, the top of the pages first."],
  ["face_up", "left", "printed side up, the left edge of the pages first."],
] as const)("paper is turned as this printer takes it: %s, %s", async (put_back, edge_first, sentence) => {
  const element = await answer(waiting("turn_paper", { by_hand: { ...HAND, put_back, edge_first } }));
  find(element, "[data-key=turn]").click();
  const dialog = find<HTMLDialogElement>(element, "dialog");
  expect(dialog.open).toBe(true);
  expect(dialog.textContent).toContain("Take all 4 sheets");
  expect(dialog.textContent).toContain("Homework");
  expect(find(element, "svg").getAttribute("aria-label")).toContain(sentence);
  find(element, "[data-key=go]").click();
  await vi.waitFor(() => expect(dialog.open).toBe(false));
  expect(asked).toMatchObject([{ service: "continue_job", service_data: { reason: "turn_paper" } }]);
});

test.each([
  [true, "/config/integrations/integration/lianke", "Print a test sheet"],
  [false, null, "An administrator can"],
])("how paper is turned that nobody has tried is no fact; administrator: %s", async (is_admin, href, words) => {
  const hass = { ...makeHass(), user: { is_admin } } as ReturnType<typeof makeHass>;
  const element = await answer(waiting("turn_paper", { by_hand: { ...HAND, tested: false } }), hass);
  find(element, "[data-key=turn]").click();
  const dialog = find<HTMLDialogElement>(element, "dialog");
  expect(find(element, "svg").getAttribute("aria-label")).toMatch(/^Probably: /);
  expect(find(element, "ol li:nth-child(2)").textContent).toMatch(/^Probably: .*printed side down/);
  expect(dialog.textContent).toContain(words);
  expect(element.renderRoot.querySelector("dialog a")?.getAttribute("href") ?? null).toBe(href);
});

test("a job that waits for a person is not one that waits for the printer", () => {
  const hass = { ...makeHass(), localize: (key: string) => (key.includes("approval") ? "Waiting for approval" : "") };
  const job = waiting("approval", { by_hand: { ...HAND, half: 1 } });
  expect(jobFacts(new Localizer(hass), job).slice(0, 2)).toEqual(["Waiting for approval", "First sides"]);
  expect(summarize(makePrinter(), [job], false).held).toEqual([]);
});

test("a job ended when it ended, whatever is done with it later", () => {
  const t = new Localizer(makeHass());
  const at = "2020-11-26T06:51:34+00:00";
  expect(jobFacts(t, makeJob({ state: "failed", finished_at: at }))).toContain(t.time(at));
});

test("who rejected a job, and why, is said", () => {
  const localize = (key: string, values: Record<string, unknown> = {}) =>
    /exceptions.rejected(_by)?.message/.test(key) ? `Rejected. ${String(values["detail"])}` : "";
  const t = new Localizer({ ...makeHass(), localize });
  const job = makeJob({ state: "canceled", reason: "rejected", reason_key: "rejected_by", detail: "Anna: too many" });
  expect(jobReason(t, job)).toBe("Rejected. Anna: too many");
  expect(outcome(t, job)).toBe("Rejected. Anna: too many");
  // Others read that it was rejected, and only once.
  const seen = makeJob({ state: "canceled", reason: "rejected", reason_key: "rejected" });
  expect(jobReason(t, seen)).toBe("");
  expect(jobFacts(t, seen)[0]).toBe("Rejected");
  expect(outcome(t, seen)).toBe("Rejected");
  expect(outcome(t, makeJob({ state: "canceled", reason: "replaced" }))).toBe(t.text("state_replaced"));
});

const house = (answers: Record<string, unknown>, count = 2): HomeAssistant => {
  const ids = ["device", "other"].slice(0, count);
  return {
    ...makeHass(answers),
    entities: Object.fromEntries(
      ids.map((id) => [id, { entity_id: `notify.${id}`, platform: "lianke", device_id: id }]),
    ),
    devices: Object.fromEntries(ids.map((id) => [id, { id, name: id === "device" ? "Laser" : "Inkjet" }])),
  };
};
const OPTIONS = {
  papers: [
    { id: 9, name: "A4" },
    { id: 11, name: "A5" },
  ],
  max_copies: 5,
};
const again = (job: Job, hass: HomeAssistant) => show<Part>("lianke-reprint", { context: makeContext(hass), job });

test("a job is printed again with what was changed, and nothing else", async () => {
  localStorage.setItem("lianke-card:device", JSON.stringify({ paper: 11 }));
  const job = makeJob({ state: "failed", can_retry: true, copies: 3 });
  const dialog = await again(job, house({ "lianke/printer/options": OPTIONS, retry_job: {} }));
  const form = find<Part>(dialog, "lianke-options-form");
  await vi.waitFor(() => expect(find(form, "#paper")).not.toBeNull());
  expect(find<HTMLSelectElement>(form, "#paper").value).toBe("");
  expect(find(form, "#paper option").textContent).toBe("As before");
  const copies = find<HTMLInputElement>(form, "#copies");
  expect(copies.placeholder).toBe("3");
  copies.value = "2";
  copies.dispatchEvent(new Event("input"));
  const closed = vi.fn();
  dialog.addEventListener("reprint-closed", closed);
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  const { service_data } = asked.find((one) => one["service"] === "retry_job") ?? {};
  expect(service_data).toEqual({ device_id: "device", job_id: "job", copies: 2 });
  expect(localStorage.getItem("lianke-card:device")).toContain("11");
});

test.each([
  [true, ["paper", "quality"]],
  [false, ["paper", "orientation", "quality", "scale", "align"]],
])("sheets that were laid out (%s) are printed again as their pages lie", async (laid_out, offered) => {
  const job = makeJob({ state: "failed", can_retry: true, laid_out });
  const options = { ...OPTIONS, orientation: ["portrait", "landscape"] };
  const dialog = await again(job, house({ "lianke/printer/options": options }));
  const form = find<Part>(dialog, "lianke-options-form");
  await vi.waitFor(() => expect(find(form, "#quality")).not.toBeNull());
  const names = ["paper", "orientation", "quality", "scale", "align"];
  expect(names.filter((name) => find(form, `#${name}`))).toEqual(offered);
});

test("another printer is told what is chosen for it, and nothing is called as before that is not", async () => {
  const plan = {
    open: [{ option: "duplex", before: "long_edge", allowed: ["off"], instead: "off", must_choose: false }],
    different: [{ option: "color", before: "mono", after: "color" }],
    same: ["paper"],
  };
  const options = { ...OPTIONS, color: ["mono", "color"], duplex: ["off", "long_edge"] };
  const answers = { "lianke/printer/options": options, "lianke/jobs/plan_move": plan, retry_job: {} };
  const dialog = await again(makeJob({ state: "failed", can_retry: true }), house(answers));
  const printer = find<HTMLSelectElement>(dialog, "#printer");
  printer.value = "other";
  printer.dispatchEvent(new Event("change"));
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  const form = find<Part>(dialog, "lianke-options-form");
  await vi.waitFor(() => expect(find(form, "#color")).not.toBeNull());
  const first = (name: string) => find(form, `#${name} option`).textContent;
  expect([first("paper"), first("color"), first("quality")]).toEqual(["As before", "Default (color)", "Default"]);
  expect(find(form, "#duplex")).toBeNull();
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(asked.some((one) => one["service"] === "retry_job")).toBe(true));
  const { service_data } = asked.find((one) => one["service"] === "retry_job") ?? {};
  expect(service_data).toEqual({ device_id: "device", job_id: "job", without: ["duplex"], to_device_id: "other" });
});

test("a refused option is said at its field", async () => {
  const refused = {
    code: "service_validation_error",
    translation_domain: "lianke",
    translation_key: "too_many_copies",
    message: "Too many",
  };
  const job = makeJob({ state: "failed", can_retry: true });
  const dialog = await again(job, house({ "lianke/printer/options": OPTIONS, retry_job: refused }));
  find(dialog, "[data-key=do]").click();
  const form = find<Part>(dialog, "lianke-options-form");
  await vi.waitFor(() => expect(find(form, ".field .error")?.textContent).toContain("Too many"));
  expect(find<HTMLDialogElement>(dialog, "dialog").open).toBe(true);
});

test("a job that waits is moved to another printer", async () => {
  const job = waiting("release", { can_move: true });
  const dialog = await again(job, house({ move_job: {}, "lianke/jobs/plan_move": { open: [], different: [] } }));
  expect([...(dialog.shadowRoot?.querySelectorAll("option") ?? [])].map((one) => one.value)).toEqual(["other"]);
  expect(find(dialog, "lianke-options-form")).toBeNull();
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(announced.at(-1)).toContain("was moved"));
  expect(asked).toMatchObject([
    { type: "lianke/jobs/plan_move", device_id: "device", job_id: "job", to_device_id: "other" },
    { service: "move_job", service_data: { device_id: "device", job_id: "job", to_device_id: "other" } },
  ]);
});

const PLAN = {
  open: [
    { option: "duplex", before: "long_edge", allowed: ["off"], instead: "off", must_choose: false },
    { option: "tray", before: "Tray 1", allowed: ["Auto"], instead: null, must_choose: false },
  ],
  different: [{ option: "color", before: "mono", after: "color" }],
};
const ZH: Record<string, string> = {
  "services.print.fields.duplex.name": "双面打印",
  "services.print.fields.color.name": "颜色",
  "services.print.fields.tray.name": "纸盒",
  "selector.duplex.options.long_edge": "长边翻转",
  "selector.duplex.options.off": "关",
  "selector.color.options.mono": "黑白",
  "selector.color.options.color": "彩色",
};
const localize = (path: string) => ZH[path.replace("component.lianke.", "")] ?? "";
const moves = async (answers: object) => {
  const hass = { ...house({ move_job: {}, ...answers }), language: "zh-Hans", locale: { language: "zh-Hans" } };
  const job = waiting("release", { can_move: true });
  return again(job, { ...hass, localize } as unknown as HomeAssistant);
};
const moved = () => asked.filter(({ service }) => service === "move_job").map((one) => one["service_data"]);

test("what the other printer cannot do is chosen before the job is moved, in the words of the house", async () => {
  const dialog = await moves({ "lianke/jobs/plan_move": PLAN });
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  const moving = find<Part>(dialog, "lianke-moving");
  await moving.updateComplete;
  const said = moving.shadowRoot?.textContent?.replace(/\s+/g, " ") ?? "";
  expect(said).toContain("那台打印机做不到“长边翻转”。");
  expect(said).toContain("由那台打印机决定（关）");
  expect(said).toContain("颜色：在那台打印机上是“彩色”，原来是“黑白”。");
  expect(said).not.toMatch(/long_edge|off|mono/);
  find<HTMLSelectElement>(moving, "#tray").value = "Auto";
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(moved()).toHaveLength(1));
  const ids = { device_id: "device", job_id: "job", to_device_id: "other" };
  expect(moved()[0]).toEqual({ ...ids, tray: "Auto", without: ["duplex"] });
});

test("what the other printer does by itself is offered once", async () => {
  const allowed = ["off", "long_edge"];
  const open = [
    { option: "duplex", before: "short_edge", allowed, instead: "off", must_choose: false },
    { option: "tray", before: "Tray 1", allowed: ["Auto"], instead: "Auto", must_choose: true },
  ];
  const dialog = await moves({ "lianke/jobs/plan_move": { open, different: [] } });
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  const moving = find<Part>(dialog, "lianke-moving");
  await moving.updateComplete;
  const offered = (id: string) => [...find<HTMLSelectElement>(moving, id).options].map((one) => one.text);
  expect(offered("#duplex")).toEqual(["由那台打印机决定（关）", "长边翻转"]);
  expect(offered("#tray")).toEqual(["请选择", "Auto"]);
});

test("a dialog that asks where to stays while the job is marked as moving, and says what was refused", async () => {
  const refused = { code: "service_validation_error", message: "Too many pages there" };
  let refuse: (error: unknown) => void = () => undefined;
  const answers = {
    "lianke/jobs/plan_move": { open: [], different: [] },
    move_job: new Promise((_, reject) => (refuse = reject)),
  };
  const job = waiting("release", { can_move: true });
  const jobs = await show<Part>("lianke-jobs", { context: makeContext(house(answers)), open: [job], mayControl: true });
  const actions = await vi.waitFor(() => find<Part>(jobs, "lianke-job-actions"));
  await actions.updateComplete;
  find(actions, "[data-key^=move_job]").click();
  await vi.waitFor(() => expect(find(actions, "lianke-reprint")).not.toBeNull());
  const dialog = find<Part>(actions, "lianke-reprint");
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(moved()).toHaveLength(1));
  Object.assign(jobs, { open: [{ ...job, can_move: false, can_continue: false }] });
  await jobs.updateComplete;
  await dialog.updateComplete;
  expect(find<HTMLDialogElement>(dialog, "dialog").getAttribute("aria-label")).toContain("Move to another printer");
  expect(find(dialog, "lianke-options-form")).toBeNull();
  refuse(refused);
  Object.assign(jobs, { open: [job] });
  await vi.waitFor(() => expect(find(dialog, "[role=alert]")?.textContent).toContain("Too many pages there"));
  expect(dialog.isConnected).toBe(true);
  find(dialog, "[data-key=no]").click();
  await vi.waitFor(() => expect(find(actions, "lianke-reprint")).toBeNull());
  expect(find(actions, "[data-key^=move_job]")).not.toBeNull();
});

test("why a printer takes nothing is said as soon as it is chosen, and one that has no driver is not to be chosen", async () => {
  const refused = { code: "service_validation_error", message: "No such paper" };
  const hass = house({ "lianke/jobs/plan_move": Promise.reject(refused) }, 2);
  const status = { entity_id: "sensor.new", platform: "lianke", device_id: "new", translation_key: "status" };
  const notify = { entity_id: "notify.new", platform: "lianke", device_id: "new" };
  const dialog = await again(waiting("release", { can_move: true }), {
    ...hass,
    entities: { ...hass.entities, status, notify },
    devices: { ...hass.devices, new: { id: "new", name: "A new one" } },
    states: { "sensor.new": { state: "awaiting_driver" } },
  } as unknown as HomeAssistant);
  const select = find<HTMLSelectElement>(dialog, "#printer");
  expect([...select.options].map((one) => [one.text, one.disabled])).toEqual([
    ["A new one (awaiting driver)", true],
    ["Inkjet", false],
  ]);
  expect(select.value).toBe("other");
  await vi.waitFor(() => expect(find(dialog, "[role=alert]")?.textContent).toContain("No such paper"));
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  await vi.waitFor(() => expect(find(dialog, "[role=alert]")?.textContent).toContain("No such paper"));
  expect(find<HTMLDialogElement>(dialog, "dialog").open).toBe(true);
  expect(moved()).toEqual([]);
});

test("where the other printer has one way only, nothing is to be chosen", async () => {
  const dialog = await moves({ "lianke/jobs/plan_move": PLAN });
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  const moving = find<Part>(dialog, "lianke-moving");
  await moving.updateComplete;
  expect(find(moving, "#duplex")).toBeNull();
  expect(find(moving, "#tray")).not.toBeNull();
  expect(moving.shadowRoot?.textContent?.replace(/\s+/g, " ")).toContain("双面打印：由那台打印机决定（关）。");
});

test.each([
  ["the question", PLAN],
  ["what is different there", { ...PLAN, open: [] }],
])("a job is not moved by a press that came before %s", async (_, plan) => {
  let answer: (plan: unknown) => void = () => undefined;
  const dialog = await moves({ "lianke/jobs/plan_move": new Promise((resolve) => (answer = resolve)) });
  find(dialog, "[data-key=do]").click();
  answer(plan);
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  await vi.waitFor(() => expect(find(dialog, "[data-key=do]").ariaDisabled).not.toBe("true"));
  expect(moved()).toEqual([]);
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(moved()).toHaveLength(1));
});

test("paper of another size is chosen, or the job stays", async () => {
  const open = [{ option: "paper", before: "A4", allowed: ["100 x 150 mm"], instead: "60 x 40 mm", must_choose: true }];
  const dialog = await moves({ "lianke/jobs/plan_move": { open, different: [] } });
  await vi.waitFor(() => expect(find(dialog, "lianke-moving")).not.toBeNull());
  const moving = find<Part>(dialog, "lianke-moving");
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(find(moving, ".error")?.textContent).toContain("请先选择"));
  expect(moved()).toEqual([]);
  find<HTMLSelectElement>(moving, "#paper").value = "100 x 150 mm";
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(moved()).toMatchObject([{ paper: "100 x 150 mm" }]));
});

test("what is refused is said in the user's words, whatever the house calls it", async () => {
  const refused = {
    code: "service_validation_error",
    message: "This printer has no duplex mode Long edge (long_edge). Allowed: off",
    translation_domain: "lianke",
    translation_key: "duplex_not_available",
    translation_placeholders: {
      option: "Both sides (duplex)",
      option_key: "duplex",
      value: "Long edge (long_edge)",
      value_key: "long_edge",
      allowed: "off",
      allowed_key: "off",
    },
  };
  const text = (path: string, values: Record<string, string> = {}) =>
    path.endsWith("duplex_not_available.message")
      ? `此打印机不支持双面模式“${values["value"]}”。可用的有：${values["allowed"]}`
      : localize(path);
  const hass = { ...house({}), language: "zh-Hans", locale: { language: "zh-Hans" }, localize: text };
  const context = makeContext({ ...hass, loadBackendTranslation: async () => text } as unknown as HomeAssistant);
  expect(await context.explain(refused)).toBe("此打印机不支持双面模式“长边翻转”。可用的有：关");
});

test("after a jam both sides by hand begin anew from a sheet", async () => {
  const job = makeJob({ state: "failed", can_retry: true, by_hand: HAND });
  const dialog = await again(job, house({ retry_job: {} }));
  const sheet = find<HTMLInputElement>(dialog, "#sheet");
  sheet.value = "0";
  find(dialog, "[data-key=do]").click();
  await dialog.updateComplete;
  expect(find(dialog, ".error").textContent).toContain("from 1 on");
  expect(asked).toHaveLength(0);
  sheet.value = "3";
  find<HTMLInputElement>(dialog, "#backs").checked = true;
  find(dialog, "[data-key=do]").click();
  await vi.waitFor(() => expect(asked).toHaveLength(1));
  expect(asked[0]?.["service_data"]).toEqual({
    device_id: "device",
    job_id: "job",
    from_sheet: 3,
    backs_only: true,
  });
});

test.each([
  [2, true],
  [1, false],
])("with %i printers a job can be moved: %s", async (count, offered) => {
  const jobs = await show<Part>("lianke-jobs", {
    context: makeContext(house({}, count)),
    open: [waiting("release", { can_move: true })],
    mayControl: true,
  });
  const actions = find<Part>(jobs, "lianke-job-actions");
  await actions?.updateComplete;
  const button = actions && find(actions, "[data-key^=move_job]");
  expect(button?.textContent?.trim()).toBe(offered ? "Move to another printer" : undefined);
});

test("what may be printed as often as one likes is not promised to print once", async () => {
  const job = makeJob({ can_print_again: true });
  const context = makeContext(house({ retry_job: { code: 3 } }));
  const jobs = await show<Part>("lianke-jobs", { context, finished: [job], mayControl: true });
  const actions = await unfold(jobs);
  find(find(actions, "lianke-ask"), "button").click();
  await vi.waitFor(() => expect(find(actions, ".error")?.textContent).toContain("could print twice"));
});
