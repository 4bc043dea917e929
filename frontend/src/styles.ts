/* Styles that several parts share. Colors and sizes come from the variables of Home Assistant's themes. */
import { css } from "lit";

export const base = css`
  :host {
    display: block;
    --tint: color-mix(in srgb, var(--primary-text-color) 8%, transparent);
    --strong-tint: color-mix(in srgb, var(--primary-text-color) 14%, transparent);
    --gap: var(--ha-space-2, 8px);
    --wide-gap: var(--ha-space-3, 12px);
  }
  :host([hidden]) {
    display: none;
  }
  h2,
  h3,
  p,
  ul {
    margin: 0;
    padding: 0;
    font: inherit;
    list-style: none;
  }
  p,
  .soft {
    unicode-bidi: plaintext;
    text-align: match-parent;
    overflow-wrap: anywhere;
  }
  h3,
  .soft {
    color: var(--secondary-text-color);
    font-size: var(--ha-font-size-s, 12px);
    line-height: calc(4 / 3);
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .title {
    font-weight: var(--ha-font-weight-medium, 500);
    overflow: hidden;
    overflow-wrap: anywhere;
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--gap);
  }
  .column {
    display: flex;
    flex-direction: column;
    gap: var(--wide-gap);
  }
  .error {
    color: color-mix(in srgb, var(--error-color, #db4437) 55%, var(--primary-text-color));
    overflow-wrap: anywhere;
  }
  :is(button, a, input, select, summary, li, section):focus-visible {
    outline: 2px solid var(--primary-color);
    outline-offset: 2px;
  }
  ha-svg-icon {
    --mdc-icon-size: 20px;
    flex: none;
  }
  .pulse {
    animation: pulse 1.6s ease-in-out infinite;
  }
  @keyframes pulse {
    50% {
      opacity: 0.5;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      animation: none !important;
      transition: none !important;
    }
  }
`;

export const buttons = css`
  button,
  .button {
    all: unset;
    box-sizing: border-box;
    position: relative;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: 40px;
    padding: 4px min(14px, 7vw - 12px);
    border-radius: var(--ha-border-radius-pill, 20px);
    cursor: pointer;
    font-weight: var(--ha-font-weight-medium, 500);
    max-width: 100%;
    text-align: center;
    background: var(--tint);
    color: var(--primary-text-color);
  }
  :is(button, .button):hover {
    background: var(--strong-tint);
  }
  .main {
    background: color-mix(in srgb, var(--primary-color) 30%, transparent);
  }
  .main:hover {
    background: color-mix(in srgb, var(--primary-color) 42%, transparent);
  }
  button[aria-disabled="true"] {
    opacity: 0.5;
    cursor: default;
  }
  .round {
    min-width: 40px;
    min-height: 40px;
    padding: 0;
    border-radius: 50%;
    background: none;
    color: var(--secondary-text-color);
  }
  @media (forced-colors: active) {
    :is(button, .button) {
      border: 1px solid ButtonText;
    }
  }
`;

export const tones = css`
  .good {
    --tone: var(--success-color, #43a047);
  }
  .busy {
    --tone: var(--info-color, #039be5);
  }
  .warn {
    --tone: var(--warning-color, #ffa600);
  }
  .bad {
    --tone: var(--error-color, #db4437);
  }
  .off {
    --tone: var(--disabled-text-color, #9e9e9e);
  }
  .badge {
    width: 36px;
    height: 36px;
    border-radius: var(--ha-border-radius-circle, 50%);
    display: grid;
    place-items: center;
    flex: none;
    color: color-mix(in srgb, var(--tone) 75%, var(--primary-text-color));
    background: color-mix(in srgb, var(--tone) 20%, transparent);
  }
  .badge ha-svg-icon {
    --mdc-icon-size: 24px;
  }
  @media (forced-colors: active) {
    .badge {
      border: 1px solid CanvasText;
    }
  }
`;

export const bars = css`
  .bar {
    height: 6px;
    border-radius: 3px;
    overflow: hidden;
    background: var(--tint);
    margin-top: 4px;
  }
  .bar i {
    display: block;
    height: 100%;
    border-radius: 3px;
    background: var(--tone, var(--primary-color));
    transition: width 0.3s;
  }
  @media (forced-colors: active) {
    .bar {
      border: 1px solid CanvasText;
    }
    .bar i {
      forced-color-adjust: none;
      background: CanvasText;
    }
  }
`;
