/* Styles of dialogs. */
import { css } from "lit";

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
