import { css, html, nothing, type PropertyValues } from "lit";
import { property } from "lit/decorators.js";
import { mdiFileDocumentOutline, mdiPlay } from "@mdi/js";
import { RUNNABLE, domainOf } from "../config";
import { UserError } from "../context";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { SOURCE_ICONS } from "../icons";
import { partTexts } from "../localize";
import { afterDoubleTap, printOnce } from "../print-once";
import { nameOf, placeOf } from "../places";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/source.en.json";
import zh from "../translations/source.zh-Hans.json";
import type { CallResult, Printer, QuickButton, Refusal } from "../types";
import { Part } from "./part";

const PRINT = "lianke.print";
/* Maximum number of presses that wait for a refusal, and of refusals that wait for the answer to their press. */
const KEPT = 20;
const texts = partTexts(en, zh);

/* Adds an entry, and deletes the oldest entries if there are more than KEPT. */
const keep = <T>(map: Map<string, T>, key: string, value: T): void => {
  map.set(key, value);
  for (const old of [...map.keys()].slice(0, -KEPT)) map.delete(old);
};

/* Buttons that print a list, a picture or a text, or run a script; only for users who may print. */
@define("lianke-quick-buttons")
export class LiankeQuickButtons extends Part {
  @property({ attribute: false }) printers: Record<string, Printer> = {};
  /* From the feed's last message: the refusal of an automation or script that this user started, if there was one. */
  @property({ attribute: false }) refused: Refusal | null | undefined;

  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);
  /* Keys of pressed buttons, by the id of the context in which Home Assistant runs what the button starts. */
  private readonly _pressed = new Map<string, string>();
  /* Refusals, by the id of the same context: a refusal may arrive before Home Assistant has answered the press. */
  private readonly _refusals = new Map<string, Refusal>();

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

  /* Home Assistant answers a press before the script has run, and does not pass on the script's refusals, so the
     refusals come with the feed. A refusal of a press on another card or screen of this user has another context and is
     not shown. */
  protected override willUpdate(changed: PropertyValues): void {
    const { refused } = this;
    if (!changed.has("refused") || !refused?.began_in) return;
    keep(this._refusals, refused.began_in, refused);
    this._tell(refused.began_in);
  }

  private _began(key: string, { context }: CallResult): void {
    keep(this._pressed, context.id, key);
    this._tell(context.id);
  }

  /* Shows a refusal at its button, once both the press and the refusal are known. */
  private _tell(context: string): void {
    const key = this._pressed.get(context);
    const refusal = this._refusals.get(context);
    if (key == null || !refusal) return;
    this._refusals.delete(context);
    void this._tasks.fail(key, refusal);
  }

  protected override render() {
    const usable = this.context.config.buttons.filter((button) => this._isUsable(button));
    if (!usable.length) return nothing;
    const errors = usable.map((button) => this._tasks.errorOf(this._keyOf(button))).filter((text) => text != null);
    return html`<section aria-label=${texts.text(this.t, "quick")}>
      <div class="actions">${usable.map((button) => this._button(button))}</div>
      ${errors.map((text) => html`<p class="error" role="alert">${text}</p>`)}
    </section>`;
  }

  private _button(button: QuickButton) {
    const domain = domainOf(button.entity);
    const icon =
      SOURCE_ICONS[domain] ??
      (domain in RUNNABLE || (button.tap_action?.perform_action ?? PRINT) !== PRINT ? mdiPlay : mdiFileDocumentOutline);
    const key = this._keyOf(button);
    return html`<button
      data-key=${key}
      aria-disabled=${this._tasks.isWorking(key) ? "true" : nothing}
      @click=${() => this._tasks.run(key, () => this._press(button).then(afterDoubleTap))}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${this._nameOf(button)}${this._elsewhere(button)}
    </button>`;
  }

  private _keyOf(button: QuickButton): string {
    return `button-${this.context.config.buttons.indexOf(button)}`;
  }

  private _nameOf(button: QuickButton): string {
    const name = button.entity && this.context.hass.states[button.entity]?.attributes.friendly_name;
    return button.name || name || button.entity || texts.text(this.t, "print");
  }

  /* Names the button's printer if it is not on this card, since its jobs are not shown here; otherwise empty. */
  private _elsewhere(button: QuickButton): string {
    const { config, hass } = this.context;
    if (!button.device || !config.devices.length || config.devices.includes(button.device)) return "";
    const name = nameOf(hass.devices?.[button.device]);
    return name ? ` → ${this.t.named(name, placeOf(hass, button.device))}` : "";
  }

  private _deviceOf(button: QuickButton): string | undefined {
    return button.device || this.context.config.devices[0] || Object.keys(this.printers)[0];
  }

  private _isUsable(button: QuickButton): boolean {
    const action = button.tap_action?.perform_action;
    const prints = action ? action === PRINT : !(domainOf(button.entity) in RUNNABLE);
    const printer = prints ? this.printers[this._deviceOf(button) ?? ""] : undefined;
    // Nothing is known about a printer that is not on this card, so its button is for users who may print on at least
    // one printer of the card.
    return (printer ? [printer] : Object.values(this.printers)).some(({ may_control }) => may_control);
  }

  private async _press(button: QuickButton): Promise<void> {
    const key = this._keyOf(button);
    const { hass } = this.context;
    const { entity, tap_action: tap } = button;
    const [domain = "", action = ""] = tap?.perform_action?.split(".") ?? [];
    if (domain && tap?.perform_action !== PRINT) {
      const { data = {}, target = {} } = tap ?? {};
      const call = { type: "call_service", domain, service: action, service_data: data, target };
      this._began(key, await hass.callWS<CallResult>(call));
      return;
    }
    // For a missing entity, Home Assistant would do nothing and say so only in its log.
    if (entity && !hass.states[entity]) throw new UserError(texts.text(this.t, "missing", { entity }));
    const service = RUNNABLE[domainOf(entity)];
    if (entity && service && !domain) {
      this._began(key, await hass.callService(domainOf(entity), service, {}, { entity_id: entity }, false));
      return;
    }
    const what = JSON.stringify([this._deviceOf(button), button]);
    await printOnce(this.context, what, (requestId) => this._print(button, requestId));
    this.context.announceSubmitted(this._nameOf(button));
  }

  private async _print(button: QuickButton, requestId: string): Promise<void> {
    const { entity, tap_action: tap } = button;
    const target = tap?.target && Object.keys(tap.target).length ? tap.target : { device_id: this._deviceOf(button) };
    const given = { ...button.data, ...tap?.data };
    const data = {
      ...target,
      request_id: requestId,
      ...(entity ? { source_entity: entity } : {}),
      // A text has no title of its own, so it gets the button's name.
      ...("text" in given && button.name ? { title: button.name } : {}),
      ...given,
    };
    await this.context.call("print", data);
  }
}
