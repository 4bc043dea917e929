/* Presses every control of the card twice at one spot, by a real finger and a real mouse, in every state. A single
   press shows what the control does; the second press of two must not do anything more. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { cdp } from "vitest/browser";
import type { LiankeCard } from "../src/card";
import type { Job } from "../src/types";
import { SCENES, all, elsewhere, news, pace, set, settle, type Scene } from "./scenes";
import { asked, makeJob } from "./stand-in";

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
/* Actions that change something. */
const ACTS = ["print", "cancel_job", "retry_job", "move_job", "continue_job", "reject_job", "scan", "cancel_scan"];

const nameOf = (one: HTMLElement) =>
  one.dataset["key"] ?? one.ariaLabel ?? one.id + (one.textContent?.trim().slice(0, 30) ?? one.localName);

/* Whether a control is what the window shows at a spot. */
const isAt = (control: HTMLElement, { x, y }: Spot) => {
  let hit: Element | null = null;
  for (let root: DocumentOrShadowRoot | null = document; root; root = hit?.shadowRoot ?? null) {
    const next: Element | null = root.elementFromPoint(x, y);
    if (!next || next === hit) break;
    hit = next;
  }
  return hit?.closest(CONTROLS) === control;
};

/* The middle of a control, scrolled into view; undefined if it is hidden or below a dialog. */
const spotOf = (control: HTMLElement): Spot | undefined => {
  control.scrollIntoView({ block: "nearest" });
  const box = control.getBoundingClientRect();
  const spot = { name: nameOf(control), x: box.left + box.width / 2, y: box.top + box.height / 2 };
  return box.width && isAt(control, spot) ? spot : undefined;
};

/* Vitest shows the page of a test in a frame that it scales down. */
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

/* What the presses did: commands, open dialogs, and effects outside the card. */
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
  // Stay on the page, and do not open the system's file chooser.
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

/* The full form takes minutes; the short one presses with one device, and after one gap. In the full form the devices
   take turns, scene by scene: all of them on all scenes took a quarter of an hour. */
