import { css, html, nothing } from "lit";
import { state } from "lit/decorators.js";
import { define } from "../define";
import { base, buttons } from "../styles";
import en from "../translations/corners.en.json";
import zh from "../translations/corners.zh-Hans.json";
import { partTexts } from "../localize";
import type { Corners, Detected, Point } from "./layouts";
import { DialogPart } from "./dialogs";
import { LARGE_STEP, STEP, clamp, whole, type Named } from "./whole-screen";

const texts = partTexts(en, zh);

const NAMES = ["top_left", "top_right", "bottom_right", "bottom_left"] as const;
const ALL: Corners = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
/* Twice the minimum area of the triangle between three neighboring corners, as a fraction of the picture: Home
   Assistant refuses a page that covers less than 1 % of the picture. */
const LEAST = 0.01;
const ARROWS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/* Whether four corners go clockwise around a page whose edges do not cross. */
export const isPage = (corners: Corners): boolean =>
  corners.every(([x, y], at) => {
    const [nextX, nextY] = corners[(at + 1) % 4] as Point;
    const [lastX, lastY] = corners[(at + 2) % 4] as Point;
    return (nextX - x) * (lastY - nextY) - (nextY - y) * (lastX - nextX) > LEAST;
  });

/* Moves one corner and returns the new corners, or the old corners if the new ones do not form a page. */
export const dragged = (corners: Corners, index: number, [x, y]: Point): Corners => {
  const next = corners.map((corner, at) => (at === index ? [clamp(x, 0, 1), clamp(y, 0, 1)] : corner)) as Corners;
  return isPage(next) ? next : corners;
};

/* Returns the corners after a clockwise quarter turn of the page: its left edge becomes the upper edge. */
export const turned = ([first, ...others]: Corners): Corners => [others[2], first, others[0], others[1]] as Corners;

/* A dialog in which the user marks the corners of a page in its photo. Fires `corners-chosen` with the item and the
   corners, or null for the detected corners. */
@define("lianke-corners")
export class LiankeCorners extends DialogPart {
  @state() private _item: Named | null = null;
  @state() private _corners: Corners = ALL;
  @state() private _address = "";
  @state() private _failed = false;

  private _found: Detected = { found: false, corners: ALL };
  private _drag: { index: number; x: number; y: number; corner: Point } | null = null;

  static override styles = [
    base,
    buttons,
    whole,
    css`
      img {
        display: block;
        max-width: calc(100vw - 48px);
        max-height: calc(100dvh - 190px);
        user-select: none;
        -webkit-user-drag: none;
      }
      svg {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        pointer-events: none;
        overflow: visible;
      }
      polygon {
        fill: none;
        stroke: #fff;
        stroke-width: 2px;
        paint-order: stroke;
        vector-effect: non-scaling-stroke;
        filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 1px #000);
      }
      .shade {
        fill: rgb(0 0 0 / 50%);
        fill-rule: evenodd;
      }
      .upper {
        stroke: #ffd24d;
        stroke-width: 4px;
        vector-effect: non-scaling-stroke;
      }
      .handle {
        cursor: move;
      }
      .handle::after {
        width: 20px;
        height: 20px;
        background: rgb(255 255 255 / 35%);
        border-color: #fff;
        box-shadow: 0 0 0 2px #000;
      }
    `,
  ];

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  /* Shows a picture with the corners chosen before, otherwise with the detected corners. */
  async open(item: Named, address: string, found: Detected, chosen?: Corners): Promise<void> {
    this._item = item;
    this._failed = false;
    this._address = address;
    this._found = found;
    this._corners = chosen ?? found.corners;
    await this.updateComplete;
    this.dialog?.showModal();
  }

  protected override render() {
    const { _item: item } = this;
    if (!item) return nothing;
    const title = this._text("title", { name: item.name });
    return html`<dialog aria-label=${title} @close=${this._closed}>
      <div class="whole">
        ${this.head(title, this._text("close"))}
        <div class="stage">
          <div class="frame" @pointermove=${this._moved} @pointerup=${this._dropped} @pointercancel=${this._dropped}>
            <img src=${this._address} alt="" draggable="false" @error=${() => (this._failed = true)} />
            ${this._failed ? nothing : this._handles()}
          </div>
        </div>
        <p class="soft" role="status">
          ${this._text(this._failed ? "failed" : this._found.found ? "help" : "none_found")}
        </p>
        <div class="actions">
          <button data-key="turn" @click=${() => (this._corners = turned(this._corners))}>${this._text("turn")}</button>
          <button data-key="all" @click=${() => (this._corners = ALL)}>${this._text("all")}</button>
          <button data-key="found" @click=${() => (this._corners = this._found.corners)}>${this._text("found")}</button>
          <button class="main" data-key="done" @click=${this._done}>${this._text("done")}</button>
        </div>
      </div>
    </dialog>`;
  }

  private _handles() {
    const corners = this._corners;
    const points = corners.map(([x, y]) => `${x * 100},${y * 100}`);
    const [first, second] = corners;
    return html`<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        <path class="shade" d="M0 0H100V100H0ZM${points.join("L")}Z" />
        <polygon points=${points.join(" ")} />
        <line class="upper" x1=${first[0] * 100} y1=${first[1] * 100} x2=${second[0] * 100} y2=${second[1] * 100} />
      </svg>
      ${corners.map(
        ([x, y], index) =>
          html`<div
            class="handle"
            role="slider"
            tabindex="0"
            style="left: ${x * 100}%; top: ${y * 100}%"
            aria-label=${this._text(NAMES[index] as (typeof NAMES)[number])}
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=${Math.round(x * 100)}
            aria-valuetext=${this._text("place", { x: this.t.percent(x), y: this.t.percent(y) })}
            @pointerdown=${(event: PointerEvent) => this._grab(event, index)}
            @keydown=${(event: KeyboardEvent) => this._press(event, index)}
          ></div>`,
      )}`;
  }

  private _grab(event: PointerEvent, index: number): void {
    if (event.button) return;
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.focus({ preventScroll: true });
    // From here on the frame receives the pointer's moves, wherever the pointer is.
    handle.parentElement?.setPointerCapture(event.pointerId);
    this._drag = { index, x: event.clientX, y: event.clientY, corner: this._corners[index] as Point };
  }

  private readonly _moved = (event: PointerEvent) => {
    if (!this._drag) return;
    const { width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const { index, x, y, corner } = this._drag;
    const place: Point = [corner[0] + (event.clientX - x) / width, corner[1] + (event.clientY - y) / height];
    this._corners = dragged(this._corners, index, place);
  };

  private readonly _dropped = () => {
    this._drag = null;
  };

  private _press(event: KeyboardEvent, index: number): void {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const step = event.shiftKey ? LARGE_STEP : STEP;
    const [x, y] = this._corners[index] as Point;
    this._corners = dragged(this._corners, index, [x + arrow[0] * step, y + arrow[1] * step]);
  }

  private readonly _done = () => {
    const isFound = String(this._corners) === String(this._found.corners);
    this.fire("corners-chosen", [this._item, isFound ? null : this._corners]);
    this.close();
  };

  private readonly _closed = () => {
    this._item = null;
  };
}
