/* Styles that give the browser's own form fields the size of Home Assistant's fields. Heights are in `lh`, which,
   unlike `em`, follows the phone's text-size setting. Above each of them, the same property in `em` is for browsers
   that do not know `lh`. */
import { css } from "lit";

export const fields = css`
  .field,
  .skeleton {
    position: relative;
    display: flex;
    flex-direction: column;
    gap: 4px;
    min-width: 0;
  }
  select,
  textarea,
  input:not([type="checkbox"]),
  .skeleton i {
    appearance: none;
    font: inherit;
    color: inherit;
    width: 100%;
    box-sizing: border-box;
    line-height: 1.25;
    min-height: 4em;
    min-height: 3.2lh;
    margin: 0;
    padding: 0 16px;
    text-overflow: ellipsis;
    border: none;
    border-bottom: 1px solid var(--ha-color-border-neutral-loud, var(--secondary-text-color));
    border-radius: var(--ha-border-radius-sm, 4px) var(--ha-border-radius-sm, 4px) 0 0;
    background-color: var(--ha-color-form-background, var(--tint));
  }
  select {
    padding-inline-end: 36px;
    background-image:
      linear-gradient(45deg, transparent 50%, var(--secondary-text-color) 50%),
      linear-gradient(-45deg, transparent 50%, var(--secondary-text-color) 50%);
    background-position:
      calc(100% - 24px) 50%,
      calc(100% - 20px) 50%;
    background-size: 4px 4px;
    background-repeat: no-repeat;
  }
  select:dir(rtl) {
    background-position:
      20px 50%,
      24px 50%;
  }
  select:hover,
  input:not([type="checkbox"]):hover {
    background-color: var(--ha-color-form-background-hover, var(--strong-tint));
  }
  option {
    color: var(--primary-text-color);
    background: var(--card-background-color);
  }
  /* The label lies inside the field, above the value. */
  .field > label,
  .skeleton > span {
    position: absolute;
    inset: 0.857em 16px auto;
    top: 0.643lh;
    line-height: calc(4 / 3);
    font-size: calc(var(--ha-font-size-m, 14px) * 0.75);
    color: color-mix(in srgb, var(--primary-text-color) 80%, transparent);
    pointer-events: none;
    overflow: hidden;
    white-space: nowrap;
    text-overflow: ellipsis;
  }
  .field > label + :is(select, input) {
    padding-top: 1.43em;
    padding-top: 1.314lh;
    padding-bottom: 2px;
    padding-bottom: 0.286lh;
  }
  .check {
    display: flex;
    align-items: center;
    gap: var(--gap);
  }
  .check input {
    width: 20px;
    height: 20px;
    margin: 0;
  }
  [aria-invalid="true"] {
    border-color: var(--error-color, #db4437);
  }
  .error {
    font-size: var(--ha-font-size-s, 12px);
    line-height: calc(4 / 3);
  }
`;
