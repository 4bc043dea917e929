/* Presets: scan settings that a user has saved under a name. Pressing a preset starts a scan with its settings. */
import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { mdiChevronRight, mdiContentSaveOutline, mdiDeleteOutline, mdiScanner } from "@mdi/js";
import { Part } from "../components/part";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { partTexts } from "../localize";
import { fields } from "../print/fields";
import { stored, store } from "../print/options";
import { base, buttons } from "../styles";
import en from "../translations/scan.en.json";
import zh from "../translations/scan.zh-Hans.json";
import { choicesOf, isOffered, type Choices } from "./choices";
import type { Scanner } from "./types";

const texts = partTexts(en, zh);
/* Maximum number of presets per user and scanner, and maximum number of characters in a name. */
const MAX_PRESETS = 8;
const MAX_NAME = 40;
/* Choices that presets do not store, since they differ for each document or belong to copies. */
const NOT_KEPT = ["filename", "several_pages", "id_card", "printer", "copies", "duplex"];

type Settings = Partial<Choices>;
type Presets = [name: string, settings: Settings][];

const settingsOf = (choices: Choices): Settings =>
  Object.fromEntries(Object.entries(choices).filter(([name]) => !NOT_KEPT.includes(name)));

/* Fires `preset-chosen` with the settings of the preset that was pressed. */
@define("lianke-scan-presets")
export class LiankeScanPresets extends Part {
  @property({ attribute: false }) scanner!: Scanner;
  @property({ attribute: false }) choices!: Choices;
  /* Whether presses are ignored, for example while a scan is being started. */
  @property({ attribute: false }) resting = false;
  @state() private _name = "";

  protected readonly _focus = new FocusKeeper(this);

  static override styles = [
    base,
    buttons,
    fields,
    css`
      .actions button {
        flex-direction: column;
        gap: 0;
      }
      .actions button span {
        display: flex;
        align-items: center;
        gap: 6px;
        overflow-wrap: anywhere;
      }
      summary {
        display: flex;
        align-items: center;
        min-height: 40px;
        cursor: pointer;
        list-style: none;
        border-radius: 4px;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      details[open] summary ha-svg-icon {
        transform: rotate(90deg);
      }
      form {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--gap);
      }
      .field {
        flex: 1 1 9em;
      }
      li {
        display: flex;
        align-items: center;
      }
    `,
  ];

  /* Storage key of the presets. It contains the user id, since several people may use the same tablet. */
  private get _key(): string {
    return `lianke-card:${this.scanner.device_id}:presets:${this.context.hass.user?.id}`;
  }

  private get _presets(): Presets {
    try {
      return (JSON.parse(stored(this._key) ?? "[]") as Presets).slice(0, MAX_PRESETS);
    } catch {
      return [];
    }
  }

  private set _presets(presets: Presets) {
    store(this._key, JSON.stringify(presets));
    this.requestUpdate();
  }

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  protected override render() {
    const presets = this._presets;
    const name = this._name.trim();
    const isFull = presets.length >= MAX_PRESETS && !presets.some((one) => one[0] === name);
    const usable = presets.filter(([, settings]) => isOffered(this.t, this.scanner, settings));
    return html`${
        usable.length
          ? html`<div class="actions" role="group" aria-label=${this._text("presets")}>
              ${usable.map(([name, settings]) => this._preset(name, settings))}
            </div>`
          : nothing
      }
      <details>
        <summary class="soft" data-key="presets">
          <ha-svg-icon .path=${mdiChevronRight}></ha-svg-icon>${this._text("presets")}
        </summary>
        <form @submit=${(event: Event) => this._save(event, name, isFull)}>
          <div class="field">
            <label class="soft" for="name">${this._text("preset_name")}</label>
            <input
              id="name"
              data-key="preset_name"
              maxlength=${MAX_NAME}
              .value=${this._name}
              @input=${(event: Event) => (this._name = (event.target as HTMLInputElement).value)}
            />
          </div>
          <button data-key="keep_preset" aria-disabled=${name && !isFull ? nothing : "true"}>
            <ha-svg-icon .path=${mdiContentSaveOutline}></ha-svg-icon>${this._text("keep_preset")}
          </button>
        </form>
        <p class="soft" role="status">${isFull ? this._text("presets_full", { n: MAX_PRESETS }) : nothing}</p>
        <ul>
          ${repeat(
            presets,
            ([name]) => name,
            ([name]) =>
              html`<li data-key=${`of ${name}`} data-of=${name}>
                <span class="grow"><bdi>${name}</bdi></span>
                <button
                  class="round"
                  data-key=${`delete ${name}`}
                  aria-label=${this._text("delete_preset", { name })}
                  @click=${() => (this._presets = presets.filter((one) => one[0] !== name))}
                >
                  <ha-svg-icon .path=${mdiDeleteOutline}></ha-svg-icon>
                </button>
              </li>`,
          )}
        </ul>
      </details>`;
  }

  private _preset(name: string, settings: Settings) {
    const named = (["source", "color", "format"] as const).map(
      (one) => choicesOf(this.t, this.scanner, one).find(({ id }) => id === settings[one])?.name,
    );
    const about = [...named, settings.size].filter(Boolean).join(this.t.isChinese ? "、" : ", ");
    return html`<button
      data-key="preset"
      data-of=${name}
      aria-disabled=${this.resting ? "true" : nothing}
      @click=${() => !this.resting && this.fire("preset-chosen", settings)}
    >
      <span><ha-svg-icon .path=${mdiScanner}></ha-svg-icon><bdi>${name}</bdi></span
      ><small class="soft">${about}</small>
    </button>`;
  }

  private _save(event: Event, name: string, isFull: boolean): void {
    event.preventDefault();
    if (!name || isFull) return;
    const others = this._presets.filter((one) => one[0] !== name);
    this._presets = [...others, [name, settingsOf(this.choices)]];
    this._name = "";
  }
}
