/*
 * Ignores a press that hits a control which has just moved under the finger. Two things move one there:
 *
 * - The user's own press: a print collapses its form, a list moves up, a dialog closes, and the second half of a double
 *   tap would print, approve or cancel something else (`isMistaken`). Near the last press only the controls that were
 *   there then respond, until the finger has been away (AWAY) and nothing there has moved for a second (REST).
 * - News: somebody else or the printer ends a job further up, a preview arrives, another card grows, and a finger on
 *   its way hits the next row (`isNew`). For a second, a place still belongs to the control that was there before.
 *
 * Everything else responds at once: what has not moved, what the user has opened or scrolled to, the keyboard, and
 * clicks by screen readers. An ignored press only flashes the control: it moves no focus, opens nothing, and the rest
 * of the page does not notice it.
 */
import { FINGER, contains, controlAt, controlOf, controlsOf, isSame, parentOf } from "./controls";
import type { Control, Place, Point } from "./controls";
import { cardsOnPage } from "./cards";
import { pressing } from "./pressing";

/* ms: slow double taps take 0.7 s, and nobody reads and presses something new in less time than this. */
const REST = 1000;
/* ms: a finger that presses nothing for this long has been away. */
const AWAY = 1500;
/* ms: nobody has read anything between two presses closer than this. */
const AT_ONCE = 900;
/* ms: whatever moves the page this soon after a press is caused by that press. */
const BROUGHT_ABOUT = 300;
const LOOK = 200; // ms
/* ms: a large upload may take this long before its form collapses. */
const WATCHED = 5 * 60_000;
/* Frames: the click of a touch comes within this many of its end. */
const UNTIL_CLICK = 3;
/* ms: a button held down for longer is not being pressed any more, and redrawing goes on. */
const LONGEST_PRESS = 3000;
interface Press extends Point {
  time: number;
  /* When somebody last pressed here again without effect. */
  again: number;
  /* When something near last moved, appeared or disappeared. */
  changed: number;
  pressed: Control | null;
  near: Place[];
  /* Our card, or the whole page if its dialog was open; null for a press anywhere else. */
  ours: DOMRect | null;
}

/* Where every control was just before a press or news. */
interface Snapshot {
  time: number;
  /* Whether a press followed, not news. */
  isPress: boolean;
  /* Whether one of our dialogs was open. */
  isModal: boolean;
  scroll: Point;
  cards: DOMRect[];
  places: Place[];
}

let last: Press | null = null;
/* Those of the last second, from before each news and before each press that followed; the newest last. */
let snapshots: Snapshot[] = [];
/* When the user last did something, anywhere on the page. */
let pressedAt = -Infinity;
/* The control being pressed, until its click; undefined between presses, as when a screen reader clicks. */
let held: Control | null | undefined;
let isIgnored = false;
let timer: ReturnType<typeof setInterval> | undefined;

const cardOf = (path: EventTarget[]) => path.find((one) => cardsOnPage.has(one as never)) as HTMLElement | undefined;
const isInDialog = (path: EventTarget[]) => path.some((one) => one instanceof HTMLDialogElement);
const pointOf = ({ clientX: x, clientY: y }: MouseEvent): Point => ({ x, y });

/* Notes whether anything near a press has moved since the last look. */
const look = (press: Press, before: Place[]): Place[] => {
  const now = controlsOf(cardsOnPage, press);
  const stayed = now.every((one, n) => {
    const then = before[n];
    return then && isSame(one, then) && Math.hypot(then.box.x - one.box.x, then.box.y - one.box.y) < 2;
  });
  if (!stayed || now.length !== before.length) press.changed = performance.now();
  return now;
};

/* After scrolling, dropping a file or using the keyboard the user has seen what is under the finger. */
const startAfresh = () => {
  snapshots = [];
  pressedAt = performance.now();
  held = undefined;
  forget();
};

const forget = () => {
  last = null;
  isIgnored = false;
  clearInterval(timer);
};

