/* The form with which Home Assistant edits a card. Loaded when a card is edited. */
import "./card"; // bundled in one piece
import { LitElement, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { RUNNABLE, SECTIONS, SOURCES, assertConfig, stubConfig } from "./config";
import { define } from "./define";
import { isChinese, languageOf } from "./localize";
import en from "./translations/editor.en.json";
import zh from "./translations/editor.zh-Hans.json";
import type { HomeAssistant } from "./types";

type Strings = typeof en;
type Config = Record<string, unknown>;

const EDITOR = "lianke-card-editor";
const PRINTERS = { integration: "lianke", entity: [{ domain: "notify" }] };

const schemaFor = (t: Strings) => {
  const choices = (values: string[]) => values.map((value) => ({ value, label: t[value as keyof Strings] }));
  return [
    { name: "devices", selector: { device: { multiple: true, ...PRINTERS } } },
    { name: "title", selector: { text: {} } },
    { name: "layout", selector: { select: { mode: "dropdown", options: choices(["full", "compact"]) } } },
    { name: "show", selector: { select: { multiple: true, mode: "list", options: choices(SECTIONS) } } },
    { name: "history", selector: { number: { min: 0, max: 20, mode: "box" } } },
    { name: "hide_titles", selector: { boolean: {} } },
    {
      name: "buttons",
      selector: {
        object: {
          multiple: true,
          label_field: "name",
          description_field: "entity",
          fields: {
            name: { label: t.name, selector: { text: {} } },
            entity: {
              label: t.entity,
              selector: { entity: { filter: { domain: [...SOURCES, ...Object.keys(RUNNABLE)] } } },
            },
            device: { label: t.device, selector: { device: PRINTERS } },
            data: { label: t.data, selector: { object: {} } },
          },
        },
      },
    },
  ];
};

/* Home Assistant loads its forms when it needs one; the editor of one of its own cards does. */
const loadForms = async (): Promise<void> => {
  if (customElements.get("ha-form")) return;
  const helpers = await (window as unknown as { loadCardHelpers?: () => Promise<CardHelpers> }).loadCardHelpers?.();
  const card = helpers?.createCardElement({ type: "button" });
  await (card?.constructor as { getConfigForm?: () => Promise<unknown> } | undefined)?.getConfigForm?.();
};

interface CardHelpers {
  createCardElement(config: { type: string }): HTMLElement;
}

/* Edits a configuration with the defaults filled in; what nobody has changed is not stored. */
@define(EDITOR)
export class LiankeCardEditor extends LitElement {
  @property({ attribute: false }) hass: HomeAssistant | undefined;
  @state() private _config: Config | undefined;

  setConfig(config: Config): void {
    assertConfig(config);
    this._config = config;
  }

  protected override render() {
    if (!this.hass || !this._config) return nothing;
    const t: Strings = isChinese(languageOf(this.hass)) ? zh : en;
    return html`<ha-form
      .hass=${this.hass}
      .data=${{ ...stubConfig(), ...this._config }}
      .schema=${schemaFor(t)}
      .computeLabel=${({ name }: { name: string }) => t[name as keyof Strings]}
      .computeHelper=${({ name }: { name: string }) => t[`${name}_help` as keyof Strings]}
      @value-changed=${this._changed}
    ></ha-form>`;
  }

  private readonly _changed = (event: CustomEvent<{ value: Config }>) => {
    event.stopPropagation();
    const before = this._config ?? {};
    const defaults: Config = stubConfig();
    const isNews = ([name, value]: [string, unknown]) =>
      name in before || JSON.stringify(value) !== JSON.stringify(defaults[name]);
    const config = Object.fromEntries(Object.entries(event.detail.value).filter(isNews));
    this.dispatchEvent(new CustomEvent("config-changed", { detail: { config }, bubbles: true, composed: true }));
  };
}

export const createEditor = async (): Promise<HTMLElement> => {
  await loadForms();
  return document.createElement(EDITOR);
};
