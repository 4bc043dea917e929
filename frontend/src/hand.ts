/*
 * What guard.ts, which is loaded later, knows of fingers: a press of a button that is under way. And it wants to see the cards
 * before anything is drawn that nobody here may have asked for: news, or what comes after a while, as previews do.
 */
export const hand: { press?: Promise<unknown>; watch?: (isNews: boolean) => void } = {};

/* Wait until a part may be drawn anew by itself: not while a button is held down. */
export const released = async (): Promise<void> => {
  await hand.press;
  hand.watch?.(false);
};
