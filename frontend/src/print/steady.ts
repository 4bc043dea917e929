import { Part } from "../components/part";

/* ms: a touch makes its click a moment after it has ended. */
const UNTIL_CLICK = 50;
/* ms: whoever holds a button down for longer means something else. */
const LONGEST_PRESS = 3000;

/* Over with the press of a button that is under way, if one is. */
let pressed: Promise<unknown> | undefined;

const press = (event: Event) => {
  if (!event.composedPath().some((node) => node instanceof HTMLButtonElement)) return;
  pressed = new Promise((resolve) => {
    const signal = AbortSignal.timeout(LONGEST_PRESS);
    signal.addEventListener("abort", resolve);
    const ended = () => setTimeout(resolve, UNTIL_CLICK);
    for (const type of ["pointerup", "pointercancel"])
      window.addEventListener(type, ended, { capture: true, once: true, signal });
  });
};

/*
 * A part of what is about to be printed. Nothing is drawn anew while a button in it is held down: the browser takes none
 * for pressed that has moved away from under the finger meanwhile, as when a preview comes.
 */
export abstract class SteadyPart extends Part {
  constructor() {
    super();
    this.addEventListener("pointerdown", press);
  }

  protected override async scheduleUpdate(): Promise<void> {
    await pressed;
    super.scheduleUpdate();
  }
}
