/* The whole card in every state, with a fake Home Assistant whose jobs change as they are asked to. */
import { expect, vi } from "vitest";
import "../src/card";
import "../src/components/answer";
import "../src/components/printer-events";
import "../src/components/inks";
import "../src/components/job-actions";
import "../src/components/jobs";
import "../src/components/notes";
import "../src/components/plug";
import "../src/components/quick-buttons";
import "../src/components/scan-buttons";
import "../src/components/source";
import "../src/editor";
import "../src/print/reprint";
import "../src/print/print";
import "../src/refusals";
import "../src/scan/scan";
import type { LiankeCard } from "../src/card";
import type { Scan, Scanner } from "../src/scan/types";
import type { Feed, HomeAssistant, Job } from "../src/types";
import { asked, makeHass, makeJob, makePrinter } from "./stand-in";

/* What presses did apart from commands: opened details or links, or reached what is below the card. */
export const elsewhere: string[] = [];
/* Whether Home Assistant refuses to run actions of others. */
export const home = { refuses: false };
/* ms until Home Assistant answers a command. */
export const pace = { answer: 0 };
/* What Home Assistant sends by itself: jobs and printers once more, or the state of a scan. */
export const news: { again: () => void; scan: (scan: Partial<Scan>) => void } = { again: () => {}, scan: () => {} };

/* Home Assistant, as far as the card sees it: jobs change a moment after a command, as they do there. */
const makeHome = (jobs: Job[], printer: Partial<Feed["printers"][string]>, language: string) => {
  let tell: (feed: Feed) => void = () => undefined;
  let made = 0;
  const feed = (): Feed => ({
    printers: { device: makePrinter({ keeps_printed: true, scanner: "scanner", ...printer }), other: makePrinter() },
    jobs: [...jobs],
  });
  const change = (id: unknown, changes: Partial<Job>) => {
    jobs = jobs.map((job) => (job.job_id === id ? { ...job, ...changes } : job));
  };
  const add = () => {
    jobs = [makeJob({ job_id: `new-${++made}`, title: `New ${made}`, state: "queued", can_cancel: true }), ...jobs];
  };
  const over = { can_cancel: false, can_continue: false, may_answer: false, waits_for: [] };
  const acts: Record<string, (id: unknown) => void> = {
    print: add,
    retry_job: add,
    cancel_job: (id) => change(id, { ...over, state: "canceled", can_print_again: true }),
    reject_job: (id) => change(id, { ...over, state: "canceled", reason: "rejected" }),
    move_job: (id) => change(id, { ...over, state: "canceled", reason: "moved" }),
    continue_job: (id) => change(id, { ...over, state: "queued", hold_reason: null }),
  };
  const base = makeHass({}, language);
  let tellScan: (scanners: object) => void = () => undefined;
  news.again = () => tell(feed());
  news.scan = (scan) => tellScan({ scanners: [{ ...SCANNER, scan }] });
  const hass = {
    ...base,
    devices: { device: { id: "device", name: "Laser" }, other: { id: "other", name: "Inkjet" } },
    entities: Object.fromEntries(
      ["device", "other"].flatMap((id) => [
        [`notify.${id}`, { entity_id: `notify.${id}`, device_id: id, platform: "lianke" }],
        [`sensor.${id}`, { entity_id: `sensor.${id}`, device_id: id, platform: "lianke", translation_key: "status" }],
      ]),
    ),
    states: {
      "todo.list": { entity_id: "todo.list", state: "3", attributes: { friendly_name: "Groceries" } },
      "switch.plug": { entity_id: "switch.plug", state: "off", attributes: {} },
      "script.hello": { entity_id: "script.hello", state: "off", attributes: { friendly_name: "Hello" } },
    },
    callService: async (domain: string, service: string, _data: object, target: object) => {
      if (home.refuses) throw new Error("no current");
      asked.push({ type: "call_service", domain, service, target });
      return { context: { id: "press" } };
    },
    callWS: async (message: Record<string, unknown>) => {
      const { type, service, service_data } = message as {
        type: string;
        service: string;
        service_data?: { job_id?: unknown };
      };
      asked.push(message);
      if (pace.answer) await new Promise((resolve) => setTimeout(resolve, pace.answer));
      if (type === "lianke/action") {
        setTimeout(() => {
          acts[service]?.(service_data?.job_id);
          tell(feed());
        }, 30);
        return {
          response: service === "preview" ? { document: "kept", pages: 1, images: ["/x"], drawn_by: "here" } : {},
        };
      }
      if (type === "lianke/jobs/confirm")
        setTimeout(() => (change(message["job_id"], { state: "completed" }), tell(feed())), 30);
      if (type === "lianke/printer/options")
        return {
          papers: [
            { id: 9, name: "A4" },
            { id: 11, name: "A5" },
          ],
          duplex: ["off", "long_edge"],
        };
      if (type === "auth/sign_path") return { path: message["path"] };
      if (type === "lianke/jobs/plan_move") return { open: [], different: [] };
      if (type === "media_source/browse_media") return FOLDERS[String(message["media_content_id"] ?? "")];
      return { path: "", ...(type === "call_service" ? { context: { id: "press" } } : {}) };
    },
    connection: {
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
      subscribeMessage: async (receive: (data: unknown) => void, { type }: { type: string }) => {
        if (type === "lianke/jobs/subscribe") {
          tell = receive;
          receive(feed());
        } else {
          tellScan = receive;
          receive({ scanners: [SCANNER] });
        }
        return async () => undefined;
      },
    },
  } as unknown as HomeAssistant;
  return { hass };
};

