import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { mdiAlertOutline } from "@mdi/js";
import { define } from "../define";
import { partTexts } from "../localize";
import { bars, base } from "../styles";
import en from "../translations/inks.en.json";
import zh from "../translations/inks.zh-Hans.json";
import type { Ink } from "../types";
import { Part } from "./part";

const texts = partTexts(en, zh);

const LOW = 10; // percent, below which an ink is marked as low

type InkKey = "ink_black" | "ink_cyan" | "ink_magenta" | "ink_yellow";

/* The usual inks: a pattern for the names that printers give the ink, the key of our own name for the ink, and a color
   that suits the theme. */
const USUAL: [RegExp, InkKey, string][] = [
  [/^(black|黑色?|p?k)$/i, "ink_black", "var(--primary-text-color)"],
  [/^(cyan|青色?|c)$/i, "ink_cyan", "#00a3c7"],
  [/^(magenta|品红色?|洋红色?|m)$/i, "ink_magenta", "#d6247f"],
  [/^(yellow|黄色?|y)$/i, "ink_yellow", "#e6b800"],
];
const COLOR = /^#[0-9a-f]{6}$/i;

/* A printer's ink levels, each shown as a meter. Loaded for printers that report ink levels. */
@define("lianke-inks")
export class LiankeInks extends Part {
  @property({ attribute: false }) inks: Ink[] = [];

  static override styles = [
    base,
    bars,
    css`
      .inks {
        display: grid;
        gap: 8px 14px;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 5.3em), 1fr));
      }
      .ink .soft {
        display: flex;
        justify-content: space-between;
        flex-wrap: wrap;
        gap: 0 4px;
      }
      .low {
        display: inline-flex;
        align-items: center;
        gap: 2px;
        font-weight: var(--ha-font-weight-bold, 700);
        color: var(--primary-text-color);
      }
      .low ha-svg-icon {
        --mdc-icon-size: 14px;
        color: color-mix(in srgb, var(--warning-color, #ffa600) 75%, var(--primary-text-color));
      }
    `,
  ];

  protected override render() {
    return html`<div class="inks" role="group" aria-label=${texts.text(this.t, "ink")}>
      ${this.inks.map((ink) => this._ink(ink))}
    </div>`;
  }

  private _ink({ name, level, color }: Ink) {
    const usual = USUAL.find(([pattern]) => pattern.test(name.trim()));
    const label = usual ? texts.text(this.t, usual[1]) : name;
    const percent = level == null ? "–" : this.t.percent(level / 100);
    const low = level != null && level < LOW;
    const tone = usual?.[2] ?? (COLOR.test(color) ? color : "var(--primary-color)");
    return html`<div
      class="ink"
      role="meter"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${level ?? 0}
      aria-valuetext=${low ? texts.text(this.t, "ink_low", { percent }) : percent}
    >
      <div class="soft">
        <span>${label}</span>
        <span class=${low ? "low" : ""}>
          ${low ? html`<ha-svg-icon .path=${mdiAlertOutline}></ha-svg-icon>` : nothing}${percent}
        </span>
      </div>
      <div class="bar"><i style="width: ${level ?? 0}%; --tone: ${tone}"></i></div>
    </div>`;
  }
}
