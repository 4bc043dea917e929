/* Styles of the area that shows a scanned page. */
import { css } from "lit";

export const stage = css`
  .stage {
    display: grid;
    place-items: center;
    height: min(40dvh, 340px);
    padding: 10px;
    box-sizing: border-box;
    border-radius: var(--ha-border-radius-lg, 12px);
    background: var(--tint);
    color: var(--secondary-text-color);
    overflow: hidden;
  }
  .stage.small {
    height: min(30dvh, 260px);
  }
  .stage ha-svg-icon {
    --mdc-icon-size: 48px;
  }
  .stage img {
    max-width: 100%;
    max-height: 100%;
    min-height: 0;
    background: #fff;
    box-shadow: 0 1px 4px rgb(0 0 0 / 30%);
  }
  .look {
    height: 100%;
    min-height: 0;
    padding: 0;
    border-radius: 0;
    background: none;
    cursor: zoom-in;
  }
  .stage.large {
    outline: 1px solid var(--divider-color);
    display: block;
    height: min(56dvh, 560px);
    padding: 0;
    overflow: auto;
  }
  .large .look {
    width: 200%;
    height: auto;
    cursor: zoom-out;
  }
  .large img {
    width: 100%;
    max-height: none;
  }
  /* The corner of an A4 page that holds the card. */
  .corner {
    width: min(100%, 300px);
    aspect-ratio: 85.6 / 54;
    overflow: hidden;
    border-radius: 4px;
    box-shadow: 0 1px 4px rgb(0 0 0 / 30%);
  }
  .corner img {
    display: block;
    width: calc(100% * 210 / 85.6);
    max-width: none;
    max-height: none;
    box-shadow: none;
  }
  .stale {
    opacity: 0.45;
  }
`;
