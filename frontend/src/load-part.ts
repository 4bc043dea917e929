import { UserError } from "./context";
import { pageStrings } from "./localize";

/* Loads a part of the card; its elements are drawn once it is loaded. */
export const loadPart = (part: Promise<unknown>): void => {
  // After an update of the card, the old parts no longer exist. No error is shown here: a press that needs a missing
  // part asks the user to reload the page.
  part.catch(() => undefined);
};

/* Loads a part that a press needs. Throws a UserError that asks to reload the page if the part no longer exists. */
export const loadNeeded = <Part>(part: Promise<Part>): Promise<Part> =>
  part.catch(() => {
    throw new UserError(pageStrings().reload);
  });
