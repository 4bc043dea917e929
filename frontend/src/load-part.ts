import type { LitElement } from "lit";

/* Have a part of the card loaded that is drawn once it is there. */
export const loadPart = (part: Promise<unknown>): void => {
  // Of a card that was updated meanwhile nothing can be loaded; the page says so where something is pressed.
  part.catch(() => undefined);
};

/* Have the keyboard's focus kept from now on; the first drawing can take it from nothing. */
export const keepFocus = (host: LitElement): void =>
  loadPart(import("./focus-keeper").then(({ FocusKeeper }) => new FocusKeeper(host)));
