/* A press in progress. guard.ts, which is loaded later, fills this in. */
export const pressing: {
  /* Pending while a button is held down, when nothing may be redrawn. */
  ended?: Promise<unknown>;
  /* Called before a drawing that the user may not expect: news, or a preview that took a while. */
  beforeDrawing?: (isNews: boolean) => void;
} = {};

/* For parts that redraw by themselves: waits while a button is held down. */
export const pressEnded = async (): Promise<void> => {
  await pressing.ended;
  pressing.beforeDrawing?.(false);
};
