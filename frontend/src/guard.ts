/*
 * Ignores a press on a control that has just moved under the finger. A control moves there for one of two reasons:
 *
 * - The user's own press (`isMistaken`): a form collapses after Print, a list moves up or a dialog closes, and the
 *   second tap of a double tap would print, approve or cancel something else. Near the last press, only the controls
 *   that were there at that time respond, until the finger has been away (AWAY) and nothing near the press has moved
 *   for a second (REST).
 * - News (`isNew`): a job further up ends, a preview arrives or another card grows, and a finger on its way to a
 *   control hits the next row. For a second, each place still belongs to the control that was there before.
 *
 * Everything else responds at once: controls that have not moved, controls that the user has opened or scrolled to, the
 * keyboard, and clicks by screen readers. An ignored press only makes the control flash: it moves no focus, opens
 * nothing, and the rest of the page does not notice it.
 */
import { FINGER, contains, controlAt, controlOf, controlsOf, isSame, parentOf } from "./controls";
import type { Control, Place, Point } from "./controls";
import { cardsOnPage } from "./cards";
import { pressing } from "./pressing";

/* ms for which a place that has changed ignores presses: a slow double tap takes 0.7 s, and nobody reads something new
   and presses it within a second. */
const REST = 1000;
/* ms without a press after which the finger counts as having been away. */
const AWAY = 1500;
/* ms: if two presses are closer together than this, the user has read nothing in between. */
const AT_ONCE = 900;
/* ms after a press during which any movement on the page counts as caused by that press. */
const BROUGHT_ABOUT = 300;
const LOOK = 200; // ms between two looks at where the controls are
/* ms for which the surroundings of a press are watched: a form collapses only after its upload, which may take this
   long. */
const WATCHED = 5 * 60_000;
/* Maximum number of frames between the end of a touch and its click. */
const UNTIL_CLICK = 3;
/* ms after which a press stops holding up redraws, even if the button is still held down. */
const LONGEST_PRESS = 3000;
interface Press extends Point {
  time: number;
  /* When a press near this place was last ignored; until that happens, the time of this press. */
  again: number;
  /* When a control near this place last moved, appeared or disappeared. */
  changed: number;
  pressed: Control | null;
  near: Place[];
  /* The area of our card, or the whole window for a press in a dialog of ours; null for a press anywhere else. */
  ours: DOMRect | null;
}

/* Where every control was just before a press, or just before news was drawn. */
interface Snapshot {
  time: number;
  /* Whether the snapshot was taken before a press; false if it was taken before news. */
  isPress: boolean;
  /* Whether one of our dialogs was open. */
  isModal: boolean;
  scroll: Point;
  cards: DOMRect[];
  places: Place[];
}

let last: Press | null = null;
/* The snapshots of the last second, the newest last: one before each redraw with news, and one before each press that
   follows such a redraw. */
let snapshots: Snapshot[] = [];
/* When the user last did something anywhere on the page. */
let pressedAt = -Infinity;
/* The control that is being pressed, until its click; null if the press is ignored or hits no control. Undefined
   between presses, and so also when a screen reader clicks. */
let held: Control | null | undefined;
let isIgnored = false;
let timer: ReturnType<typeof setInterval> | undefined;

const cardOf = (path: EventTarget[]) => path.find((one) => cardsOnPage.has(one as never)) as HTMLElement | undefined;
const isInDialog = (path: EventTarget[]) => path.some((one) => one instanceof HTMLDialogElement);
const pointOf = ({ clientX: x, clientY: y }: MouseEvent): Point => ({ x, y });

/* Returns the controls near a press. If one of them has moved, appeared or disappeared since `before`, notes the
   time. */
const look = (press: Press, before: Place[]): Place[] => {
  const now = controlsOf(cardsOnPage, press);
  const stayed = now.every((one, n) => {
    const then = before[n];
    return then && isSame(one, then) && Math.hypot(then.box.x - one.box.x, then.box.y - one.box.y) < 2;
  });
  if (!stayed || now.length !== before.length) press.changed = performance.now();
  return now;
};

