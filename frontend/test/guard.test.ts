/*
 * Every control of the card, pressed twice at one spot by a real finger and a real mouse, in every state: only what was
 * pressed happens. What one press brings about is seen first; the second may bring about no more than that.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { cdp } from "vitest/browser";
import type { LiankeCard } from "../src/card";
import { SCENES, all, elsewhere, pace, set, settle, type Scene } from "./scenes";
import { asked } from "./stand-in";

vi.mock("../src/print/upload", () => ({ upload: async () => "file" }));

interface Spot {
  name: string;
  x: number;
  y: number;
}

interface Session {
  send(method: string, params: object): Promise<unknown>;
}

const GAPS = [100, 350, 700, 1200]; // ms
const CONTROLS = "button, a[href], input[type=file], summary";
/* Commands that change something, and those that only show. */
const ACTS = ["print", "cancel_job", "retry_job", "move_job", "continue_job", "reject_job", "scan", "cancel_scan"];

const nameOf = (one: HTMLElement) =>
  one.dataset["key"] ?? one.ariaLabel ?? one.id + (one.textContent?.trim().slice(0, 30) ?? one.localName);

/* Whether a place of the window belongs to a control. */
const isAt = (control: HTMLElement, { x, y }: Spot) => {
  let hit: Element | null = null;
  for (let root: DocumentOrShadowRoot | null = document; root; root = hit?.shadowRoot ?? null) {
    const next: Element | null = root.elementFromPoint(x, y);
    if (!next || next === hit) break;
    hit = next;
  }
  return hit?.closest(CONTROLS) === control;
};

/* Return where a control can be pressed; undefined where it is hidden, or below a dialog. */
const spotOf = (control: HTMLElement): Spot | undefined => {
  control.scrollIntoView({ block: "nearest" });
  const box = control.getBoundingClientRect();
  const spot = { name: nameOf(control), x: box.left + box.width / 2, y: box.top + box.height / 2 };
  return box.width && isAt(control, spot) ? spot : undefined;
};

/* The page of a test is a frame, drawn smaller than it is. */
const onScreen = ({ x, y }: Spot) => {
  const frame = (window.frameElement as HTMLElement).getBoundingClientRect();
  const scale = frame.width / innerWidth;
  return { x: frame.left + x * scale, y: frame.top + y * scale };
};
const session = () => cdp() as unknown as Session;

const DEVICES: Record<string, (spot: Spot) => Promise<void>> = {
  mouse: async (spot) => {
    const at = { ...onScreen(spot), button: "left", clickCount: 1 };
    await session().send("Input.dispatchMouseEvent", { ...at, type: "mousePressed" });
    await session().send("Input.dispatchMouseEvent", { ...at, type: "mouseReleased" });
  },
  finger: async (spot) => {
    const touchPoints = [onScreen(spot)];
    await session().send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints });
    await session().send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  },
};

