/*
 * Keeps a finger from pressing what has just come under it: where a print collapses its form, a list moves up or a dialog
 * closes, the other half of a double tap would print, approve or cancel something else. So would the first tap where somebody
 * else, or the printer, has just ended a job above.
 *
 * Of every press it keeps what could be pressed around that place. Another press there counts only for what answered there
 * already, until the finger has been away, and for a second after anything moved there. Where news of jobs and printers moved
 * something, what was at a place before is what is meant there for as long. Everything else answers at once, as does the keyboard, and what
 * presses for people who do not see the screen. A press that does not count has no effect at
 * all: it moves no focus, opens nothing, and the rest of the page does not hear of it.
 */
import { hand, shown } from "./card";

/* ms: slow double taps take 0.7 s, and nobody who has seen what is new there needs less to read and to press it. */
const REST = 1000;
/* ms: a finger that presses nothing for so long has been away. */
const AWAY = 1500;
/* px: as wide as a finger, which never comes down twice on one spot. */
const FINGER = 48;
const LOOK = 200; // ms
/* ms: large uploads take that long until their form collapses. */
const WATCHED = 5 * 60_000;
/* A touch makes its click a moment after it has ended, within so many frames. */
const UNTIL_CLICK = 3;
/* ms: whoever holds a button down for longer means something else. */
const LONGEST_PRESS = 3000;
const CONTROLS = "button, a[href], input, select, textarea, summary, label, [tabindex]";

interface Control {
  element: Element;
  /* What it does: Lit draws another button of a list with the same element. */
  key: string;
}

interface Press {
  x: number;
  y: number;
  time: number;
  /* When something near had last moved, come or gone. */
  changed: number;
  pressed: Control | null;
  near: Map<Element, { key: string; box: DOMRect }>;
  /* What was ours then: the card, or with a dialog of it open the whole page. */
  ours: DOMRect | null;
}

let last: Press | null = null;
/* What answered where, before cards were drawn anew in the last second. */
let earlier: { time: number; near: Press["near"] }[] = [];
/* What the press under way is for, until its click; undefined without one, as for clicks of what reads the screen out. */
let held: Control | null | undefined;
let isIgnored = false;
let timer: ReturnType<typeof setInterval> | undefined;

const asControl = (element: Element): Control => {
  const control = (element as HTMLLabelElement).control ?? element;
  const { dataset, ariaLabel, textContent } = control as HTMLElement;
  return { element: control, key: dataset["key"] ?? ariaLabel ?? textContent };
};

const parentOf = (node: Node | null): Node | null => node && (node.parentNode ?? (node as ShadowRoot).host ?? null);

/* Return the control that a node belongs to. */
const controlOf = (node: Node | null): Control | null => {
  for (let one = node; one; one = parentOf(one))
    if (one instanceof Element && one.matches(CONTROLS)) return asControl(one);
  return null;
};

const same = (one: Control | null, other: Control | null) => one?.element === other?.element && one?.key === other?.key;

/* Return the innermost element at a place of the window. */
const elementAt = (x: number, y: number): Element | null => {
  let found: Element | null = null;
  for (let root: DocumentOrShadowRoot | null = document; root;) {
    const next: Element | null = root.elementFromPoint(x, y);
    if (!next || next === found) break;
    found = next;
    root = next.shadowRoot;
  }
  return found;
};

const controlsIn = (root: ParentNode): Element[] =>
  [...root.querySelectorAll("*")].flatMap((one) => [
    ...(one.matches(CONTROLS) ? [one] : []),
    ...(one.localName.startsWith("lianke-") && one.shadowRoot ? controlsIn(one.shadowRoot) : []),
  ]);

const within = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/* Return all controls of all cards. */
const everywhere = (): Press["near"] =>
  new Map(
    [...shown]
      .flatMap((card) => (card.shadowRoot ? controlsIn(card.shadowRoot) : []))
      .map((one) => {
        const { element, key } = asControl(one);
        return [element, { key, box: one.getBoundingClientRect() }];
      }),
  );

/* Return the controls of all cards around a place that answer there, and are not below something else. */
const nearTo = (x: number, y: number): Press["near"] => {
  const near: Press["near"] = new Map();
  for (const one of [...shown].flatMap((card) => (card.shadowRoot ? controlsIn(card.shadowRoot) : []))) {
    const box = one.getBoundingClientRect();
    const [closeX, closeY] = [within(x, box.left + 1, box.right - 1), within(y, box.top + 1, box.bottom - 1)];
    if (!box.width || Math.hypot(x - closeX, y - closeY) > FINGER) continue;
    const { element, key } = asControl(one);
    if (controlOf(elementAt(closeX, closeY))?.element === element) near.set(element, { key, box });
  }
  return near;
};

const contains = (box: DOMRect, x: number, y: number) =>
  x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;

/* Return what answered at a place then: of one control upon another, the smaller is above. */
const answeredAt = (near: Press["near"], x: number, y: number): Control | null => {
  const there = [...near].filter(([, { box }]) => contains(box, x, y));
  const area = ({ width, height }: DOMRect) => width * height;
  const [found] = there.sort(([, one], [, other]) => area(one.box) - area(other.box));
  return found ? { element: found[0], key: found[1].key } : null;
};

