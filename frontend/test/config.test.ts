import { expect, test } from "vitest";
import { assertConfig, suggestCard, withDefaults } from "../src/config";
import { makeHass } from "./stand-in";
import type { HomeAssistant } from "../src/types";

const house = (): HomeAssistant => {
  const hass = makeHass();
  hass.entities = {
    "notify.laser": { entity_id: "notify.laser", device_id: "laser", platform: "lianke" },
    "sensor.laser": { entity_id: "sensor.laser", device_id: "laser", platform: "lianke" },
    "notify.phone": { entity_id: "notify.phone", device_id: "phone", platform: "mobile_app" },
    "todo.shopping": { entity_id: "todo.shopping", platform: "local_todo" },
  };
  return hass;
};

test("a card is suggested for each entity of a printer", () => {
  expect(suggestCard(house(), "sensor.laser")?.config.devices).toEqual(["laser"]);
  expect(suggestCard(house(), "notify.phone")).toBeNull();
});

test("a card that prints it is suggested for a list and a calendar", () => {
  for (const entity of ["todo.shopping", "calendar.family"]) {
    const config = suggestCard(house(), entity)?.config ?? {};
    expect(config).toMatchObject({ devices: ["laser"], source_entity: entity, show: ["jobs"] });
    expect(() => assertConfig(config)).not.toThrow();
    expect(withDefaults(config).source_entity).toBe(entity);
  }
});

test("without a printer nothing is suggested", () => {
  expect(suggestCard(makeHass(), "todo.shopping")).toBeNull();
});

test.each([
  [{ devices: "one" }, "devices"],
  [{ layout: "huge" }, "layout"],
  [{ show: ["everything"] }, "show"],
  [{ history: 21 }, "history"],
  [{ buttons: [{ name: "nothing to do" }] }, "buttons"],
  [{ source_entity: "light.hall" }, "source_entity"],
  [{ plug: "switch" }, "plug"],
  [{ plug: "switch.plug" }, "plug"],
  [{ plug: "switch.plug", devices: ["one", "two"] }, "plug"],
])("%j cannot be shown, and is refused by name", (config, key) => {
  expect(() => assertConfig(config)).toThrow(`The card cannot use this value of ${key}`);
});
