/*
 * Moves the keyboard's focus when an update removes the focused control: to the same control if it is drawn elsewhere
 * (found by its data-key), otherwise to a row or section nearby. The focus never moves to another button, since a key
 * that is still held down would press it.
 */
import type { LitElement, ReactiveController } from "lit";

const keyOf = (element: Element) => (element as HTMLElement).dataset?.key;

/* Returns the data-keys of a control, of the elements around it, and of the rows next to its own row, the nearest
   first. */
const trailOf = (control: Element | null): string[] => {
  const near: (Element | null)[] = [];
  for (let node = control; node; node = node.parentElement) {
    near.push(node);
    if (node.localName === "li") near.push(node.nextElementSibling, node.previousElementSibling);
  }
  return near.map((node) => node && keyOf(node)).filter((key) => key != null);
};

export class FocusKeeper implements ReactiveController {
  private _focused: Element | null = null;
  private _trail: string[] = [];

  constructor(private readonly _host: LitElement) {
    _host.addController(this);
  }

  hostUpdate(): void {
    this._focused = this._host.shadowRoot?.activeElement ?? null;
    this._trail = trailOf(this._focused);
  }

  hostUpdated(): void {
    const root = this._host.shadowRoot;
    if (!this._focused || !root || (this._focused.isConnected && root.activeElement === this._focused)) return;
    // A drag or the user has moved the focus in the meantime.
    if (root.activeElement) return;
    for (const key of this._trail) {
      const found = root.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
      if (!found?.matches("button, input, select, li, section")) continue;
      if (found.matches("li, section")) found.tabIndex = -1;
      found.focus({ preventScroll: true });
      if (root.activeElement === found) return;
    }
    this._host.dispatchEvent(new CustomEvent("focus-lost", { bubbles: true, composed: true }));
  }
}