const cardOf = (path: EventTarget[]) => path.find((one) => shown.has(one as never)) as HTMLElement | undefined;

const look = (press: Press, before: Press["near"]): Press["near"] => {
  const now = nearTo(press.x, press.y);
  const stayed = [...now].every(([element, { key, box }]) => {
    const then = before.get(element);
    return then?.key === key && Math.hypot(then.box.x - box.x, then.box.y - box.y) < 2;
  });
  if (!stayed || now.size !== before.size) press.changed = performance.now();
  return now;
};

/* The page is scrolled, a file was brought, or somebody has both hands on the keyboard: what is under the finger then is meant. */
const letGo = () => {
  earlier = [];
  forget();
};

const forget = () => {
  last = null;
  isIgnored = false;
  clearInterval(timer);
};

const remember = (event: PointerEvent) => {
  forget();
  if (!shown.size) return;
  const { clientX: x, clientY: y } = event;
  const path = event.composedPath();
  const card = cardOf(path);
  const isModal = path.some((one) => one instanceof HTMLDialogElement);
  const ours = card ? (isModal ? new DOMRect(0, 0, innerWidth, innerHeight) : card.getBoundingClientRect()) : null;
  const press = {
    x,
    y,
    time: performance.now(),
    changed: 0,
    ours,
    near: nearTo(x, y),
    pressed: controlOf(path[0] as Node),
  };
  last = press;
  let seen = press.near;
  timer = setInterval(() => {
    if (performance.now() - press.time > WATCHED) clearInterval(timer);
    else seen = look(press, seen);
  }, LOOK);
};

/* Whether the finger is where it pressed before, and something else is there now. */
const isMistaken = (event: PointerEvent): boolean => {
  const { clientX: x, clientY: y } = event;
  if (!last || Math.hypot(x - last.x, y - last.y) > FINGER) return false;
  const now = performance.now();
  if (now - last.time > AWAY && now - last.changed > REST) return false;
  const path = event.composedPath();
  // Another card of Home Assistant, or a dialog, where one of ours was.
  if (!cardOf(path)) return last.ours !== null && contains(last.ours, x, y);
  const pressed = controlOf(path[0] as Node);
  return pressed !== null && !same(pressed, last.pressed) && !same(pressed, answeredAt(last.near, x, y));
};

/* Whether another control was at a place until a moment ago. */
const isNew = ({ clientX: x, clientY: y }: PointerEvent, pressed: Control | null): boolean => {
  recent();
  return earlier.some(({ near }) => {
    const before = pressed && answeredAt(near, x, y);
    return before !== null && !same(before, pressed);
  });
};

const recent = () => {
  earlier = earlier.filter(({ time }) => performance.now() - time < REST);
};

const ignore = (event: Event) => {
  event.stopImmediatePropagation();
  // Of a touch that begins a page may still be scrolled.
  if (event.cancelable && event.type !== "touchstart" && event.type !== "pointerdown") event.preventDefault();
};

/* Have nothing of ours drawn anew until the press that begins is over: the browser takes no button for pressed that has moved
 * away from under the finger meanwhile, as when a preview comes or a job ends. */
const keepStill = () => {
  hand.press = new Promise((resolve) => {
    const signal = AbortSignal.timeout(LONGEST_PRESS);
    signal.addEventListener("abort", resolve);
    const wait = (frames: number) => (frames ? requestAnimationFrame(() => wait(frames - 1)) : resolve(undefined));
    const ended = () => wait(UNTIL_CLICK);
    for (const type of ["pointerup", "pointercancel"])
      window.addEventListener(type, ended, { capture: true, once: true, signal });
  });
};

const down = (event: PointerEvent) => {
  if (!event.isPrimary) return;
  const pressed = controlOf(event.composedPath()[0] as Node);
  isIgnored = isMistaken(event) || isNew(event, pressed);
  held = isIgnored ? null : pressed;
  if (held) keepStill();
  if (!isIgnored) return remember(event);
  if (last) last.time = performance.now();
  ignore(event);
};

const follow = (event: Event) => {
  if (isIgnored) ignore(event);
};

const up = (event: PointerEvent) => {
  follow(event);
  // Dragged, the finger is elsewhere.
  if (last && Math.hypot(event.clientX - last.x, event.clientY - last.y) > FINGER) forget();
};

const click = (event: MouseEvent) => {
  // Of the keyboard, or of a script.
  if (!event.detail) return;
  const path = event.composedPath();
  const pressed = controlOf(path[0] as Node);
  // On a touch, the click is for what is there when the finger leaves.
  const isOther = held !== undefined && pressed && cardOf(path) && !same(pressed, held);
  if (isIgnored || isOther) ignore(event);
  held = undefined;
  isIgnored = false;
};

const hear = <T extends Event>(types: string[], listener: (event: T) => void, passive = false) => {
  for (const type of types) window.addEventListener(type, listener as EventListener, { capture: true, passive });
};

hear(["pointerdown"], down);
hear(["pointerup"], up);
hear(["mousedown", "mouseup", "touchend"], follow);
hear(["touchstart"], follow, true);
hear(["click"], click);
hear(["pointercancel", "wheel", "keydown", "drop"], letGo, true);
hand.watch = () => {
  recent();
  earlier.push({ time: performance.now(), near: everywhere() });
};