/* Forgets the last press and all snapshots: after scrolling, dropping a file or using the keyboard, the user has seen
   what is under the finger. */
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
  // Keep the state before this press: until the next news, every change counts as caused by this press.
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

/* Whether the finger is where it pressed before, but something else is there now. */
const isMistaken = (event: PointerEvent, pressed: Control | null): boolean => {
  const at = pointOf(event);
  if (!last || Math.hypot(at.x - last.x, at.y - last.y) > FINGER) return false;
  const now = performance.now();
  if (now - last.time > AWAY && now - last.changed > REST) return false;
  const isOther = cardOf(event.composedPath())
    ? pressed !== null && !isSame(pressed, last.pressed) && !isSame(pressed, controlAt(last.near, at))
    : // A dialog of Home Assistant or another card is where our card or dialog was.
      last.ours !== null && contains(last.ours, at);
  if (isOther) {
    // A trembling or hammering hand counts as not having been away. A user who tries again once a second has read what
    // is there.
    if (now - last.again < AT_ONCE) last.time = now;
    last.again = now;
  }
  return isOther;
};

/* Whether news has moved the control to a place that belonged to something else until a moment ago. */
const isNew = (event: PointerEvent, pressed: Control | null): boolean => {
  if (!pressed) return false;
  const at = pointOf(event);
  const path = event.composedPath();
  const isModal = isInDialog(path);
  const isOnCard = cardOf(path) && !isModal;
  // Whether the control was already there: at the same place on the screen (browsers anchor the scroll position) or on
  // the page (the user has scrolled).
  const wasThere = ({ places, scroll }: Snapshot) =>
    [at, { x: at.x + scrollX - scroll.x, y: at.y + scrollY - scroll.y }].some((one) =>
      isSame(controlAt(places, one), pressed),
    );
  // Whether something else was there: another control of ours or, outside our cards, perhaps a control of another card.
  const wasOthers = ({ places, cards }: Snapshot) =>
    controlAt(places, at) !== null || (isOnCard && !cards.some((box) => contains(box, at)));
  // Only the user opens a dialog, so a press in a dialog ignores snapshots from before it was open.
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

/* Records where the controls were before their card moved. A whole card moves when another card on the dashboard grows
   or disappears. */
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

/* Whatever moves a card also resizes an element around it. */
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
  // The start of a touch keeps its default action, since the user may go on to scroll the page.
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

/* Holds up all redraws of our cards until this press is over: if a preview or a finished job moved the button away from
   under the finger, the browser would send no click. */
const keepStill = () => {
  pressing.ended = new Promise((resolve) => {
    const signal = AbortSignal.timeout(LONGEST_PRESS);
    signal.addEventListener("abort", resolve);
    const wait = (frames: number) => (frames ? requestAnimationFrame(() => wait(frames - 1)) : resolve(undefined));
    // A second finger may touch the screen and leave it during the press; only the first finger ends the press.
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
  // After a drag the finger is elsewhere, so the press no longer matters.
  if (last && Math.hypot(event.clientX - last.x, event.clientY - last.y) > FINGER) forget();
};

const click = (event: MouseEvent) => {
  // Without `detail`, the click comes from the keyboard or from a script.
  if (!event.detail) return;
  const path = event.composedPath();
  const pressed = controlOf(path[0] as Node);
  // The click of a touch hits whatever is under the finger when it is lifted, which may not be the control that was
  // pressed.
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
  // Progress is drawn often and moves nothing, so a recent snapshot is good enough.
  if (newest && !newest.isPress && performance.now() - newest.time < LOOK) return;
  snapshots.push(snapshot(!isNews && performance.now() - pressedAt < BROUGHT_ABOUT));
};
