import { css, html } from "lit";
import { property } from "lit/decorators.js";
import { mdiTrayArrowUp } from "@mdi/js";
import { define } from "../define";
import { base, buttons } from "../styles";
import { Part } from "./part";

const ACCEPT = "image/*,.pdf,.ofd,.doc,.docx,.xls,.xlsx,.ppt,.pptx,.wps,.et,.dps,.html,.htm,.txt,.csv,.md,.prn";

/* Lets the user choose files on the device, or take a photo on a phone. Fires `files-chosen` with an array of files. */
@define("lianke-file-chooser")
export class LiankeFileChooser extends Part {
  @property({ attribute: false }) label = "";
  /* Visible text; without a text the chooser is a round button. */
  @property({ attribute: false }) text: string | undefined;
  /* The icon of a chooser that adds files to those already chosen; undefined for the chooser of the first files. */
  @property({ attribute: false }) adds: string | undefined;
  @property({ attribute: false }) over = false;

  static override styles = [
    base,
    buttons,
    css`
      label {
        position: relative;
      }
      .drop {
        display: flex;
        align-items: center;
        justify-content: center;
        gap: 10px;
        min-height: 52px;
        padding: 6px 12px;
        box-sizing: border-box;
        border-radius: var(--ha-border-radius-lg, 12px);
        color: var(--secondary-text-color);
        border: 1.5px dashed color-mix(in srgb, var(--primary-text-color) 28%, transparent);
      }
      .drop:hover,
      .drop.over {
        border-color: var(--primary-color);
        color: var(--primary-text-color);
      }
      input {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        opacity: 0;
        cursor: pointer;
        font-size: 0;
      }
      label:has(:focus-visible) {
        outline: 2px solid var(--primary-color);
        outline-offset: 2px;
      }
    `,
  ];

  override focus(options?: FocusOptions): void {
    this.renderRoot.querySelector("input")?.focus(options);
  }

  protected override render() {
    const look = !this.text ? "button round" : this.adds ? "button" : `drop ${this.over ? "over" : ""}`;
    return html`<label class=${look}>
      <ha-svg-icon .path=${this.adds ?? mdiTrayArrowUp}></ha-svg-icon>
      ${this.text ? html`<span>${this.text}</span>` : ""}
      <input type="file" multiple accept=${ACCEPT} aria-label=${this.label} @change=${this._chosen} />
    </label>`;
  }

  private readonly _chosen = (event: Event) => {
    const input = event.target as HTMLInputElement;
    this.fire("files-chosen", [...(input.files ?? [])]);
    input.value = "";
  };
}
