/* Have a part of the card loaded that is drawn once it is there. */
export const loadPart = (part: Promise<unknown>): void => {
  // Of a card that was updated meanwhile nothing can be loaded; the page says so where something is pressed.
  part.catch(() => undefined);
};
