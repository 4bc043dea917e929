/* Content of the badge and of the tile feature: the number of waiting jobs. Loaded when a dashboard has one of them. */
import { LitElement, css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { mdiPrinter } from "@mdi/js";
import { define } from "../define";
import { lacksTexts, languageOf, loadTraditional, textsIn } from "../localize";
import { base } from "../styles";
import en from "../translations/waiting.en.json";
import zh from "../translations/waiting.zh-Hans.json";
import type { HomeAssistant } from "../types";

@define("lianke-waiting")
export class LiankeWaiting extends LitElement {
  @property({ attribute: false }) hass: HomeAssistant | undefined;
  @property({ attribute: false }) config: { devices?: string[] } = {};
  /* The entity of the tile that the feature belongs to; undefined for a badge. */
  @property({ attribute: false }) context: { entity_id?: string } | undefined;

  static override styles = [
    base,
    css`
      button {
        all: unset;
        box-sizing: border-box;
        display: flex;
        align-items: center;
        justify-content: center;
        gap: 8px;
        width: 100%;
        min-height: var(--ha-badge-size, var(--feature-height, 36px));
        padding: 0 12px;
        cursor: pointer;
        font-size: var(--ha-font-size-s, 12px);
        font-weight: var(--ha-font-weight-medium, 500);
        color: var(--primary-text-color);
        background: var(--ha-card-background, var(--card-background-color));
        border: 1px solid var(--ha-card-border-color, var(--divider-color));
        border-radius: var(--ha-badge-border-radius, 18px);
      }
      .feature {
        min-height: var(--feature-height, 42px);
        border: none;
        border-radius: var(--feature-border-radius, 12px);
        background: var(--tint);
      }
      ha-svg-icon {
        --mdc-icon-size: 18px;
        color: var(--state-icon-color, var(--secondary-text-color));
      }
    `,
  ];

  protected override render() {
    const { hass, context } = this;
    if (!hass) return nothing;
    if (lacksTexts(languageOf(hass))) void loadTraditional().then(() => this.requestUpdate());
    const tile = context && hass.entities[context.entity_id ?? ""]?.device_id;
    const devices = tile ? [tile] : (this.config.devices ?? []);
    const sensors = Object.values(hass.entities).filter(
      (one) =>
        one.platform === "lianke" &&
        one.translation_key === "jobs_waiting" &&
        (!devices.length || devices.includes(one.device_id ?? "")),
    );
    const waiting = sensors.reduce((sum, { entity_id }) => sum + (Number(hass.states[entity_id]?.state) || 0), 0);
    const t = textsIn(languageOf(hass), en, zh);
    const words = waiting ? (waiting === 1 ? t.one : t.some).replace("{n}", String(waiting)) : t.none;
    const entityId = (sensors.find(({ entity_id }) => Number(hass.states[entity_id]?.state)) ?? sensors[0])?.entity_id;
    return html`<button class=${context ? "feature" : ""} @click=${() => this._open(entityId)}>
      <ha-svg-icon .path=${mdiPrinter}></ha-svg-icon>${words}
    </button>`;
  }

  private _open(entityId: string | undefined): void {
    if (entityId)
      this.dispatchEvent(new CustomEvent("hass-more-info", { detail: { entityId }, bubbles: true, composed: true }));
  }
}
