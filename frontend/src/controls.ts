/* Finds the controls of all cards on the page: where each can be pressed, and what pressing it does. */
import { cardsOnPage } from "./cards";

/* px: two taps meant for one spot are never further apart than a finger is wide. */
export const FINGER = 48;
const CONTROLS = 'button, a[href], input, select, textarea, summary, label, [tabindex="0"]';

export interface Point {
  x: number;
  y: number;
}

export interface Control {
  element: Element;
  /* What pressing it does, and to which item: Lit reuses one element for another row's button. */
  key: string;
}

export interface Place extends Control {
  box: DOMRect;
}

const asControl = (element: Element): Control => {
  const control = (element as HTMLLabelElement).control ?? element;
  const { dataset, ariaLabel, textContent } = control as HTMLElement;
  // A button in the same place may mean something else by now: once a page of a scan is gone, Remove means the next.
  const of = control.closest<HTMLElement>("[data-of]")?.dataset["of"] ?? "";
  return { element: control, key: (dataset["key"] ?? ariaLabel ?? textContent) + of };
};

export const parentOf = (node: Node | null): Node | null =>
  node && (node.parentNode ?? (node as ShadowRoot).host ?? null);

export const controlOf = (node: Node | null): Control | null => {
  for (let one = node; one; one = parentOf(one))
    if (one instanceof Element && one.matches(CONTROLS)) return asControl(one);
  return null;
};

export const isSame = (one: Control | null, other: Control | null) =>
  one?.element === other?.element && one?.key === other?.key;

const controlsIn = (root: ParentNode): Element[] =>
  [...root.querySelectorAll("*")].flatMap((one) => [
    ...(one.matches(CONTROLS) ? [one] : []),
    ...(one.localName.startsWith("lianke-") && one.shadowRoot ? controlsIn(one.shadowRoot) : []),
  ]);

const within = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
const isShown = ({ x, y }: Point) => x >= 0 && x < innerWidth && y >= 0 && y < innerHeight;
export const contains = (box: DOMRect, { x, y }: Point) =>
  x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;

/* All controls, or those within a finger of a place, without those that something else covers, such as a dialog. */
export const controlsOf = (cards: Iterable<HTMLElement> = cardsOnPage, around?: Point): Place[] =>
  [...cards]
    .flatMap((card) => (card.shadowRoot ? controlsIn(card.shadowRoot) : []))
    .flatMap((one) => {
      const box = one.getBoundingClientRect();
      const { x, y } = around ?? { x: box.left + box.width / 2, y: box.top + box.height / 2 };
      const close = { x: within(x, box.left + 1, box.right - 1), y: within(y, box.top + 1, box.bottom - 1) };
      if (!box.width || Math.hypot(x - close.x, y - close.y) > FINGER) return [];
      const control = asControl(one);
      // Outside the window elementFromPoint finds nothing, but the control may be scrolled to.
      const hit = isShown(close) && (one.getRootNode() as ShadowRoot).elementFromPoint(close.x, close.y);
      return hit === false || controlOf(hit)?.element === control.element ? [{ ...control, box }] : [];
    });

/* Where controls lie on each other, the smaller one is on top. */
export const controlAt = (places: Place[], at: Point): Control | null => {
  const area = ({ box }: Place) => box.width * box.height;
  return places.filter(({ box }) => contains(box, at)).sort((one, other) => area(one) - area(other))[0] ?? null;
};
