import "../card"; // bundled in one piece
import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { mdiContentCopy, mdiScanner } from "@mdi/js";
import { UserError } from "../context";
import { define } from "../define";
import { pageStrings, partTexts } from "../localize";
import type { Mode } from "../scan/scan";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/scan-buttons.en.json";
import zh from "../translations/scan-buttons.zh-Hans.json";
import { Part } from "./part";

const texts = partTexts(en, zh);

/* What opens the dialog that scans and copies. Loaded for a printer that has a scanner. */
@define("lianke-scan-buttons")
export class LiankeScanButtons extends Part {
  /* The devices of the printer and of its scanner. */
  @property({ attribute: false }) device = "";
  @property({ attribute: false }) scanner = "";
  /* Name of the printer. */
  @property({ attribute: false }) name = "";
  @property({ attribute: false }) mayPrint = false;
  /* Whether it is a round button in the header. */
  @property({ attribute: false }) slim = false;
  @state() private _mode: Mode | null = null;

  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    css`
      button:not(.round) {
        flex: 1;
        min-height: 40px;
      }
      .error {
        margin-top: 8px;
      }
    `,
  ];

  protected override render() {
    const error = this._tasks.errorOf("open");
    return html`${
      this.slim
        ? this._button("both", "scan", mdiScanner)
        : html`<div class="actions">
            ${this._button("scan", "scan", mdiScanner)}
            ${this.mayPrint ? this._button("copy", "copy", mdiContentCopy) : nothing}
          </div>`
    }
    ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
    ${
      this._mode
        ? html`<lianke-scan
            .context=${this.context}
            .device=${this.device}
            .scanner=${this.scanner}
            .mayPrint=${this.mayPrint}
            .mode=${this._mode}
            @scan-closed=${this._closed}
          ></lianke-scan>`
        : nothing
    }`;
  }

  private _button(key: "both" | Mode, mode: Mode, icon: string) {
    const action = texts.text(this.t, key === "both" && !this.mayPrint ? "scan" : key);
    const label = texts.text(this.t, "on", { action, name: this.name });
    return html`<button
      class=${this.slim ? "round" : ""}
      data-key=${mode}
      aria-label=${label}
      title=${this.slim ? action : nothing}
      @click=${() => this._open(mode)}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${this.slim ? nothing : action}
    </button>`;
  }

  private _open(mode: Mode): void {
    void this._tasks.run("open", async () => {
      await import("../scan/scan").catch(() => {
        throw new UserError(pageStrings().reload);
      });
      this._mode = mode;
    });
  }

  private readonly _closed = () => (this._mode = null);
}
