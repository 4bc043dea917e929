import { Part } from "../components/part";
import { released } from "../hand";

/* A part of what is about to be printed, which draws itself anew where a preview comes. */
export abstract class SteadyPart extends Part {
  protected override async scheduleUpdate(): Promise<void> {
    await released();
    super.scheduleUpdate();
  }
}
