/*
 * Keeps a finger from pressing what has just come under it. Two things bring that about:
 *
 * - One's own press: where a print collapses its form, a list moves up or a dialog closes, the other half of a double tap
 *   would print, approve or cancel something else (`isMistaken`). Around the place of the last press only what answered there
 *   then does so, until the finger has been away, and for a second after anything moved there.
 * - News: where somebody else, or the printer, has just ended a job above, a preview has come, or another card has grown, the
 *   tap of a finger on its way would hit the next row (`isNew`). What another control's place was until a second ago is still meant for that one.
 *
 * Everything else answers at once: what has stayed where it was, what one has opened oneself, what has been scrolled to, the
 * keyboard, and what presses for people who do not see the screen. A press that does not count has no effect but a frame that
 * flashes around what has moved: it moves no focus, opens nothing, and the rest of the page does not hear of it.
 */
import { FINGER, answeredAt, answering, contains, controlOf, parentOf, same } from "./answering";
import type { Control, Place, Point } from "./answering";
import { shown } from "./card";
import { hand } from "./hand";

/* ms: slow double taps take 0.7 s, and nobody who has seen what is new there needs less to read and to press it. */
const REST = 1000;
/* ms: a finger that presses nothing for so long has been away. */
const AWAY = 1500;
/* ms: nobody has read anything between two presses so soon after each other. */
const AT_ONCE = 900;
/* ms: what moves the page so soon after a press is what that press has brought about. */
const BROUGHT_ABOUT = 300;
const LOOK = 200; // ms
/* ms: large uploads take that long until their form collapses. */
const WATCHED = 5 * 60_000;
/* A touch makes its click a moment after it has ended, within so many frames. */
const UNTIL_CLICK = 3;
/* ms: whoever holds a button down for longer means something else. */
const LONGEST_PRESS = 3000;
interface Press extends Point {
  time: number;
  /* When it was pressed again there, without effect. */
  again: number;
  /* When something near had last moved, come or gone. */
  changed: number;
  pressed: Control | null;
  near: Place[];
  /* What was ours then: the card, or with a dialog of it open the whole page. */
  ours: DOMRect | null;
}

/* What answered where until something happened. */
interface Layout {
  time: number;
  /* Whether that was a press, and not news. */
  isPress: boolean;
  /* Whether a dialog of ours was open. */
  isModal: boolean;
  scroll: Point;
  cards: DOMRect[];
  places: Place[];
}

let last: Press | null = null;
/* Those before each news of the last second, and before each press since, the newest last. */
let layouts: Layout[] = [];
/* When somebody last did something, anywhere on the page. */
let pressedAt = -Infinity;
/* What the press under way is for, until its click; undefined without one, as for clicks of what reads the screen out. */
let held: Control | null | undefined;
let isIgnored = false;
let timer: ReturnType<typeof setInterval> | undefined;

const cardOf = (path: EventTarget[]) => path.find((one) => shown.has(one as never)) as HTMLElement | undefined;
const isInDialog = (path: EventTarget[]) => path.some((one) => one instanceof HTMLDialogElement);
const pointOf = ({ clientX: x, clientY: y }: MouseEvent): Point => ({ x, y });

/* Look around the last press again. */
const look = (press: Press, before: Place[]): Place[] => {
  const now = answering(shown, press);
  const stayed = now.every((one, n) => {
    const then = before[n];
    return then && same(one, then) && Math.hypot(then.box.x - one.box.x, then.box.y - one.box.y) < 2;
  });
  if (!stayed || now.length !== before.length) press.changed = performance.now();
  return now;
};

/* The page is scrolled, a file was brought, or somebody has both hands on the keyboard: what is under the finger then is meant. */
const letGo = () => {
  layouts = [];
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
  if (!shown.size) return;
  pressedAt = performance.now();
  // What changes from now on is what this press has brought about, until the next news.
  if (recent().length) layouts.push(layout(true));
  const path = event.composedPath();
  const card = cardOf(path);
  const ours = card
    ? isInDialog(path)
      ? new DOMRect(0, 0, innerWidth, innerHeight)
      : card.getBoundingClientRect()
    : null;
  const at = pointOf(event);
  const press = { ...at, time: pressedAt, again: pressedAt, changed: 0, ours, near: answering(shown, at), pressed };
  last = press;
  let seen = press.near;
  timer = setInterval(() => {
    if (performance.now() - press.time > WATCHED) clearInterval(timer);
    else seen = look(press, seen);
  }, LOOK);
};

/* Whether the finger is where it pressed before, and something else is there now. */
const isMistaken = (event: PointerEvent, pressed: Control | null): boolean => {
  const at = pointOf(event);
  if (!last || Math.hypot(at.x - last.x, at.y - last.y) > FINGER) return false;
  const now = performance.now();
  if (now - last.time > AWAY && now - last.changed > REST) return false;
  const isOther = cardOf(event.composedPath())
    ? pressed !== null && !same(pressed, last.pressed) && !same(pressed, answeredAt(last.near, at))
    : // Another card of Home Assistant, or a dialog, where one of ours was.
      last.ours !== null && contains(last.ours, at);
  if (isOther) {
    // A hand that trembles or hammers has not been away. One that tries again each second has seen what is there.
    if (now - last.again < AT_ONCE) last.time = now;
    last.again = now;
  }
  return isOther;
};

