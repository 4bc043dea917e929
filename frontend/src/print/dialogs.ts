/* The base class of dialogs, with the bar at the top, and the styles of dialogs. */
import { css, html, nothing } from "lit";
import { mdiClose } from "@mdi/js";
import { Part } from "../components/part";

export abstract class DialogPart extends Part {
  protected get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  protected readonly close = () => this.dialog?.close();

  /* The bar at the top: `first`, the title, and the button that closes the dialog. */
  protected head(title: string, close: string, first: unknown = nothing) {
    return html`<div class="bar">
      ${first}<span class="grow title"><bdi>${title}</bdi></span
      >${this.round("close", close, mdiClose, this.close)}
    </div>`;
  }

  /* A round button with an icon. While `resting`, it ignores presses. */
  protected round(key: string, label: string, icon: string, press: () => unknown, resting = false) {
    return html`<button
      class="round"
      data-key=${key}
      aria-label=${label}
      title=${label}
      aria-disabled=${resting ? "true" : nothing}
      @click=${() => !resting && press()}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>
    </button>`;
  }
}

export const dialogs = css`
  dialog {
    width: min(480px, 100vw - 32px);
    max-height: calc(100dvh - 32px);
    box-sizing: border-box;
    padding: 0;
    border: none;
    border-radius: var(--ha-border-radius-3xl, 24px);
    background: var(--card-background-color);
    color: var(--primary-text-color);
  }
  dialog::backdrop {
    background: rgb(0 0 0 / 40%);
  }
  .bar {
    display: flex;
    align-items: center;
    gap: 4px;
    padding: 8px 8px 8px 20px;
    position: sticky;
    top: 0;
    z-index: 1;
    background: inherit;
  }
  .content {
    display: flex;
    flex-direction: column;
    gap: var(--wide-gap);
    padding: 0 20px 20px;
  }
  @media (forced-colors: active) {
    dialog {
      border: 1px solid CanvasText;
    }
  }
`;
