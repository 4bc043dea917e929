import { expect, test } from "vitest";
import { withDefaults } from "../src/config";
import { isLost, UserError } from "../src/context";
import { fill, Localizer } from "../src/localize";
import { makeContext, makeHass } from "./stand-in";

test("placeholders without a value stay", () => {
  expect(fill("{a} and {b}", { a: 1 })).toBe("1 and {b}");
});

test("counts have a singular where the language has one", () => {
  const english = new Localizer(makeHass());
  expect([english.count("pages", 1), english.count("pages", 2)]).toEqual(["1 page", "2 pages"]);
  const chinese = new Localizer(makeHass({}, "zh-Hans"));
  expect(chinese.count("total", 4)).toBe("累计打印 4 页");
});

test("sizes are written as people read them", () => {
  const t = new Localizer(makeHass());
  expect([t.bytes(10), t.bytes(9_400), t.bytes(52_428_800)]).toEqual(["0.1 kB", "9.4 kB", "52 MB"]);
});

test("times follow the server's zone and the user's clock", () => {
  const hass = { ...makeHass(), locale: { language: "en", time_format: "24", time_zone: "server" } };
  const t = new Localizer({ ...hass, config: { time_zone: "Asia/Shanghai" } });
  expect(t.time("2020-11-26T06:51:34+00:00")).toContain("14:51");
});

test("errors become sentences", async () => {
  const context = makeContext();
  expect(await context.explain(new UserError("as it is"))).toBe("as it is");
  // The sentence fits any press, not only a print.
  expect(await context.explain(3)).not.toContain("Print");
  expect(await context.explain({ error: { code: 3 } })).toContain("connection was lost");
  expect(await context.explain({ code: "unauthorized" })).toContain("You may not do this");
  expect(await context.explain({ code: "x", message: "why" })).toBe("That did not work: why");
  const refused = {
    translation_domain: "lianke",
    translation_key: "too_many_jobs",
    translation_placeholders: { limit: "3" },
  };
  expect(await context.explain(refused)).toMatch(/limit of 3 jobs/);
  expect(isLost(null)).toBe(false);
});

test("a configuration with empty values shows all that one without them shows", () => {
  expect(withDefaults({ type: "t", devices: null, show: null })).toMatchObject({
    devices: [],
    history: 3,
    buttons: [],
  });
});
