/* Loads a part of the card, which is drawn once it is there. */
export const loadPart = (part: Promise<unknown>): void => {
  // After an update of the card its old parts are gone; whoever presses something is told so.
  part.catch(() => undefined);
};
