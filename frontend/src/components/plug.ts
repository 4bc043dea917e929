import { css, html } from "lit";
import { property } from "lit/decorators.js";
import { mdiPower } from "@mdi/js";
import type { CardContext } from "../context";
import { define } from "../define";
import { partTexts } from "../localize";
import { afterDoubleTap } from "../print-once";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/plug.en.json";
import zh from "../translations/plug.zh-Hans.json";
import { Part } from "./part";

export const plugTexts = partTexts(en, zh);

/* Switches on the smart plug named in the card's configuration. The card never switches it off, since it cannot know
   whether the printer is still printing, cleaning its head or cooling down. */
export const switchOn = ({ config, hass }: CardContext): Promise<unknown> =>
  hass.callService("homeassistant", "turn_on", {}, { entity_id: config.plug ?? "" }, false);

/* The button that switches on a printer whose plug is off. Loaded only when a plug is off. */
@define("lianke-plug")
export class LiankePlug extends Part {
  /* Whether jobs wait for the printer; they are printed automatically once it is on. */
  @property({ attribute: false }) waiting = false;

  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    css`
      p {
        margin-top: 8px;
      }
    `,
  ];

  protected override render() {
    const error = this._tasks.errorOf("plug");
    return html`<div class="actions">
        <button
          data-key="plug"
          aria-disabled=${this._tasks.isWorking("plug") ? "true" : "false"}
          @click=${() => this._tasks.run("plug", () => switchOn(this.context).then(afterDoubleTap))}
        >
          <ha-svg-icon .path=${mdiPower}></ha-svg-icon>${plugTexts.text(this.t, this.waiting ? "on_and_print" : "on")}
        </button>
      </div>
      ${error ? html`<p class="error" role="alert">${error}</p>` : ""}`;
  }
}