/* Whether news has brought a control to a place that was another's until a moment ago. */
const isNew = (event: PointerEvent, pressed: Control | null): boolean => {
  if (!pressed) return false;
  const at = pointOf(event);
  const path = event.composedPath();
  const isModal = isInDialog(path);
  const isOnCard = cardOf(path) && !isModal;
  // There on the screen, where the browser keeps in view what others push; or there on the page, which was scrolled.
  const wasThere = ({ places, scroll }: Layout) =>
    [at, { x: at.x + scrollX - scroll.x, y: at.y + scrollY - scroll.y }].some((one) =>
      same(answeredAt(places, one), pressed),
    );
  // Beside our cards may have been a control of somebody else.
  const wasOthers = ({ places, cards }: Layout) =>
    answeredAt(places, at) !== null || (isOnCard && !cards.some((box) => contains(box, at)));
  // A dialog is opened by nobody but oneself.
  const before = recent().filter((one) => !wasThere(one) && (!isModal || one.isModal));
  return !before.at(-1)?.isPress && before.some(wasOthers);
};

const layout = (
  isPress: boolean,
  cards = [...shown].map((card) => card.getBoundingClientRect()),
  places = answering(),
): Layout => ({
  time: performance.now(),
  isPress,
  isModal: places.some(({ element }) => element.closest("dialog[open]")),
  scroll: { x: scrollX, y: scrollY },
  cards,
  places,
});

const recent = () => (layouts = layouts.filter(({ time }) => performance.now() - time < REST));

/* Where each card was when last seen, on the screen and on the page. */
let homes = new Map<HTMLElement, { screen: DOMRect; page: DOMRect }>();
const moved = (box: DOMRect, x: number, y: number) => new DOMRect(box.x + x, box.y + y, box.width, box.height);
const homeOf = (card: HTMLElement) => {
  const screen = card.getBoundingClientRect();
  return { screen, page: moved(screen, scrollX, scrollY) };
};

/* A card also moves as a whole, where others on the dashboard grow or go: note what was where until then. */
const followCards = () => {
  const ways = [...shown].map((card) => {
    const now = homeOf(card);
    const then = homes.get(card) ?? now;
    homes.set(card, now);
    const [x, y] = [then.page.x - now.page.x, then.page.y - now.page.y];
    // Of what the browser keeps in view, as of what is scrolled, one of both stays.
    const isMoved = Math.hypot(x, y) > 1 && Math.hypot(then.screen.x - now.screen.x, then.screen.y - now.screen.y) > 1;
    return { card, x, y, isMoved, screen: now.screen };
  });
  if (!ways.some(({ isMoved }) => isMoved)) return;
  const cards = ways.map(({ screen, x, y }) => moved(screen, x, y));
  const places = ways.flatMap(({ card, x, y }) =>
    answering([card]).map((one) => ({ ...one, box: moved(one.box, x, y) })),
  );
  layouts.push(layout(performance.now() - pressedAt < BROUGHT_ABOUT, cards, places));
};

/* Whatever moves a card changes the size of something around it. */
const around = new ResizeObserver(followCards);
const followNewCards = () => {
  if (homes.size === shown.size && [...shown].every((card) => homes.has(card))) return;
  around.disconnect();
  homes = new Map([...shown].map((card) => [card, homeOf(card)]));
  for (const card of shown)
    for (let one: Node | null = card; one; one = parentOf(one)) if (one instanceof Element) around.observe(one);
};

const ignore = (event: Event) => {
  event.stopImmediatePropagation();
  // Of a touch that begins a page may still be scrolled.
  if (event.cancelable && event.type !== "touchstart" && event.type !== "pointerdown") event.preventDefault();
};

/* Show where a press was that does not count. */
const flash = (element: Element) =>
  element.animate(
    [
      { outline: "3px solid var(--primary-color)", background: "var(--primary-color)", offset: 0 },
      { outline: "3px solid transparent" },
    ],
    { duration: 800 },
  );

/* Have nothing of ours drawn anew until the press that begins is over: the browser takes no button for pressed that has moved
 * away from under the finger meanwhile, as when a preview comes or a job ends. */
const keepStill = () => {
  hand.press = new Promise((resolve) => {
    const signal = AbortSignal.timeout(LONGEST_PRESS);
    signal.addEventListener("abort", resolve);
    const wait = (frames: number) => (frames ? requestAnimationFrame(() => wait(frames - 1)) : resolve(undefined));
    // Another finger may come and go meanwhile.
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
hear(["input"], () => (pressedAt = performance.now()), true);
hand.watch = (isNews) => {
  followNewCards();
  const newest = recent().at(-1);
  // Progress is drawn often, and moves nothing.
  if (newest && !newest.isPress && performance.now() - newest.time < LOOK) return;
  layouts.push(layout(!isNews && performance.now() - pressedAt < BROUGHT_ABOUT));
};
