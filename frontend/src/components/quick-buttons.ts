import "../card"; // bundled in one piece
import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { mdiCalendar, mdiCamera, mdiClipboardListOutline, mdiFileDocumentOutline, mdiImage, mdiPlay } from "@mdi/js";
import { RUNNABLE } from "../config";
import { randomId } from "../context";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import type { Printer, QuickButton } from "../types";
import { Part } from "./part";

const ICONS: Record<string, string> = {
  todo: mdiClipboardListOutline,
  calendar: mdiCalendar,
  camera: mdiCamera,
  image: mdiImage,
};

const domainOf = (button: QuickButton) => button.entity?.split(".")[0] ?? "";

/* Buttons that print a list, a picture or a text, or run a script; only for who may print. */
@define("lianke-quick-buttons")
export class LiankeQuickButtons extends Part {
  @property({ attribute: false }) printers: Record<string, Printer> = {};

  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    css`
      section {
        padding: 14px 16px 16px;
      }
      .error {
        margin-top: 8px;
      }
    `,
  ];

  protected override render() {
    const usable = this.context.config.buttons.filter((button) => this._isUsable(button));
    if (!usable.length) return nothing;
    const errors = usable.map((button) => this._tasks.errorOf(this._keyOf(button))).filter((text) => text != null);
    return html`<section aria-label=${this.t.text("quick")}>
      <div class="actions">${usable.map((button) => this._button(button))}</div>
      ${errors.map((text) => html`<p class="error" role="alert">${text}</p>`)}
    </section>`;
  }

  private _button(button: QuickButton) {
    const domain = domainOf(button);
    const icon = ICONS[domain] ?? (domain in RUNNABLE ? mdiPlay : mdiFileDocumentOutline);
    const key = this._keyOf(button);
    return html`<button
      data-key=${key}
      aria-disabled=${this._tasks.isWorking(key) ? "true" : nothing}
      @click=${() => this._tasks.run(key, () => this._press(button))}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${this._nameOf(button)}
    </button>`;
  }

  private _keyOf(button: QuickButton): string {
    return `button-${this.context.config.buttons.indexOf(button)}`;
  }

  private _nameOf(button: QuickButton): string {
    const name = button.entity && this.context.hass.states[button.entity]?.attributes.friendly_name;
    return button.name || name || button.entity || this.t.text("print");
  }

  /* Return the printer that a button prints on: its own, else the card's first. */
  private _deviceOf(button: QuickButton): string | undefined {
    return button.device || this.context.config.devices[0] || Object.keys(this.printers)[0];
  }

  private _isUsable(button: QuickButton): boolean {
    if (domainOf(button) in RUNNABLE) return Object.values(this.printers).some((printer) => printer.may_control);
    // A printer that this card does not show may still be one that can be printed on.
    return this.printers[this._deviceOf(button) ?? ""]?.may_control ?? true;
  }

  private async _press(button: QuickButton): Promise<void> {
    const { hass } = this.context;
    const { entity } = button;
    const service = RUNNABLE[domainOf(button)];
    if (entity && service) {
      await hass.callService(domainOf(button), service, {}, { entity_id: entity }, false);
      return;
    }
    await this.context.call("print", {
      device_id: this._deviceOf(button),
      request_id: `card-${randomId()}`,
      ...(entity ? { source_entity: entity } : {}),
      ...button.data,
    });
    this.context.announceSubmitted(this._nameOf(button));
  }
}
