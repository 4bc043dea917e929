import { hand } from "../card";
import { Part } from "../components/part";

/* A part of what is about to be printed, which draws itself anew where a preview comes: not while a button is held down. */
export abstract class SteadyPart extends Part {
  protected override async scheduleUpdate(): Promise<void> {
    await hand.press;
    super.scheduleUpdate();
  }
}