const remember = (event: PointerEvent, pressed: Control | null) => {
  forget();
  if (!cardsOnPage.size) return;
  pressedAt = performance.now();
  // Until the next news, whatever changes is caused by this press.
  if (recent().length) snapshots.push(snapshot(true));
  const path = event.composedPath();
  const card = cardOf(path);
  const ours = card
    ? isInDialog(path)
      ? new DOMRect(0, 0, innerWidth, innerHeight)
      : card.getBoundingClientRect()
    : null;
  const at = pointOf(event);
  const press = {
    ...at,
    time: pressedAt,
    again: pressedAt,
    changed: 0,
    ours,
    near: controlsOf(cardsOnPage, at),
    pressed,
  };
  last = press;
  let seen = press.near;
  timer = setInterval(() => {
    if (performance.now() - press.time > WATCHED) clearInterval(timer);
    else seen = look(press, seen);
  }, LOOK);
};

/* The finger is where it pressed before, but something else is there now. */
const isMistaken = (event: PointerEvent, pressed: Control | null): boolean => {
  const at = pointOf(event);
  if (!last || Math.hypot(at.x - last.x, at.y - last.y) > FINGER) return false;
  const now = performance.now();
  if (now - last.time > AWAY && now - last.changed > REST) return false;
  const isOther = cardOf(event.composedPath())
    ? pressed !== null && !isSame(pressed, last.pressed) && !isSame(pressed, controlAt(last.near, at))
    : // Home Assistant's dialog or another card, where one of ours was.
      last.ours !== null && contains(last.ours, at);
  if (isOther) {
    // A trembling or hammering hand has not been away; whoever tries again each second has read what is there.
    if (now - last.again < AT_ONCE) last.time = now;
    last.again = now;
  }
  return isOther;
};

/* News has moved the control to a place that was another's until a moment ago. */
const isNew = (event: PointerEvent, pressed: Control | null): boolean => {
  if (!pressed) return false;
  const at = pointOf(event);
  const path = event.composedPath();
  const isModal = isInDialog(path);
  const isOnCard = cardOf(path) && !isModal;
  // In the same place on the screen (browsers anchor the scroll position) or on the page (the user has scrolled).
  const wasThere = ({ places, scroll }: Snapshot) =>
    [at, { x: at.x + scrollX - scroll.x, y: at.y + scrollY - scroll.y }].some((one) =>
      isSame(controlAt(places, one), pressed),
    );
  // Outside our cards there may have been a control of another card.
  const wasOthers = ({ places, cards }: Snapshot) =>
    controlAt(places, at) !== null || (isOnCard && !cards.some((box) => contains(box, at)));
  // Only the user opens a dialog: news from before it was open does not count for it.
  const before = recent().filter((one) => !wasThere(one) && (!isModal || one.isModal));
  return !before.at(-1)?.isPress && before.some(wasOthers);
};

const snapshot = (
  isPress: boolean,
  cards = [...cardsOnPage].map((card) => card.getBoundingClientRect()),
  places = controlsOf(),
): Snapshot => ({
  time: performance.now(),
  isPress,
  isModal: places.some(({ element }) => element.closest("dialog[open]")),
  scroll: { x: scrollX, y: scrollY },
  cards,
  places,
});

const recent = () => (snapshots = snapshots.filter(({ time }) => performance.now() - time < REST));

/* Where each card was at the last look, on the screen and on the page. */
let homes = new Map<HTMLElement, { screen: DOMRect; page: DOMRect }>();
const moved = (box: DOMRect, x: number, y: number) => new DOMRect(box.x + x, box.y + y, box.width, box.height);
const homeOf = (card: HTMLElement) => {
  const screen = card.getBoundingClientRect();
  return { screen, page: moved(screen, scrollX, scrollY) };
};

/* A whole card moves when another on the dashboard grows or goes: record where its controls were before. */
const followCards = () => {
  const ways = [...cardsOnPage].map((card) => {
    const now = homeOf(card);
    const then = homes.get(card) ?? now;
    homes.set(card, now);
    const [x, y] = [then.page.x - now.page.x, then.page.y - now.page.y];
    // Scrolling changes only the place on the screen, scroll anchoring only the place on the page.
    const isMoved = Math.hypot(x, y) > 1 && Math.hypot(then.screen.x - now.screen.x, then.screen.y - now.screen.y) > 1;
    return { card, x, y, isMoved, screen: now.screen };
  });
  if (!ways.some(({ isMoved }) => isMoved)) return;
  const cards = ways.map(({ screen, x, y }) => moved(screen, x, y));
  const places = ways.flatMap(({ card, x, y }) =>
    controlsOf([card]).map((one) => ({ ...one, box: moved(one.box, x, y) })),
  );
  snapshots.push(snapshot(performance.now() - pressedAt < BROUGHT_ABOUT, cards, places));
};

