/* Filled by guard.ts, which is loaded later. `press` is pending while a button is held down; `watch` is called before a
   drawing that the user may not expect: news, or a preview that took a while. */
export const hand: { press?: Promise<unknown>; watch?: (isNews: boolean) => void } = {};

/* For parts that redraw by themselves: waits while a button is held down. */
export const released = async (): Promise<void> => {
  await hand.press;
  hand.watch?.(false);
};
