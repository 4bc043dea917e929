/* The printer's plug: switched on by the user's press, and before what is printed. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SCENES, all, home, set, settle, type Scene } from "./scenes";
import { asked } from "./stand-in";

vi.mock("../src/print/upload", () => ({ upload: async () => "file" }));

beforeEach(() => void (home.refuses = false));
afterEach(() => void vi.useRealTimers());

const press = async (key: string) => {
  (all(`[data-key=${key}]`)[0] as HTMLElement).click();
  await settle(2000);
};
const actions = () =>
  asked
    .map(({ domain, service, target }) => [domain, service, target].filter(Boolean))
    .filter(([first]) => first === "homeassistant" || first === "print");
const SWITCHED = ["homeassistant", "turn_on", { entity_id: "switch.plug" }];
const scene = (name: string): Scene => ({ ...(SCENES[name] as Scene), config: { plug: "switch.plug" } });

test.each([
  ["en", "Switch on and print"],
  ["zh-Hans", "打开电源并打印"],
])("waiting jobs print once their printer is on (%s)", async (language, words) => {
  await set(scene("with its plug off"), language);
  expect(all("[data-key=plug]")[0]?.textContent?.trim()).toBe(words);
  await press("plug");
  expect(actions()).toEqual([SWITCHED]);
});

test("a printer without waiting jobs is only switched on", async () => {
  await set(scene("at rest"));
  expect(all("[data-key=plug]")[0]?.textContent?.trim()).toBe("Switch on");
});

test("Print switches on first", async () => {
  await set(scene("with a single file"));
  expect(all("[data-key=plug]")).toEqual([]);
  expect(all("[data-key=print]")[0]?.textContent?.trim()).toBe("Switch on and print");
  await press("print");
  expect(actions()).toEqual([SWITCHED, ["print"]]);
});

test("nothing is printed if the plug cannot be switched on, and the card says why", async () => {
  await set(scene("with a single file"));
  home.refuses = true;
  await press("print");
  await vi.waitFor(() =>
    expect(all("[role=alert]").map((one) => one.textContent)).toEqual(["That did not work: no current"]),
  );
  expect(actions()).toEqual([]);
  home.refuses = false;
  await press("print");
  expect(actions()).toEqual([SWITCHED, ["print"]]);
});