const isFull = Boolean((import.meta as unknown as { env: Record<string, string> }).env["VITE_FULL"]);
const devices = Object.keys(DEVICES);
const cases = Object.keys(SCENES).map(
  (scene, at) => [scene, devices[isFull ? at % devices.length : 0] as string] as const,
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
    /* Presses a control of a new card, again after gap (ms) if there is one; undefined if it cannot be pressed. */
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
      // Where nothing has moved, one gap is like another.
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
const spotIn = async (scene: string, key: string): Promise<Spot> => {
  await set(SCENES[scene] as Scene);
  return spotOf(control(key)) as Spot;
};
const services = () => asked.filter(({ service }) => ACTS.includes(String(service))).map(({ service }) => service);
/* The jobs that commands were for; the card also asks for what it shows, which may come late. */
const jobs = () => asked.flatMap(({ service_data: data }) => (data as { job_id?: string } | undefined)?.job_id ?? []);

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

  test("that tries again each second cancels one job after the other", async () => {
    const spot = await spotIn("with jobs that ask", "cancel-a");
    const canceled = [];
    for (let second = 0; second < 3; second++) {
      await press(spot);
      canceled.push(jobs());
      for (let n = 0; n < 10; n++) await settle(100);
    }
    expect(canceled).toEqual([["a"], ["a"], ["a", "b"]]);
  });

  test("that presses something else, which has not moved, is answered at once, however near that is", async () => {
    await set(SCENES["with jobs that wait"] as Scene);
    const [note, hello] = ["button-1", "button-2"].map((key) => control(key).getBoundingClientRect());
    const middle = (note as DOMRect).top + 20;
    await press({ name: "note", x: (note as DOMRect).right - 6, y: middle });
    await press({ name: "hello", x: (hello as DOMRect).left + 6, y: middle });
    await vi.waitFor(() => expect(asked.map(({ service }) => service)).toEqual(["print", "turn_on"]));
  });

  test("that presses the one button of a sentence twice does nothing to the job of the next sentence", async () => {
    const finished_at = new Date().toISOString();
    for (const next of [
      { state: "held", hold_reason: "quiet_hours", can_cancel: true },
      { state: "failed", can_retry: true, finished_at },
    ]) {
      // The card remembers what somebody has seen.
      const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
      const list = [makeJob({ job_id: one, finished_at }), makeJob({ job_id: other, title: "B", ...next })];
      await set({ pressed: [], config: { show: "simple" }, jobs: list });
      const button = () => all("button.main")[0] as HTMLElement;
      const spot = spotOf(button()) as Spot;
      await press(spot);
      await settle(350);
      expect(all(".sentence")[0]?.textContent).toContain("B ");
      expect(isAt(button(), spot)).toBe(true);
      await press(spot);
      await settle(700);
      expect(services()).toEqual([]);
      await settle(1600);
      await press(spot);
      expect(jobs()).toEqual([other]);
    }
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

/* Has somebody else, or the printer, change a job. */
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
  // Once the press is over the card is redrawn, and the button is elsewhere.
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

/* Presses, and returns whether the page sees a click. */
const isHeard = async (press: (spot: Spot) => Promise<void>, spot: Spot) => {
  let heard = false;
  const stop = new AbortController();
  document.addEventListener("click", () => (heard = true), { capture: true, once: true, signal: stop.signal });
  await press(spot);
  await settle(50);
  stop.abort();
  return heard;
};

test.each(cases)(
  "a card %s answers a %s at once wherever news has moved nothing",
  { timeout: 240_000 },
  async (name, device) => {
    await set(SCENES[name] as Scene);
    const count = all(CONTROLS).length;
    const swallowed: string[] = [];
    let pressed = 0;
    for (let at = 0; at < count; at++) {
      await set(SCENES[name] as Scene);
      const spot = spotOf(all(CONTROLS)[at] as HTMLElement);
      if (!spot) continue;
      await settle(100);
      news.again();
      await settle(100);
      pressed++;
      if (!(await isHeard(DEVICES[device] as (spot: Spot) => Promise<void>, spot))) swallowed.push(spot.name);
    }
    expect(swallowed).toEqual([]);
    expect(pressed).toBeGreaterThan(3);
  },
);

/* Five short rows. */
const ROWS: Scene = { ...(SCENES["at rest"] as Scene), config: { history: 5 }, then: async () => {} };

describe.each(Object.entries(DEVICES))("just after news, a %s", (_, press) => {
  test("may press what somebody has opened meanwhile", async () => {
    await set(ROWS);
    news.again();
    await settle(50);
    const before = all("button").map((one) => ({ one, box: one.getBoundingClientRect() }));
    await press(spotOf(control("more-one")) as Spot);
    await settle(300);
    const has = (box: DOMRect, { x, y }: Spot) => x > box.left && x < box.right && y > box.top && y < box.bottom;
    // What has appeared in another control's place, out of reach of the press that has unfolded the row.
    const unfolded = control("more-one").getBoundingClientRect();
    const [spot] = all("button")
      .map((one) => ({ one, spot: spotOf(one) }))
      .filter(({ one, spot }) => spot && before.some((then) => then.one !== one && has(then.box, spot)))
      .map(({ spot }) => spot as Spot)
      .filter(({ x, y }) => Math.hypot(x - unfolded.x - 20, y - unfolded.y - 20) > 60);
    expect(await isHeard(press, spot as Spot)).toBe(true);
  });

  test("may press what is above the card, such as a dialog of Home Assistant", async () => {
    await set(ROWS);
    const spot = spotOf(control("more-one")) as Spot;
    const above = document.createElement("dialog");
    above.innerHTML = `<button style="position: fixed; inset: 0">Close</button>`;
    document.body.append(above);
    above.showModal();
    news.again();
    await settle(50);
    expect(await isHeard(press, spot)).toBe(true);
  });

  test("may press what has been scrolled to", async () => {
    await set(ROWS);
    const [one, other] = [control("more-one"), control("more-five")].map((one) => one.getBoundingClientRect().top);
    news.again();
    await settle(50);
    window.scrollBy(0, (other as number) - (one as number));
    await settle(50);
    expect(await isHeard(press, spotOf(control("more-five")) as Spot)).toBe(true);
    window.scrollTo(0, 0);
  });

  test("of a scan presses nothing that has come with it", async () => {
    await set(SCENES["with the scanner"] as Scene);
    const scan = {
      scan_id: "scan",
      state: "scanning",
      pages: 0,
      pictures: [],
      files: [],
      downloads: [],
      source: "glass",
    };
    news.scan({ ...scan, is_copy: true } as never);
    await settle(3000);
    const spot = spotOf(control("ask")) as Spot;
    news.scan({ ...scan, is_copy: true, state: "waiting", pages: 1, pictures: ["/page"] } as never);
    await settle(50);
    const there = all("button[data-key]")
      .filter((one) => isAt(one, spot))
      .map(nameOf);
    expect(there).toEqual([expect.not.stringMatching("ask")]);
    await press(spot);
    await settle(100);
    expect(asked.filter(({ type }) => String(type) !== "lianke/printer/options")).toEqual([]);
  });

  test.each([350, 700, 1200])("removes one page of a scan, pressed again after %i ms", async (gap) => {
    const pictures = ["/1", "/2", "/3", "/4"];
    const waits = { scan_id: "scan", state: "waiting", files: [], downloads: [], source: "glass", is_copy: false };
    const tell = (pages: number) => news.scan({ ...waits, pages, pictures: pictures.slice(0, pages) } as never);
    const removed = () => asked.filter(({ service_data: data }) => (data as { answer?: string })?.answer === "remove");
    await set(SCENES["with the scanner"] as Scene);
    tell(4);
    await settle(2500);
    // Whoever leafs through the pages means each press.
    const back = spotOf(control("page_before")) as Spot;
    await press(back);
    await settle(gap);
    await press(back);
    await vi.waitFor(() => expect(all("span.soft").map((one) => one.textContent)).toContain("2 of 4"));
    // While the page before is still shown, Remove rests.
    await vi.waitFor(() => expect(control("remove").ariaDisabled).toBeNull());
    await settle(1600);
    const spot = spotOf(control("remove")) as Spot;
    await press(spot);
    await settle(100);
    expect(removed().length).toBe(1);
    tell(3);
    await settle(gap - 100);
    await vi.waitFor(() => expect(control("remove").ariaDisabled).toBeNull());
    expect(isAt(control("remove"), spot)).toBe(true);
    await press(spot);
    await settle(300);
    expect(removed().length).toBe(1);
    await settle(1600);
    await press(spot);
    await vi.waitFor(() => expect(removed().length).toBe(2));
  });

  test.each([700, 1200])("moves no job by what nobody has read, pressed again after %i ms", async (gap) => {
    const waits = makeJob({ job_id: "one", state: "held", can_move: true, can_cancel: true });
    await set({ pressed: [], jobs: [waits] });
    const { hass } = document.querySelector("lianke-card") as LiankeCard;
    const { callWS } = hass;
    let changed = false;
    /* The other printer has lost its color, which only shows when the job is moved. */
    hass.callWS = async (message) => {
      if (message.type === "lianke/jobs/plan_move")
        return { open: [], different: changed ? [{ option: "color", before: "color", after: "mono" }] : [] } as never;
      if (message["service"] !== "move_job" || changed) return callWS(message);
      changed = true;
      asked.push(message);
      throw { code: "home_assistant_error", message: "No color there." };
    };
    await vi.waitFor(() => expect(all("[data-key^=move_job]")).toHaveLength(1));
    (all("[data-key^=move_job]")[0] as HTMLElement).click();
    await vi.waitFor(() => expect(all("[data-key=do]")).toHaveLength(1));
    await settle(2500);
    const first = spotOf(control("do")) as Spot;
    await press(first);
    await settle(gap);
    expect(services()).toEqual(["move_job"]);
    const second = spotOf(control("do")) as Spot;
    expect(Math.abs(second.y - first.y)).toBeLessThan(48);
    await press(second);
    await settle(300);
    expect(services()).toEqual(["move_job"]);
    await settle(1600);
    await press(spotOf(control("do")) as Spot);
    await settle(300);
    expect(services()).toEqual(["move_job", "move_job"]);
  });

  test("presses nothing that a preview has pushed there", async () => {
    let spot: Spot | undefined;
    for (let rows = 1; !spot && rows < 9; rows++) {
      const jobs = [...Array(rows).keys()].map((id) => makeJob({ job_id: `${id}`, can_print_again: true }));
      await set({ ...(SCENES["with a single file"] as Scene), jobs, config: { history: rows } });
      const before = all("[data-key^=button-]").map((one) => one.getBoundingClientRect());
      // A while after the last thing that was done here.
      await settle(500);
      control("preview").click();
      await settle(100);
      const { left, top } = control("print").getBoundingClientRect();
      const isIn = (box: DOMRect) =>
        [5, 35].find((y) => top + y > box.top && top + y < box.bottom && left + 5 > box.left);
      const [over] = before.flatMap((box) => isIn(box) ?? []);
      if (over) spot = { name: "Print, where a button was", x: left + 5, y: top + over };
    }
    asked.length = 0;
    await press(spot as Spot);
    await settle(1600);
    expect(services()).toEqual([]);
    await press(spot as Spot);
    await vi.waitFor(() => expect(services()).toEqual(["print"]));
  });
});

describe.each(Object.entries(DEVICES))("on a dashboard, a %s", (_, press) => {
  /* Puts something above the card that can grow or go. */
  const above = async (height: number) => {
    // As in browsers without scroll anchoring.
    document.documentElement.style.overflowAnchor = "none";
    const other = document.createElement("button");
    Object.assign(other.style, { display: "block", width: "100%", height: `${height}px` });
    other.addEventListener("click", () => elsewhere.push("above"));
    document.body.prepend(other);
    news.again();
    await settle(2000);
    return other;
  };
  const rowHeight = () =>
    control("cancel-b").getBoundingClientRect().top - control("cancel-a").getBoundingClientRect().top;

  test("presses no other row where a card above has gone", async () => {
    await set(SCENES["with jobs that ask"] as Scene);
    const other = await above(Math.abs(rowHeight()));
    const spot = spotOf(control("cancel-b")) as Spot;
    other.remove();
    await settle(50);
    expect(isAt(control("cancel-b"), spot)).toBe(false);
    await press(spot);
    await settle(100);
    expect(jobs()).toEqual([]);
    await settle(1600);
    await press(spot);
    await settle(100);
    expect(jobs()).toHaveLength(1);
  });

  test("presses nothing of the card where a button of another card was", async () => {
    await set(SCENES["with jobs that ask"] as Scene);
    const cancel = control("cancel-b").getBoundingClientRect();
    const other = await above(cancel.bottom + 8);
    const spot = { name: "above", x: cancel.left + 20, y: cancel.top + 20 };
    other.style.height = "0";
    await settle(50);
    expect(isAt(control("cancel-b"), spot)).toBe(true);
    await press(spot);
    await settle(100);
    expect(jobs()).toEqual([]);
  });

  test("presses what the browser has kept in view", async () => {
    await set(SCENES["with jobs that ask"] as Scene);
    const other = await above(300);
    document.documentElement.style.overflowAnchor = "auto";
    window.scrollTo(0, 310);
    await settle(2000);
    const spot = spotOf(control("cancel-b")) as Spot;
    const before = scrollY;
    other.style.height = "380px";
    await settle(50);
    expect([scrollY - before, isAt(control("cancel-b"), spot)]).toEqual([80, true]);
    await press(spot);
    await settle(100);
    expect(jobs()).toEqual(["b"]);
    window.scrollTo(0, 0);
  });
});

test("a press that does not count shows what has come there", async () => {
  const spot = await spotIn("with jobs that ask", "cancel-a");
  await elsewhereDone("cancel_job", "a");
  await DEVICES["finger"]?.(spot);
  expect(control("cancel-b").getAnimations()).toHaveLength(1);
});

test("the picture of a job that asks moves nothing when it comes", async () => {
  const [first, ...others] = (SCENES["with jobs that ask"] as Scene).jobs as Job[];
  const picture = Object.assign(document.createElement("canvas"), { width: 210, height: 297 }).toDataURL();
  const jobs = [{ ...(first as Job), picture }, ...others];
  await set({ ...(SCENES["with jobs that ask"] as Scene), jobs });
  const [img] = all("img") as [HTMLImageElement];
  img.removeAttribute("src");
  await settle(50);
  const before = control("button-0").getBoundingClientRect().top;
  img.src = picture;
  await img.decode();
  expect(img.getBoundingClientRect().height).toBe(200);
  expect(control("button-0").getBoundingClientRect().top).toBe(before);
});

test("a second finger that comes and goes lets nothing move under the first", async () => {
  const spot = await spotIn("with jobs that wait", "button-1");
  const touch = (type: string, ...touchPoints: object[]) =>
    session().send("Input.dispatchTouchEvent", { type, touchPoints });
  await touch("touchStart", onScreen(spot));
  for (const type of ["pointerdown", "pointerup"])
    control("button-3").dispatchEvent(new PointerEvent(type, { bubbles: true, composed: true, isPrimary: false }));
  await elsewhereDone("retry_job", "one");
  await settle(200);
  expect(isAt(control("button-1"), spot)).toBe(true);
  await touch("touchEnd");
});

test("what reads the screen out presses after a finger has scrolled from a button", async () => {
  const spot = await spotIn("with jobs that ask", "cancel-a");
  const at = onScreen(spot);
  const touch = (type: string, y?: number) =>
    session().send("Input.dispatchTouchEvent", { type, touchPoints: y === undefined ? [] : [{ x: at.x, y }] });
  await touch("touchStart", at.y);
  for (let n = 1; n < 6; n++) await touch("touchMove", at.y - 10 * n);
  await touch("touchEnd");
  await settle(100);
  control("cancel-c").dispatchEvent(new MouseEvent("click", { detail: 1, bubbles: true, composed: true }));
  expect(jobs()).toEqual(["c"]);
  window.scrollTo(0, 0);
});
