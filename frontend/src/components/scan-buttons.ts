import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { mdiContentCopy, mdiFolderOpenOutline, mdiScanner, mdiTextBoxEditOutline } from "@mdi/js";
import { define } from "../define";
import { loadNeeded } from "../load-part";
import { partTexts } from "../localize";
import type { MediaChoice } from "../print/item";
import type { LiankeMediaBrowser } from "../print/media-browser";
import type { Mode } from "../scan/scan";
import { keepDraftsOf } from "../print/written";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/scan-buttons.en.json";
import zh from "../translations/scan-buttons.zh-Hans.json";
import { Part } from "./part";

const texts = partTexts(en, zh);

/* Buttons for documents that are not files on the user's device: media library, text typed on the card, and scanner if
   there is one. */
@define("lianke-scan-buttons")
export class LiankeScanButtons extends Part {
  /* Device ids of the printer and of its scanner. */
  @property({ attribute: false }) device = "";
  @property({ attribute: false }) scanner: string | null = null;
  /* Number of scanned pages that wait for somebody's decision. */
  @property({ attribute: false }) scanned: number | undefined;
  /* Name of the printer. */
  @property({ attribute: false }) name = "";
  @property({ attribute: false }) mayPrint = false;
  /* Whether the buttons are round and stand in the header. */
  @property({ attribute: false }) slim = false;
  @state() private _mode: Mode | null = null;

  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    css`
      button:not(.round) {
        flex: 1 0 auto;
        min-height: 40px;
      }
      .slim {
        display: flex;
      }
      /* A header of half a tile's width has room for the name and the file chooser only. */
      @container (max-width: 260px) {
        .slim [data-key="media"] {
          display: none;
        }
      }
      @container (max-width: 300px) {
        .slim [data-key="text"] {
          display: none;
        }
      }
      p {
        margin-top: 8px;
      }
    `,
  ];

  protected override firstUpdated(): void {
    // Another user may have logged in on this tablet, and must not find what the previous user has written.
    keepDraftsOf(this.context.hass.user?.id);
  }

  protected override render() {
    const error = this._tasks.errorOf("open");
    const { mayPrint, scanner, slim } = this;
    const waits = this._waits;
    return html`<div class=${slim ? "slim" : "actions"}>
        ${mayPrint ? this._button("media", "media", mdiFolderOpenOutline) : nothing}
        ${mayPrint ? this._button("text", "text", mdiTextBoxEditOutline) : nothing}
        ${scanner ? this._button(slim ? "both" : "scan", "scan", mdiScanner) : nothing}
        ${scanner && mayPrint && !slim ? this._button("copy", "copy", mdiContentCopy) : nothing}
      </div>
      ${waits && !slim ? html`<p class="soft" role="status">${waits}</p>` : nothing}
      <lianke-media-browser .context=${this.context} @media-chosen=${this._mediaChosen}></lianke-media-browser>
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

  /* Reminds the user of scanned pages whose dialog was closed; otherwise empty. */
  private get _waits(): string {
    // The open dialog shows these pages itself.
    return this.scanner && this.scanned && !this._mode ? texts.count(this.t, "waits", this.scanned) : "";
  }

  private _button(key: "both" | "media" | "text" | Mode, mode: "media" | "text" | Mode, icon: string) {
    const action = texts.text(this.t, key === "both" && !this.mayPrint ? "scan" : key);
    const { name } = this;
    const waits = mode === "scan" && this._waits ? ` (${this._waits})` : "";
    const label =
      mode === "text"
        ? texts.text(this.t, "text_on", { name })
        : mode === "media"
          ? texts.text(this.t, "media_on", { name })
          : texts.text(this.t, "on", { action, name }) + waits;
    return html`<button
      class=${this.slim ? "round" : ""}
      data-key=${mode}
      aria-label=${label}
      title=${this.slim ? action + waits : nothing}
      @click=${() => (mode === "media" ? this._browse() : mode === "text" ? this._write() : this._open(mode))}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${this.slim ? nothing : action}
    </button>`;
  }

  private _browse(): void {
    void this._tasks.run("open", async () => {
      await loadNeeded(import("../print/print"));
      await this.renderRoot.querySelector<LiankeMediaBrowser>("lianke-media-browser")?.open();
    });
  }

  private _write(): void {
    void this._tasks.run("open", () => this.addTo(this.device, (batch) => batch.addText()));
  }

  private readonly _mediaChosen = (event: CustomEvent<MediaChoice>) => {
    event.stopPropagation();
    void this._tasks.run("open", () => this.addTo(this.device, (batch) => batch.addMedia(event.detail)));
  };

  private _open(mode: Mode): void {
    void this._tasks.run("open", async () => {
      await loadNeeded(import("../scan/scan"));
      this._mode = mode;
    });
  }

  private readonly _closed = () => (this._mode = null);
}
