import { LitElement, css, html, nothing, type PropertyValues } from "lit";
import { state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { cardsOnPage } from "./cards";
import { CARD, SIMPLE, assertConfig, isPrinterEntity, stubConfig, withDefaults } from "./config";
import { CardContext } from "./context";
import { define } from "./define";
import { FeedController } from "./feed";
import { pressing } from "./pressing";
import { loadNeeded, loadPart } from "./load-part";
import { Localizer, lacksTexts, languageOf, loadTexts, loadTraditional } from "./localize";
import { placeOf } from "./places";
import type { Batch } from "./print/batch";
import { base } from "./styles";
import { jobsOf } from "./summary";
import type { HassEntity } from "home-assistant-js-websocket";
import type { CardConfig, Feed, HomeAssistant } from "./types";
import "./components/printer";

/* Detail of the event `add-files`: `add` adds documents to the batch of a device. */
interface AddFiles {
  device: string;
  add(batch: Batch): void;
  resolve(): void;
  reject(error: unknown): void;
}

/* Batches from cards that Home Assistant has removed, for example after a reconnect: by the card's configuration, then
   by device. The next card with the same configuration takes the batches over. */
const orphans = new Map<string, Map<string, Batch>>();

/* Letters typed in a drop-down list choose an entry. Home Assistant must not see them, as it would take them for its
   shortcuts: typing "A4" would open Assist. */
const keepLetters = (event: KeyboardEvent) => {
  if (event.key.length === 1 && event.composedPath()[0] instanceof HTMLSelectElement) event.stopPropagation();
};

/* The dashboard card: implements Home Assistant's interface for cards, and holds the state that its parts share. */
@define(CARD)
export class LiankeCard extends LitElement {
  @state() private _config: CardConfig | undefined;
  @state() private _context: CardContext | undefined;
  @state() private _announced = "";
  /* State of the list, calendar, camera or image that the card prints. */
  @state() private _source: HassEntity | undefined;

  /* Whether the smart plug named in the configuration is off. */
  @state() private _isPlugOff = false;

  private _hass: HomeAssistant | undefined;
  private _batches = new Map<string, Batch>();
  private readonly _feed = new FeedController(
    this,
    (data) => this._received(data),
    async (error) => (await this._context?.explain(error)) ?? "",
  );

  static override styles = [
    base,
    css`
      ha-card {
        height: 100%;
        box-sizing: border-box;
        overflow: hidden;
        font-size: var(--ha-font-size-m, 14px);
        line-height: calc(20 / 14);
      }
      h2 {
        padding: 16px 16px 0;
        font-size: var(--ha-font-size-xl, 20px);
        line-height: 1.4;
      }
      .plain {
        padding: 14px 16px 16px;
      }
      :is(lianke-printer, lianke-source) + :is(lianke-printer, lianke-quick-buttons) {
        border-top: 1px solid var(--divider-color);
      }
      .hidden {
        position: absolute;
        width: 1px;
        height: 1px;
        overflow: hidden;
        clip-path: inset(50%);
      }
    `,
  ];

  static getStubConfig(hass: HomeAssistant) {
    return stubConfig(Object.values(hass.entities).find(isPrinterEntity)?.device_id);
  }

  static async getConfigElement() {
    const { createEditor } = await import("./editor");
    return createEditor();
  }

  setConfig(config: Record<string, unknown>): void {
    assertConfig(config);
    this._config = withDefaults(config);
    this._setUp();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("keydown", keepLetters);
    cardsOnPage.add(this);
    this._adopt();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener("keydown", keepLetters);
    cardsOnPage.delete(this);
    for (const batch of this._batches.values())
      if (batch.items.length) orphans.set(JSON.stringify(this._config), this._batches);
    // The card that replaces this card may already be on the page.
    for (const card of cardsOnPage) (card as LiankeCard)._adopt();
  }

  private _adopt(): void {
    const key = JSON.stringify(this._config);
    const batches = orphans.get(key);
    if (!batches || !this._context) return;
    orphans.delete(key);
    this._batches = batches;
    for (const batch of batches.values()) batch.context = this._context;
    this.requestUpdate();
  }

  getCardSize(): number {
    return this._config?.layout === "compact" ? 1 : this._config?.show === SIMPLE ? 3 : 6;
  }

  getGridOptions() {
    return { columns: this._config?.layout === "compact" ? 6 : 12, min_columns: 6, rows: "auto" };
  }

  get hass(): HomeAssistant {
    return this._hass as HomeAssistant;
  }

  /* Home Assistant sets `hass` at every state change, so the card is redrawn only if something that it shows has
     changed. */
  set hass(hass: HomeAssistant) {
    const before = this._hass;
    this._hass = hass;
    const source = this._config?.source_entity;
    if (source) this._source = hass.states[source];
    this._isPlugOff = hass.states[this._config?.plug ?? ""]?.state === "off";
    if (before?.devices !== hass.devices) this.requestUpdate();
    if ((["connection", "localize", "locale"] as const).every((key) => before?.[key] === hass[key])) return;
    if (!before || languageOf(before) !== languageOf(hass)) void loadTexts(hass);
    this._setUp();
  }

  /* Makes screen readers read a text aloud. */
  announce(text: string): void {
    this._announced = text;
  }

  private _setUp(): void {
    if (!this._config || !this._hass) return;
    if (lacksTexts(languageOf(this._hass))) return void loadTraditional().then(() => this._setUp());
    this._context = new CardContext(this, new Localizer(this._hass), this._config);
    // Load these parts now, so that they arrive while the feed's first message is on its way.
    if (this._config.show === SIMPLE) loadPart(import("./components/simple"));
    else loadPart(import("./components/jobs"));
    if (this._config.buttons.length) loadPart(import("./components/quick-buttons"));
    if (this._config.source_entity) loadPart(import("./components/source"));
    for (const batch of this._batches.values()) batch.context = this._context;
    this._feed.follow(this._hass.connection, this._config.devices);
  }

  private _received(data: Feed): void {
    for (const batch of this._batches.values()) batch.jobsArrived(data.jobs);
  }

  protected override async scheduleUpdate(): Promise<void> {
    await pressing.ended;
    super.scheduleUpdate();
  }

  protected override shouldUpdate(changed: PropertyValues): boolean {
    return this._context !== undefined && super.shouldUpdate(changed);
  }

  protected override render() {
    const context = this._context as CardContext;
    const { title } = context.config;
    return html`<ha-card lang=${context.localizer.lang}>
      ${title ? html`<h2>${title}</h2>` : nothing}${this._body(context)}
      <div class="hidden" aria-live="polite">${this._announced}</div>
    </ha-card>`;
  }

  private _body(context: CardContext) {
    const { localizer, config } = context;
    const plain = (text: string) => html`<p class="plain soft">${text}</p>`;
    const { data, absent, problem } = this._feed;
    const away = problem || localizer.text("not_running");
    if (!data) return plain(absent ? away : localizer.text("loading"));
    const devices = config.devices.length ? config.devices : Object.keys(data.printers);
    if (!devices.length) return plain(absent ? away : localizer.text("no_printer"));
    if (config.show === SIMPLE && !absent)
      return html`<lianke-simple
        .context=${context}
        .feed=${data}
        .devices=${devices}
        .batch=${[...this._batches.values()].find(({ items }) => items.length)}
        @add-files=${this._addFiles}
      ></lianke-simple>`;
    // While the integration does not answer, only printers for which documents are chosen stay on the card.
    const shown = absent ? devices.filter((device) => this._batches.get(device)?.items.length) : devices;
    return html`${absent ? plain(away) : nothing}
    ${
      config.source_entity && !absent
        ? html`<lianke-source
            .context=${context}
            .entity=${this._source}
            .printers=${data.printers}
            @add-files=${this._addFiles}
          ></lianke-source>`
        : nothing
    }
    ${repeat(
      shown,
      (device) => device,
      (device) => this._printer(context, data, device, devices.length > 1, absent),
    )}
    ${
      config.buttons.length && !absent
        ? html`<lianke-quick-buttons
            .context=${context}
            .printers=${data.printers}
            .refused=${data.refused}
          ></lianke-quick-buttons>`
        : nothing
    }`;
  }

  private _printer(context: CardContext, data: Feed, device: string, several: boolean, absent: boolean) {
    const { open, finished } = jobsOf(data, device);
    return html`<lianke-printer
      .context=${context}
      .device=${device}
      .printer=${absent ? undefined : data.printers[device]}
      .place=${placeOf(context.hass, device)}
      .isKnown=${!context.hass.devices || device in context.hass.devices}
      .open=${open}
      .finished=${finished}
      .keyRejected=${data.key_rejected?.includes(device) ?? false}
      .slim=${context.compact || several}
      .batch=${this._batches.get(device)}
      .isPlugOff=${this._isPlugOff}
      @add-files=${this._addFiles}
    ></lianke-printer>`;
  }

  private readonly _addFiles = async (event: CustomEvent<AddFiles>) => {
    const { device, add, resolve, reject } = event.detail;
    try {
      const { Batch } = await loadNeeded(import("./print/print"));
      const batch = this._batches.get(device) ?? new Batch(this._context as CardContext, device);
      this._batches.set(device, batch);
      add(batch);
      this.requestUpdate();
      // If Home Assistant has replaced this card while print.ts was loading, leave the batch to the new card.
      if (!this.isConnected) this.disconnectedCallback();
      await this.updateComplete;
      resolve();
    } catch (error) {
      reject(error);
    }
  };
}
