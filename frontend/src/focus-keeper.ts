/*
 * Gives the keyboard's focus to something near when an update takes away the control that had it.
 *
 * The control itself is found again by its data-key if it was drawn anew elsewhere. Else a row or a section gets the focus,
 * but no other button, which a key held down would press.
 */
import type { LitElement, ReactiveController } from "lit";

const keyOf = (element: Element) => (element as HTMLElement).dataset?.key;

/* Return the keys of what is near a control, the nearest first. */
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
    // A drag, or the user, has moved the focus meanwhile.
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
