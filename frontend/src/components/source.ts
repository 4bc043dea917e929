import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { mdiPrinter, mdiTuneVariant } from "@mdi/js";
import type { HassEntity } from "home-assistant-js-websocket";
import { domainOf } from "../config";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { SOURCE_ICONS } from "../icons";
import { partTexts } from "../localize";
import { afterDoubleTap, printOnce } from "../print-once";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/source.en.json";
import zh from "../translations/source.zh-Hans.json";
import type { Printer } from "../types";
import { Part } from "./part";
import "./header";

const texts = partTexts(en, zh);

/* The list, calendar, camera or image that the card prints, with the buttons that print it. */
@define("lianke-source")
export class LiankeSource extends Part {
  /* Undefined while Home Assistant has no such entity. */
  @property({ attribute: false }) entity: HassEntity | undefined;
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
    `,
  ];

  protected override render() {
    const { t, entity } = this;
    const id = this.context.config.source_entity ?? "";
    const domain = domainOf(id);
    const device = this._device;
    const error = this._tasks.errorOf(id);
    const resting = this._tasks.isWorking(id);
    const name = entity?.attributes.friendly_name ?? id;
    return html`<section class="column" aria-label=${name} data-key="section">
      <lianke-header
        .context=${this.context}
        .name=${name}
        .icon=${SOURCE_ICONS[domain]}
        .tone=${entity ? "busy" : "off"}
        .facts=${entity ? this._facts(entity, domain) : []}
        .entityId=${entity?.entity_id}
      ></lianke-header>
      ${entity ? nothing : html`<p class="soft">${texts.text(t, "missing", { entity: id })}</p>`}
      ${
        entity && device
          ? html`<div class="actions">
              <button
                class="main"
                data-key="print"
                aria-disabled=${resting ? "true" : nothing}
                @click=${() => this._tasks.run(id, () => this._print(device, id, name))}
              >
                <ha-svg-icon .path=${mdiPrinter}></ha-svg-icon>${texts.text(t, `print_${domain}` as keyof typeof en)}
              </button>
              <button
                data-key="options"
                aria-label=${texts.text(t, "options_name")}
                @click=${() => this._tasks.run(id, () => this._choose(device, id, name))}
              >
                <ha-svg-icon .path=${mdiTuneVariant}></ha-svg-icon>${texts.text(t, "options")}
              </button>
            </div>`
          : nothing
      }
      ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
    </section>`;
  }

  /* The card's first printer on which this user may print. */
  private get _device(): string | undefined {
    const { devices } = this.context.config;
    return (devices.length ? devices : Object.keys(this.printers)).find((one) => this.printers[one]?.may_control);
  }

  private _facts({ state, attributes }: HassEntity, domain: string): string[] {
    const { t } = this;
    if (domain === "todo" && /^\d+$/.test(state))
      return [Number(state) ? texts.count(t, "items", Number(state)) : texts.text(t, "no_items")];
    if (domain === "calendar" && ["on", "off"].includes(state))
      return [attributes["message"] ? String(attributes["message"]) : texts.text(t, "no_events")];
    return [];
  }

  private async _print(device: string, entity: string, name: string): Promise<void> {
    await printOnce(this.context, `${device} ${entity}`, (requestId) =>
      this.context.call("print", { device_id: device, request_id: requestId, source_entity: entity }),
    );
    this.context.announceSubmitted(name);
    await afterDoubleTap();
  }

  /* Adds the entity to the batch, where the user can look at a preview and choose options before printing. */
  private _choose(device: string, entity_id: string, name: string): Promise<void> {
    return this.addTo(device, (batch) => batch.addEntity({ entity_id, name }));
  }
}
