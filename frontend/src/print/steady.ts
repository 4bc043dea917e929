import { Part } from "../components/part";
import { pressEnded } from "../pressing";

/* A part that is redrawn when a preview arrives, but not while a button is held down. */
export abstract class SteadyPart extends Part {
  protected override async scheduleUpdate(): Promise<void> {
    await pressEnded();
    super.scheduleUpdate();
  }
}
