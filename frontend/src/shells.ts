/* The badge and the tile feature: empty elements, whose content is loaded when a dashboard has one of them. */
import { define } from "./define";
import { loadPart } from "./load-part";
import { pageStrings } from "./localize";
import type { HomeAssistant } from "./types";

declare global {
  interface Window {
    customBadges?: object[];
    customCardFeatures?: object[];
  }
}

const isOurs = (hass: HomeAssistant, { entity_id: id }: { entity_id: string }) =>
  hass.entities[id]?.platform === "lianke";

for (const [kind, list] of [
  ["badge", (window.customBadges ??= [])],
  ["feature", (window.customCardFeatures ??= [])],
] as const) {
  const type = `lianke-${kind}`;
  define(type)(
    class extends HTMLElement {
      private readonly _view = document.createElement("lianke-waiting");
      setConfig(config: object): void {
        loadPart(import("./components/waiting"));
        this.style.display = "block";
        this.append(Object.assign(this._view, { config }));
      }
      set hass(hass: HomeAssistant) {
        Object.assign(this._view, { hass });
      }
      set context(context: object) {
        Object.assign(this._view, { context });
      }
    },
  );
  list.push({ type, name: pageStrings().card, isSupported: isOurs });
}
