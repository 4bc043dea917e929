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

/* Switches on the plug that the card's configuration names. The card never switches it off: nobody knows here whether a
   printer still prints, dries its head or cools down. */
export const switchOn = ({ config, hass }: CardContext): Promise<unknown> =>
  hass.callService("homeassistant", "turn_on", {}, { entity_id: config.plug ?? "" }, false);

/* The button that switches on a printer whose plug is off. Loaded when a plug is off. */
@define("lianke-plug")
export class LiankePlug extends Part {
  /* Whether jobs wait for the printer: they print by themselves once it is on. */
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