/* What happened: what Home Assistant was asked to do, and what was opened. */
const effects = () => {
  const acts = asked
    .filter(
      ({ type, service }) =>
        ["call_service", "lianke/jobs/confirm", "lianke/printed/keep"].includes(String(type)) ||
        ACTS.includes(String(service)),
    )
    .map((message) => JSON.stringify(message).replace(/"(request_id|document|upload)":"[^"]*",?/g, ""));
  const dialogs = all("dialog[open]").map((one) => `dialog ${one.ariaLabel}`);
  return [...acts, ...dialogs, ...elsewhere];
};

beforeAll(() => {
  // The page is not left, and the system's file chooser does not open.
  window.addEventListener("click", (event) => {
    const link = event.composedPath().find((one) => one instanceof HTMLAnchorElement);
    const [target] = event.composedPath();
    const isChooser = target instanceof HTMLInputElement && target.type === "file";
    if (!link && !isChooser) return;
    event.preventDefault();
    elsewhere.push(link ? link.href : "file chooser");
  });
});
beforeEach(() => session().send("Emulation.setTouchEmulationEnabled", { enabled: true }) as Promise<void>);
afterEach(() => {
  pace.answer = 0;
  document.body.replaceChildren();
});

/* What takes minutes is for the full form of the tests: in the short one each state and control is pressed in one way. */
const isFull = Boolean((import.meta as unknown as { env: Record<string, string> }).env["VITE_FULL"]);
const cases = Object.keys(SCENES).flatMap((scene) =>
  Object.keys(DEVICES)
    .filter((_, at) => isFull || at === 0)
    .map((device) => [scene, device] as const),
);

test.each(cases)(
  "a card %s, pressed twice by a %s, does what was pressed",
  { timeout: 240_000 },
  async (name, device) => {
    const scene = SCENES[name] as Scene;
    const press = DEVICES[device] as (spot: Spot) => Promise<void>;
    await set(scene);
    const count = all(CONTROLS).length;
    const wrong: string[] = [];
    const seen: string[] = [];
    /* Press a control of a new card, once or twice; undefined where it cannot be pressed. */
    const pressed = async (at: number, gap: number | null) => {
      await set(scene);
      const one = all(CONTROLS)[at] as HTMLElement;
      const spot = spotOf(one);
      if (!spot) return undefined;
      await press(spot);
      await settle(gap ?? 100);
      if (gap) await press(spot);
      await settle(1000);
      return { name: spot.name, done: effects(), stays: isAt(one, spot) };
    };
    for (let at = 0; at < count; at++) {
      const once = await pressed(at, null);
      if (!once) continue;
      seen.push(once.name);
      // Where nothing has moved, one way of pressing twice is like another.
      for (const gap of once.stays || !isFull ? GAPS.slice(1, 2) : GAPS) {
        const more = (await pressed(at, gap))?.done.filter((act) => !once.done.includes(act)) ?? ["gone"];
        if (more.length) wrong.push(`${once.name}, again after ${gap} ms: ${more.join(" | ")}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(seen).toEqual(expect.arrayContaining(scene.pressed));
  },
);

const control = (key: string) => all(`[data-key=${key}]`)[0] as HTMLElement;
/* Show a state, and return where one of its controls is. */
const spotIn = async (scene: string, key: string): Promise<Spot> => {
  await set(SCENES[scene] as Scene);
  return spotOf(control(key)) as Spot;
};
const services = () => asked.filter(({ service }) => ACTS.includes(String(service))).map(({ service }) => service);
const jobs = () => asked.map(({ service_data: data }) => (data as { job_id?: string } | undefined)?.job_id);

describe.each(Object.entries(DEVICES))("a %s", (_, press) => {
  test("that presses too early has no effect at all, and moves no focus", async () => {
    const spot = await spotIn("with jobs that ask", "cancel-a");
    await press(spot);
    await settle(350);
    expect(isAt(control("cancel-b"), spot)).toBe(true);
    const focused = () => all("*").filter((one) => one.shadowRoot?.activeElement);
    const before = focused();
    const heard: string[] = [];
    const types = ["pointerdown", "mousedown", "touchstart", "touchend", "pointerup", "mouseup", "click"];
    const stop = new AbortController();
    for (const type of types)
      document.addEventListener(type, () => heard.push(type), { capture: true, signal: stop.signal });
    await press(spot);
    await settle(100);
    stop.abort();
    expect([heard, focused(), jobs()]).toEqual([[], before, ["a"]]);
  });

  test("that goes on pressing has not been away, and one that has been may press what is there", async () => {
    const spot = await spotIn("with jobs that ask", "cancel-a");
    for (let n = 0; n < 5; n++) {
      await press(spot);
      await settle(700);
    }
    expect(jobs()).toEqual(["a"]);
    await settle(1600);
    await press(spot);
    expect(jobs()).toEqual(["a", "b"]);
  });

  test("that presses something else, which has not moved, is answered at once, however near that is", async () => {
    await set(SCENES["with jobs that wait"] as Scene);
    const [note, hello] = ["button-1", "button-2"].map((key) => control(key).getBoundingClientRect());
    const middle = (note as DOMRect).top + 20;
    await press({ name: "note", x: (note as DOMRect).right - 6, y: middle });
    await press({ name: "hello", x: (hello as DOMRect).left + 6, y: middle });
    await vi.waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["print", "turn_on"]));
  });

  test("that waits for a slow print presses nothing else when its form is gone at last", async () => {
    const spot = await spotIn("with a single file", "print");
    pace.answer = 3000;
    await press(spot);
    await settle(3600);
    await vi.waitFor(() => expect(all("[data-key=print]")).toEqual([]));
    await settle(300);
    await press(spot);
    await settle(4000);
    expect([services(), elsewhere]).toEqual([["print"], []]);
  });
});

test("the keyboard, and what presses for who does not see the screen, are answered at once", async () => {
  const spot = await spotIn("with jobs that ask", "cancel-a");
  await DEVICES["finger"]?.(spot);
  await settle(100);
  control("cancel-b").click();
  await settle(100);
  // As TalkBack does it: a click without a finger.
  control("cancel-c").dispatchEvent(new MouseEvent("click", { detail: 1, bubbles: true, composed: true }));
  expect(jobs()).toEqual(["a", "b", "c"]);
});

/* Have somebody else, or the printer, do something with a job. */
const elsewhereDone = async (service: string, job_id: string) => {
  const { hass } = document.querySelector("lianke-card") as LiankeCard;
  await hass.callWS({ type: "lianke/action", service, service_data: { job_id } });
  await settle(100);
  asked.length = 0;
};

test("a button is pressed though a job comes and moves it while it is held down", async () => {
  const spot = await spotIn("with jobs that wait", "button-1");
  const at = { ...onScreen(spot), button: "left", clickCount: 1 };
  await session().send("Input.dispatchMouseEvent", { ...at, type: "mousePressed" });
  await elsewhereDone("retry_job", "one");
  expect(isAt(control("button-1"), spot)).toBe(true);
  await session().send("Input.dispatchMouseEvent", { ...at, type: "mouseReleased" });
  await settle(100);
  await vi.waitFor(() => expect(services()).toEqual(["print"]));
  // Then it is drawn, and is elsewhere.
  await vi.waitFor(() => expect(isAt(control("button-1"), spot)).toBe(false));
});

test.each(Object.entries(DEVICES))(
  "a %s that comes just after somebody else has moved the list presses nothing else",
  async (_, press) => {
    const spot = await spotIn("with jobs that ask", "cancel-a");
    await elsewhereDone("cancel_job", "a");
    expect(isAt(control("cancel-b"), spot)).toBe(true);
    await press(spot);
    await settle(700);
    await press(spot);
    expect(jobs()).toEqual([]);
    await settle(1600);
    await press(spot);
    expect(jobs()).toEqual(["b"]);
  },
);
