import { beforeEach, expect, test, vi } from "vitest";
import "../src/components/ask";
import "../src/components/header";
import "../src/components/inks";
import "../src/components/jobs";
import "../src/components/notes";
import "../src/components/quick-buttons";
import type { LiankeJobs } from "../src/components/jobs";
import { createEditor } from "../src/editor";
import { SECTIONS } from "../src/config";
import type { Part } from "../src/components/part";
import { Batch } from "../src/print/batch";
import "../src/print/tray";
import { summarize } from "../src/summary";
import { asked, find, makeContext, makeHass, makeJob, makePrinter, show } from "./stand-in";

beforeEach(() => void (asked.length = 0));

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
  const ask = find<Part>(jobs, "lianke-ask");
  find(ask, "button").click();
  await ask.updateComplete;
  expect(asked).toHaveLength(0);
  expect(ask.shadowRoot?.activeElement?.textContent?.trim()).toBe("No");
  find(ask, "[data-key=yes]").click();
  await vi.waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["retry_job"]));
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

test("quick buttons are for who may print", async () => {
  const buttons = [{ entity: "todo.list" }, { entity: "script.hello" }];
  const context = makeContext(makeHass(), { buttons });
  const reader = { device: makePrinter({ may_control: false }) };
  const shown = await show<Part>("lianke-quick-buttons", { context, printers: reader });
  expect(shown.hidden).toBe(true);
  Object.assign(shown, { printers: { device: makePrinter() } });
  await shown.updateComplete;
  expect(shown.shadowRoot?.querySelectorAll("button")).toHaveLength(2);
});

test("files are sorted by the arrow keys, and the handle keeps the focus", async () => {
  const context = makeContext(makeHass({ "lianke/printer/options": {} }));
  const batch = new Batch(context, "device");
  batch.add(["a", "b"].map((name) => new File(["x"], name)));
  const tray = await show<Part>("lianke-tray", { context, batch });
  const handle = find(tray, ".handle");
  handle.focus();
  handle.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  await tray.updateComplete;
  expect(batch.items.map(({ name }) => name)).toEqual(["b", "a"]);
  expect(tray.shadowRoot?.activeElement).toBe(handle);
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
});
