/* A press in progress. guard.ts, which is loaded later, fills this in. */
export const pressing: {
  /* Pending while a button is held down; nothing may be redrawn until it resolves. */
  ended?: Promise<unknown>;
  /* Called before a redraw that the user may not expect: with news (`isNews`), or with a preview that took a while. */
  beforeDrawing?: (isNews: boolean) => void;
} = {};

/* Waits until no button is held down; called by parts that redraw without being pressed. */
export const pressEnded = async (): Promise<void> => {
  await pressing.ended;
  pressing.beforeDrawing?.(false);
};
