import { expect, it } from "vitest";
import { UserError } from "../src/context";
import { loadNeeded } from "../src/load-part";
import { pageStrings } from "../src/localize";

it("asks to reload the page if the part that a press needs no longer exists", async () => {
  const failed = loadNeeded(Promise.reject(new TypeError("Failed to fetch dynamically imported module")));
  await expect(failed).rejects.toThrow(new UserError(pageStrings().reload));
});

it("returns the part otherwise", async () => {
  expect(await loadNeeded(Promise.resolve({ part: 1 }))).toEqual({ part: 1 });
});
