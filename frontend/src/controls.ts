/* Finds the controls of all cards on the page: where the user can press each control, and what a press does. */
import { cardsOnPage } from "./cards";

/* The width of a finger in px: two taps that are meant for the same spot are never further apart. */
export const FINGER = 48;
const CONTROLS = 'button, a[href], input, select, textarea, summary, label, [tabindex="0"]';

export interface Point {
  x: number;
  y: number;
}

export interface Control {
  element: Element;
  /* Identifies what a press does and to which item: Lit may reuse the same element for the button of another row. */
  key: string;
}

export interface Place extends Control {
  box: DOMRect;
}

const asControl = (element: Element): Control => {
  const control = (element as HTMLLabelElement).control ?? element;
  const { dataset, ariaLabel, textContent } = control as HTMLElement;
  // The same button may act on another item by now: after a page of a scan is removed, Remove acts on the next page.
  // `data-of` tells these items apart.
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

/* Returns the controls of the cards; if `around` is given, only the controls within a finger's width of that point.
   Leaves out every control that something else, such as a dialog, covers. */
export const controlsOf = (cards: Iterable<HTMLElement> = cardsOnPage, around?: Point): Place[] =>
  [...cards]
    .flatMap((card) => (card.shadowRoot ? controlsIn(card.shadowRoot) : []))
    .flatMap((one) => {
      const box = one.getBoundingClientRect();
      const { x, y } = around ?? { x: box.left + box.width / 2, y: box.top + box.height / 2 };
      const close = { x: within(x, box.left + 1, box.right - 1), y: within(y, box.top + 1, box.bottom - 1) };
      if (!box.width || Math.hypot(x - close.x, y - close.y) > FINGER) return [];
      const control = asControl(one);
      // elementFromPoint finds nothing outside the window. A control there is included, since the user may scroll to
      // it.
      const hit = isShown(close) && (one.getRootNode() as ShadowRoot).elementFromPoint(close.x, close.y);
      return hit === false || controlOf(hit)?.element === control.element ? [{ ...control, box }] : [];
    });

/* Returns the control at a point; if controls overlap, the smallest, which lies on top; null if there is no control. */
export const controlAt = (places: Place[], at: Point): Control | null => {
  const area = ({ box }: Place) => box.width * box.height;
  return places.filter(({ box }) => contains(box, at)).sort((one, other) => area(one) - area(other))[0] ?? null;
};
