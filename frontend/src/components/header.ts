import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { mdiAlertOutline, mdiPowerPlugOff, mdiPrinter } from "@mdi/js";
import { define } from "../define";
import { base, tones } from "../styles";
import type { Tone } from "../summary";
import { Part } from "./part";

const iconOf = (tone: Tone) =>
  tone === "off" ? mdiPowerPlugOff : tone === "warn" || tone === "bad" ? mdiAlertOutline : mdiPrinter;

/* The name and state of a printer, or of an entity that the card prints, laid out like a tile. A press opens the
   details of the entity. */
@define("lianke-header")
export class LiankeHeader extends Part {
  @property({ attribute: false }) name = "";
  @property({ attribute: false }) facts: string[] = [];
  @property({ attribute: false }) tone: Tone = "off";
  /* Whether the header is as high as a tile, with one line for the name and one for the state. */
  @property({ type: Boolean, reflect: true }) tile = false;
  /* An icon to show instead of the tone's icon. */
  @property({ attribute: false }) icon: string | undefined;
  /* The entity whose details a press opens; without an entity the header cannot be pressed. */
  @property({ attribute: false }) entityId: string | undefined;

  static override styles = [
    base,
    tones,
    css`
      :host {
        container-type: inline-size;
      }
      .head {
        position: relative;
        display: flex;
        align-items: center;
        gap: 10px;
        min-height: 36px;
      }
      button {
        all: unset;
        position: absolute;
        inset: -6px;
        cursor: pointer;
        border-radius: var(--ha-border-radius-lg, 12px);
      }
      button:hover {
        background: var(--tint);
      }
      button:focus-visible {
        outline: 2px solid var(--primary-color);
      }
      .badge,
      .texts {
        pointer-events: none;
        position: relative;
      }
      /* Too narrow for both; the state is also written below the name. */
      @container (max-width: 150px) {
        .badge {
          display: none;
        }
      }
      .name {
        font-size: var(--ha-font-size-m, 14px);
        line-height: calc(20 / 14);
        font-weight: var(--ha-font-weight-medium, 500);
        overflow: hidden;
        text-overflow: ellipsis;
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 2;
        overflow-wrap: break-word;
      }
      :host([tile]) :is(.name, .soft) {
        display: block;
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      slot {
        display: flex;
        position: relative;
        /* The buttons do not make the head higher, and they end where the buttons of rows end. */
        margin: -2px 0;
        margin-inline-end: -8px;
      }
      @container (max-width: 240px) {
        :host(:not([tile])) slot {
          flex-direction: column;
        }
      }
    `,
  ];

  protected override render() {
    const { name, tone } = this;
    return html`<div class="head">
      ${
        this.entityId
          ? html`<button aria-label=${this.t.text("more_info", { name })} @click=${this._showDetails}></button>`
          : nothing
      }
      <div class="badge ${tone} ${tone === "busy" && !this.icon ? "pulse" : ""}">
        <ha-svg-icon .path=${this.icon ?? iconOf(tone)}></ha-svg-icon>
      </div>
      <div class="texts grow">
        <div class="name">${name}</div>
        <div class="soft">${this.facts.filter(Boolean).join(" · ")}</div>
      </div>
      <slot></slot>
    </div>`;
  }

  private readonly _showDetails = () => this.fire("hass-more-info", { entityId: this.entityId });
}