const file = (title: string, id = `media-source://${title}`) => ({
  title,
  media_content_id: id,
  media_content_type: "image/jpeg",
  media_class: "image",
  can_play: true,
  can_expand: false,
});
const folder = (title: string, children: object[]) => ({
  title,
  media_content_id: `media-source://${title}`,
  media_content_type: "app",
  media_class: "directory",
  can_play: false,
  can_expand: true,
  children,
});
const FOLDERS: Record<string, object> = {
  "": { ...folder("Media", [folder("Photos", []), folder("Scans", []), file("top.jpg")]), media_content_id: "" },
  "media-source://Photos": folder("Photos", [file("a.jpg"), file("b.jpg"), file("c.jpg")]),
  "media-source://Scans": folder("Scans", [file("d.jpg"), file("e.jpg"), file("f.jpg")]),
};
const SCANNER: Scanner = {
  device_id: "scanner",
  name: "Laser",
  present: true,
  status: "idle",
  sources: ["feeder", "glass"],
  colors: ["color", "gray"],
  sizes: ["A4", "A5"],
  duplex: true,
  printer: "device",
  hand_on: null,
  send_to: [],
  scan: null,
};
const BUTTONS = [
  { entity: "todo.list", name: "Groceries" },
  { name: "Note", data: { text: "Back at six" } },
  { entity: "script.hello" },
  { name: "Menu", data: { file: "/menu.pdf" } },
];
const approval = (job_id: string) =>
  makeJob({
    job_id,
    title: job_id,
    state: "held",
    hold_reason: "approval",
    waits_for: ["approval"],
    can_continue: true,
    may_answer: true,
    can_cancel: true,
  });

let card: LiankeCard;
/* Makes each configuration unique, since a card takes over the files of a replaced one with the same configuration. */
let cards = 0;
const deep = (root: ParentNode, selector: string): HTMLElement[] =>
  [...root.querySelectorAll<HTMLElement>("*")].flatMap((one) => [
    ...(one.matches(selector) ? [one] : []),
    ...(one.shadowRoot ? deep(one.shadowRoot, selector) : []),
  ]);
export const all = (selector: string) => deep(card.shadowRoot as ShadowRoot, selector);
/* Resolves once all that has begun is drawn, without waiting for real time. */
export const settle = async (ms = 0) => {
  if (ms) await vi.advanceTimersByTimeAsync(ms);
  for (let n = 0; n < 2; n++) await new Promise((resolve) => requestAnimationFrame(resolve));
};
const open = async (selector: string, at = 0) => {
  (all(selector)[at] as HTMLElement).click();
  await settle(600);
};

export interface Scene {
  /* Names of some controls that tests must find there. */
  pressed: string[];
  jobs?: Job[];
  printer?: Partial<Feed["printers"][string]>;
  config?: object;
  then?: () => Promise<void>;
}

