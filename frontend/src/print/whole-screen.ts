/* Styles and constants of the dialogs that show a picture on the whole screen, some of them with handles on the
   picture. */
import { css } from "lit";

export interface Named {
  readonly name: string;
}

/* How far a key moves a handle, as a fraction of the picture. The large step is for keys with Shift and, in crop.ts,
   for Page Up and Page Down. */
export const STEP = 0.005;
export const LARGE_STEP = 0.05;

export const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

export const whole = css`
  dialog {
    box-sizing: border-box;
    width: 100vw;
    height: 100dvh;
    max-width: none;
    max-height: none;
    margin: 0;
    padding: env(safe-area-inset-top) 12px 12px;
    border: none;
    background: var(--primary-background-color, #fafafa);
    color: var(--primary-text-color);
  }
  .whole {
    display: flex;
    flex-direction: column;
    height: 100%;
    gap: var(--gap);
  }
  .bar {
    display: flex;
    align-items: center;
    gap: 4px;
  }
  .stage {
    flex: 1;
    min-height: 0;
    display: grid;
    place-items: center;
    padding: 12px;
  }
  .frame {
    position: relative;
    touch-action: none;
    user-select: none;
    direction: ltr;
  }
  .handle {
    position: absolute;
    width: 44px;
    height: 44px;
    margin: -22px;
    display: grid;
    place-items: center;
    border-radius: 50%;
    touch-action: none;
  }
  .handle::after {
    content: "";
    width: 16px;
    height: 16px;
    border-radius: 50%;
    background: #fff;
    border: 2px solid #000;
  }
  .handle:focus-visible {
    outline: 3px solid var(--primary-color);
  }
`;
