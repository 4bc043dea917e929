/* The form that edits a card in Home Assistant. Loaded when a card is edited. */
import { LitElement, css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { RUNNABLE, SECTIONS, SIMPLE, SOURCES, assertConfig, stubConfig } from "./config";
import { define } from "./define";
import { languageOf, textsIn } from "./localize";
import en from "./translations/editor.en.json";
import zh from "./translations/editor.zh-Hans.json";
import type { HomeAssistant, QuickButton } from "./types";

type Strings = typeof en;
type Config = Record<string, unknown>;

const EDITOR = "lianke-card-editor";
const PRINT = "lianke.print";
/* Domains that the form offers for quick buttons. `button` is left out: devices have too many button entities, and the
   list would begin with test page and restart. */
const OFFERED = Object.keys(RUNNABLE).filter((domain) => domain !== "button");
const PRINTERS = { integration: "lianke", entity: [{ domain: "notify" }] };

/* Converts a stored button for the form, which shows `data` as the print action that `data` stands for. */
const asShown = ({ data, ...button }: QuickButton): QuickButton =>
  data && !button.tap_action
    ? { ...button, tap_action: { action: "perform-action", perform_action: PRINT, data } }
    : { ...button, ...(data ? { data } : {}) };

/* Converts a button of the form for storage. A print action with a target is stored unchanged, since `data` has no
   place for a target. */
const asStored = (button: QuickButton): QuickButton => {
  const { tap_action: tap, ...rest } = button;
  if (tap?.perform_action !== PRINT || Object.keys(tap.target ?? {}).length) return button;
  const data = { ...rest.data, ...tap.data };
  return { ...rest, ...(rest.entity && !Object.keys(data).length ? {} : { data }) };
};

const schemaFor = (t: Strings) => {
  const choices = (values: string[]) => values.map((value) => ({ value, label: t[value as keyof Strings] }));
  return [
    { name: "devices", selector: { device: { multiple: true, ...PRINTERS } } },
    { name: "source_entity", selector: { entity: { filter: { domain: SOURCES } } } },
    { name: "title", selector: { text: {} } },
    { name: "plug", selector: { entity: { filter: { domain: ["switch", "light", "input_boolean"] } } } },
    { name: "layout", selector: { select: { mode: "dropdown", options: choices(["full", "compact"]) } } },
    { name: SIMPLE, selector: { boolean: {} } },
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
            name: { label: t.name, description: t.name_help, selector: { text: {} } },
            entity: {
              label: t.entity,
              description: t.entity_help,
              selector: { entity: { filter: { domain: [...SOURCES, ...OFFERED] } } },
            },
            device: { label: t.device, description: t.device_help, selector: { device: PRINTERS } },
            tap_action: {
              label: t.tap_action,
              description: t.tap_action_help,
              selector: { ui_action: { actions: ["perform-action"] } },
            },
          },
        },
      },
    },
  ];
};

/* Makes Home Assistant load `ha-form`, which it does only for an editor that needs it, such as the editor of its own
   button card. */
const loadForms = async (): Promise<void> => {
  if (customElements.get("ha-form")) return;
  const helpers = await (window as unknown as { loadCardHelpers?: () => Promise<CardHelpers> }).loadCardHelpers?.();
  const card = helpers?.createCardElement({ type: "button" });
  await (card?.constructor as { getConfigForm?: () => Promise<unknown> } | undefined)?.getConfigForm?.();
};

interface CardHelpers {
  createCardElement(config: { type: string }): HTMLElement;
}

/* Shows the configuration with its defaults, but does not store a default that the user has not changed. */
@define(EDITOR)
export class LiankeCardEditor extends LitElement {
  @property({ attribute: false }) hass: HomeAssistant | undefined;
  @state() private _config: Config | undefined;

  /* The sections to show again when the user switches the simple card off. */
  private _sections = SECTIONS;

  /* On dark themes Home Assistant draws labels and placeholders with too little contrast. */
  static override styles = css`
    :host {
      --secondary-text-color: color-mix(in srgb, var(--primary-text-color) 85%, transparent);
    }
  `;

  setConfig(config: Config): void {
    assertConfig(config);
    this._config = config;
  }

  protected override render() {
    if (!this.hass || !this._config) return nothing;
    const t = textsIn<Strings>(languageOf(this.hass), en, zh);
    return html`<ha-form
      .hass=${this.hass}
      .data=${this._shown()}
      .schema=${schemaFor(t)}
      .computeLabel=${({ name }: { name: string }) => t[name as keyof Strings]}
      .computeHelper=${({ name }: { name: string }) => t[`${name}_help` as keyof Strings]}
      @value-changed=${this._changed}
    ></ha-form>`;
  }

  private _shown(): Config {
    const given: Config = { ...stubConfig(), ...this._config };
    const config = given["show"] === SIMPLE ? { ...given, [SIMPLE]: true, show: this._sections } : given;
    const buttons = config["buttons"] as QuickButton[] | null | undefined;
    return buttons ? { ...config, buttons: buttons.map(asShown) } : config;
  }

  private readonly _changed = (event: CustomEvent<{ value: Config }>) => {
    event.stopPropagation();
    const before = this._config ?? {};
    const defaults: Config = stubConfig();
    const isNews = ([name, value]: [string, unknown]) =>
      name in before || JSON.stringify(value) !== JSON.stringify(defaults[name]);
    const { buttons, [SIMPLE]: isSimple, ...given } = event.detail.value as Config & { buttons?: QuickButton[] | null };
    this._sections = given["show"] as string[];
    const value = isSimple ? { ...given, show: SIMPLE } : given;
    const stored = buttons ? { ...value, buttons: buttons.map(asStored) } : value;
    const config = Object.fromEntries(Object.entries(stored).filter(isNews));
    this.dispatchEvent(new CustomEvent("config-changed", { detail: { config }, bubbles: true, composed: true }));
  };
}

export const createEditor = async (): Promise<HTMLElement> => {
  await loadForms();
  return document.createElement(EDITOR);
};
