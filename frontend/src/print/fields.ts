/* Styles of the browser's own fields, which only parts that print have. */
import { css } from "lit";

export const fields = css`
  .field,
  .skeleton {
    display: flex;
    flex-direction: column;
    gap: 4px;
    min-width: 0;
  }
  select,
  input,
  .skeleton i {
    font: inherit;
    color: inherit;
    width: 100%;
    box-sizing: border-box;
    height: 40px;
    padding: 0 10px;
    border-radius: var(--ha-border-radius-md, 8px);
    text-overflow: ellipsis;
    border: 1px solid color-mix(in srgb, var(--primary-text-color) 30%, transparent);
    background: var(--card-background-color);
  }
  .skeleton i {
    border-color: transparent;
    background: var(--tint);
  }
  [aria-invalid="true"] {
    border-color: var(--error-color, #db4437);
  }
  .error {
    font-size: var(--ha-font-size-s, 12px);
    line-height: 16px;
  }
`;