/* Whatever moves a card also resizes something around it. */
const around = new ResizeObserver(followCards);
const followNewCards = () => {
  if (homes.size === cardsOnPage.size && [...cardsOnPage].every((card) => homes.has(card))) return;
  around.disconnect();
  homes = new Map([...cardsOnPage].map((card) => [card, homeOf(card)]));
  for (const card of cardsOnPage)
    for (let one: Node | null = card; one; one = parentOf(one)) if (one instanceof Element) around.observe(one);
};

const ignore = (event: Event) => {
  event.stopImmediatePropagation();
  // A touch that begins may still scroll the page.
  if (event.cancelable && event.type !== "touchstart" && event.type !== "pointerdown") event.preventDefault();
};

/* Shows the user that the press was ignored. */
const flash = (element: Element) =>
  element.animate(
    [
      { outline: "3px solid var(--primary-color)", background: "var(--primary-color)", offset: 0 },
      { outline: "3px solid transparent" },
    ],
    { duration: 800 },
  );

/* Redraws nothing of ours until this press is over: if a preview or a finished job moves the button away from under the
   finger meanwhile, the browser makes no click. */
const keepStill = () => {
  pressing.ended = new Promise((resolve) => {
    const signal = AbortSignal.timeout(LONGEST_PRESS);
    signal.addEventListener("abort", resolve);
    const wait = (frames: number) => (frames ? requestAnimationFrame(() => wait(frames - 1)) : resolve(undefined));
    // A second finger may come and go meanwhile.
    const ended = (event: Event) => (event as PointerEvent).isPrimary && wait(UNTIL_CLICK);
    for (const type of ["pointerup", "pointercancel"]) window.addEventListener(type, ended, { capture: true, signal });
  });
};

const down = (event: PointerEvent) => {
  if (!event.isPrimary) return;
  const pressed = controlOf(event.composedPath()[0] as Node);
  isIgnored = isMistaken(event, pressed) || isNew(event, pressed);
  held = isIgnored ? null : pressed;
  if (held) keepStill();
  if (!isIgnored) return remember(event, pressed);
  if (pressed) flash(pressed.element);
  ignore(event);
};

const follow = (event: Event) => {
  if (isIgnored) ignore(event);
};

const up = (event: PointerEvent) => {
  follow(event);
  // After a drag the finger is elsewhere.
  if (last && Math.hypot(event.clientX - last.x, event.clientY - last.y) > FINGER) forget();
};

const click = (event: MouseEvent) => {
  // A click by the keyboard or by a script.
  if (!event.detail) return;
  const path = event.composedPath();
  const pressed = controlOf(path[0] as Node);
  // The click of a touch goes to whatever is under the finger when it leaves.
  const isOther = held !== undefined && pressed && cardOf(path) && !isSame(pressed, held);
  if (isIgnored || isOther) ignore(event);
  held = undefined;
  isIgnored = false;
};

const on = <T extends Event>(types: string[], listener: (event: T) => void, passive = false) => {
  for (const type of types) window.addEventListener(type, listener as EventListener, { capture: true, passive });
};

on(["pointerdown"], down);
on(["pointerup"], up);
on(["mousedown", "mouseup", "touchend"], follow);
on(["touchstart"], follow, true);
on(["click"], click);
on(["pointercancel", "wheel", "keydown", "drop"], startAfresh, true);
on(["input"], () => (pressedAt = performance.now()), true);
pressing.beforeDrawing = (isNews) => {
  followNewCards();
  const newest = recent().at(-1);
  // Progress is drawn often and moves nothing.
  if (newest && !newest.isPress && performance.now() - newest.time < LOOK) return;
  snapshots.push(snapshot(!isNews && performance.now() - pressedAt < BROUGHT_ABOUT));
};
