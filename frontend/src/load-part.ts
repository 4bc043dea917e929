/* Loads a part of the card; its elements are drawn once it is loaded. */
export const loadPart = (part: Promise<unknown>): void => {
  // After an update of the card, the old parts no longer exist. No error is shown here: a press that needs a missing
  // part asks the user to reload the page.
  part.catch(() => undefined);
};