export const SCENES: Record<string, Scene> = {
  "at rest": {
    pressed: ["print", "out-three", "toggle", "button-1"],
    jobs: [
      makeJob({ job_id: "one", title: "One", can_print_again: true }),
      makeJob({ job_id: "two", title: "Two", state: "failed", can_retry: true, detail: "No." }),
      makeJob({ job_id: "three", title: "Three", state: "unconfirmed", can_retry: true }),
      makeJob({ job_id: "four", title: "Four", can_print_again: true }),
      makeJob({ job_id: "five", title: "Five", can_print_again: true }),
    ],
    config: { source_entity: "todo.list", history: 3 },
    then: () => open("[data-key=more-one]"),
  },
  "with jobs that wait": {
    pressed: ["ask", "cancel-one", "move_job-two"],
    printer: { status: "box_offline" },
    jobs: ["three", "two", "one"].map((id) =>
      makeJob({ job_id: id, title: id, state: "held", hold_reason: "box_offline", can_cancel: true, can_move: true }),
    ),
  },
  "with jobs that ask": {
    pressed: ["approve", "reject", "cancel-a"],
    jobs: [approval("c"), approval("b"), approval("a")],
  },
  "with a question open": {
    pressed: ["yes", "no"],
    jobs: [
      makeJob({ job_id: "one", state: "unconfirmed", can_retry: true }),
      makeJob({ job_id: "two", can_print_again: true }),
    ],
    then: async () => void (await open("[data-key=ask]")),
  },
  "with a release": {
    pressed: ["release", "go"],
    jobs: [
      { ...approval("b"), hold_reason: "release", waits_for: ["release"] },
      { ...approval("a"), hold_reason: "turn_paper", waits_for: ["turn_paper"] },
    ],
  },
  "with files to print": {
    pressed: ["print", "clear", "button-1"],
    jobs: [makeJob({ job_id: "one", title: "One", can_print_again: true })],
    then: async () => {
      const files = ["a.docx", "b.docx", "c.docx"].map((name) => new File(["x"], name));
      all("lianke-file-chooser")[0]?.dispatchEvent(
        new CustomEvent("files-chosen", { detail: files, bubbles: true, composed: true }),
      );
      await vi.waitFor(() => expect(all("[data-key=print]")).toHaveLength(1));
      await settle(600);
    },
  },
  "with a single file": {
    pressed: ["print", "clear", "button-1"],
    jobs: [makeJob({ job_id: "one", title: "One", can_print_again: true })],
    then: async () => {
      all("lianke-file-chooser")[0]?.dispatchEvent(
        new CustomEvent("files-chosen", { detail: [new File(["x"], "a.docx")], bubbles: true, composed: true }),
      );
      await vi.waitFor(() => expect(all("[data-key=print]")).toHaveLength(1));
      await settle(600);
    },
  },
  "with its plug off": {
    pressed: ["plug", "media"],
    config: { plug: "switch.plug" },
    printer: { status: "disconnected" },
    jobs: [makeJob({ job_id: "one", title: "One", state: "held", hold_reason: "disconnected", can_cancel: true })],
  },
  "with the media library": { pressed: ["Photos", "top.jpg", "close"], then: () => open("[data-key=media]") },
  "with the scanner": { pressed: ["close"], then: () => open("[data-key=scan]") },
  "with a dialog to print again": {
    pressed: ["do", "no", "close"],
    jobs: [makeJob({ job_id: "one", title: "One", can_print_again: true })],
    then: async () => {
      await open("[data-key=more-one]");
      await open("[data-key^=other_options]");
    },
  },
};

export const set = async (scene: Scene, language = "en") => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval", "performance"] });
  localStorage.clear();
  asked.length = 0;
  elsewhere.length = 0;
  // What is below the card on a dashboard: it moves up when the card gets shorter.
  const below = document.createElement("div");
  below.style.height = "3000px";
  below.addEventListener("click", () => elsewhere.push("below"));
  card = document.createElement("lianke-card") as LiankeCard;
  card.addEventListener("hass-more-info", (event) =>
    elsewhere.push(`details ${JSON.stringify((event as CustomEvent).detail)}`),
  );
  card.setConfig({ type: "custom:lianke-card", devices: ["device"], buttons: BUTTONS, ...scene.config, made: ++cards });
  card.hass = makeHome(scene.jobs ?? [], scene.printer ?? {}, language).hass;
  document.body.replaceChildren(card, below);
  await vi.waitFor(() =>
    expect(all("lianke-quick-buttons, lianke-simple")[0]?.shadowRoot?.querySelector("button")).toBeTruthy(),
  );
  await settle(100);
  await scene.then?.();
  // All of that is long over, and no finger is on the card.
  await settle(3000);
  window.dispatchEvent(new KeyboardEvent("keydown"));
  asked.length = 0;
  elsewhere.length = 0;
};
