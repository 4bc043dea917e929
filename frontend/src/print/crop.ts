import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { define } from "../define";
import { base, buttons } from "../styles";
import { DialogPart } from "./dialogs";
import type { Cut, Shape } from "./layouts";
import { printText } from "./texts";
import { LARGE_STEP, STEP, clamp, whole, type Named } from "./whole-screen";

type Edge = "left" | "top" | "right" | "bottom";

const LABELS = { left: "crop_left", top: "crop_top", right: "crop_right", bottom: "crop_bottom" } as const;
const EDGES: Edge[] = ["left", "top", "right", "bottom"];
const CORNERS: [Edge, Edge][] = [
  ["left", "top"],
  ["right", "top"],
  ["left", "bottom"],
  ["right", "bottom"],
];
const STRETCHED = 0.1; // maximum difference from a card's shape at which Home Assistant stretches the part
const MIN_PART = 0.06; // minimum part of the frame's width and height; a little more than Home Assistant's minimum
const STRAIGHTEN = 15; // maximum degrees to either side
const PIXELS = 1400; // maximum length of the longer side of the drawn picture, before it is turned

/* Returns the size of the frame that holds a picture turned by some degrees. */
export const frameOf = (width: number, height: number, turn: number): [number, number] => {
  const sin = Math.abs(Math.sin((turn * Math.PI) / 180));
  const cos = Math.abs(Math.cos((turn * Math.PI) / 180));
  return [width * cos + height * sin, width * sin + height * cos];
};

/* Returns the width of the part to cut out, divided by its height. A shape that may turn is landscape or portrait like
   the frame. */
const ratioOf = ([width, height]: [number, number], shape: Shape): number => {
  const ratio = shape.width / shape.height;
  return shape.turns && width > height !== ratio > 1 ? 1 / ratio : ratio;
};

/* The largest part of this shape in the middle of the frame. */
export const middleOf = ([width, height]: [number, number], turn: number, shape: Shape): Cut => {
  const ratio = ratioOf([width, height], shape);
  const across = (1 - Math.min(1, (height * ratio) / width)) / 2;
  const down = (1 - Math.min(1, width / ratio / height)) / 2;
  return { left: across, top: down, right: 1 - across, bottom: 1 - down, turn };
};

/* Whether a part of the frame nearly has a shape; if the shape may turn, in either orientation. */
export const hasShape = ([width, height]: [number, number], cut: Cut, shape: Shape): boolean => {
  const ratio = shape.width / shape.height;
  const own = ((cut.right - cut.left) * width) / ((cut.bottom - cut.top) * height);
  const close = (other: number) => Math.min(own / other, other / own) >= 1 - STRETCHED;
  return close(ratio) || (shape.turns && close(1 / ratio));
};

/* Returns the same part after a quarter turn of the picture. */
export const quarter = ({ left, top, right, bottom, turn }: Cut, clockwise: boolean): Cut =>
  clockwise
    ? { left: 1 - bottom, top: left, right: 1 - top, bottom: right, turn: (turn + 90) % 360 }
    : { left: top, top: 1 - right, right: bottom, bottom: 1 - left, turn: (turn + 270) % 360 };

/* Moves the given edges of a part; with all four edges, moves the whole part. The part stays in the frame and keeps a
   minimum size. */
export const moved = (cut: Cut, edges: Edge[], dx: number, dy: number): Cut => {
  const next = { ...cut };
  if (edges.length === 4) {
    const x = clamp(dx, -cut.left, 1 - cut.right);
    const y = clamp(dy, -cut.top, 1 - cut.bottom);
    return { ...next, left: cut.left + x, right: cut.right + x, top: cut.top + y, bottom: cut.bottom + y };
  }
  if (edges.includes("left")) next.left = clamp(cut.left + dx, 0, cut.right - MIN_PART);
  if (edges.includes("right")) next.right = clamp(cut.right + dx, cut.left + MIN_PART, 1);
  if (edges.includes("top")) next.top = clamp(cut.top + dy, 0, cut.bottom - MIN_PART);
  if (edges.includes("bottom")) next.bottom = clamp(cut.bottom + dy, cut.top + MIN_PART, 1);
  return next;
};

/* Moves the given edges of a part and keeps its shape. `ratio` is the part's width divided by its height, each as a
   fraction of the frame's width or height. The opposite edges stay in place if the frame has room for that. */
export const resized = (cut: Cut, edges: Edge[], dx: number, dy: number, ratio: number): Cut => {
  const free = moved(cut, edges, dx, dy);
  const isAcross = edges.includes("left") || edges.includes("right");
  const wanted = isAcross ? free.right - free.left : (free.bottom - free.top) * ratio;
  const place = (low: number, high: number, isLow: boolean, isHigh: boolean, size: number): [number, number] => {
    const start = isLow ? high - size : isHigh ? low : (low + high - size) / 2;
    const first = clamp(start, 0, 1 - size);
    return [first, first + size];
  };
  const most = Math.min(1, ratio);
  const width = clamp(wanted, Math.max(MIN_PART, MIN_PART * ratio), most);
  const [left, right] = place(cut.left, cut.right, edges.includes("left"), edges.includes("right"), width);
  const [top, bottom] = place(cut.top, cut.bottom, edges.includes("top"), edges.includes("bottom"), width / ratio);
  return { ...cut, left, right, top, bottom };
};

/* A dialog in which the user chooses a part of a picture. Fires `cropped` with the item and the part, or null for the
   part shown at first. */
@define("lianke-crop")
export class LiankeCrop extends DialogPart {
  /* The shape to cut out. If it is undefined, the part may have any shape, and at first it is the whole picture. */
  @property({ attribute: false }) shape: Shape | undefined;
  @state() private _item: Named | null = null;
  @state() private _cut: Cut = { left: 0, top: 0, right: 1, bottom: 1, turn: 0 };
  @state() private _failed = false;

  private _picture: HTMLImageElement | null = null;
  private _drawn: number | null = null; // the turn with which the canvas is drawn
  private _drag: { edges: Edge[]; x: number; y: number; cut: Cut } | null = null;

  static override styles = [
    base,
    buttons,
    whole,
    css`
      canvas {
        display: block;
        max-width: calc(100vw - 48px);
        max-height: calc(100dvh - 190px);
      }
      .part {
        position: absolute;
        box-sizing: border-box;
        outline: 2px solid #fff;
        box-shadow:
          0 0 0 3px #000,
          0 0 0 9999px rgb(0 0 0 / 50%);
        cursor: move;
      }
      .clip {
        position: absolute;
        inset: 0;
        overflow: hidden;
      }
      .edge::after {
        border-radius: 4px;
      }
      .left,
      .right {
        cursor: ew-resize;
      }
      .top,
      .bottom {
        cursor: ns-resize;
      }
      .corner {
        cursor: move;
      }
      label {
        display: flex;
        align-items: center;
        gap: var(--gap);
        flex: 1 1 200px;
      }
      input {
        flex: 1;
        min-width: 80px;
        min-height: 36px;
        accent-color: var(--primary-color);
      }
    `,
  ];

  /* Shows the picture at an address; cut: the part chosen before, if any. */
  async open(item: Named, address: string, cut: Cut | null): Promise<void> {
    const picture = new Image();
    this._item = item;
    this._picture = this._drawn = null;
    this._failed = false;
    await this.updateComplete;
    this.dialog?.showModal();
    try {
      picture.src = address;
      await picture.decode();
      if (this._item !== item) return; // closed meanwhile
      this._picture = picture;
      this._cut = cut ?? this._middle(0);
    } catch {
      this._failed = true;
    }
    this.requestUpdate();
  }

  private get _canvas(): HTMLCanvasElement {
    return this.renderRoot.querySelector("canvas") as HTMLCanvasElement;
  }

  private get _frame(): HTMLElement {
    return this.renderRoot.querySelector(".frame") as HTMLElement;
  }

  private _middle(turn: number): Cut {
    const { naturalWidth: width, naturalHeight: height } = this._picture as HTMLImageElement;
    const { shape } = this;
    return shape ? middleOf(frameOf(width, height, turn), turn, shape) : { left: 0, top: 0, right: 1, bottom: 1, turn };
  }

  protected override updated(): void {
    super.updated();
    if (this._picture && this._drawn !== this._cut.turn) this._draw(this._picture);
  }

  /* Draws the turned picture. The browser has already turned a photo upright. */
  private _draw(picture: HTMLImageElement): void {
    const { turn } = this._cut;
    const factor = Math.min(1, PIXELS / Math.max(picture.naturalWidth, picture.naturalHeight));
    const [width, height] = [picture.naturalWidth * factor, picture.naturalHeight * factor];
    const canvas = this._canvas;
    [canvas.width, canvas.height] = frameOf(width, height, turn).map(Math.round) as [number, number];
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.translate(canvas.width / 2, canvas.height / 2);
    context.rotate((turn * Math.PI) / 180);
    context.drawImage(picture, -width / 2, -height / 2, width, height);
    this._drawn = turn;
  }

  /* The size of the frame, taken from the picture: the canvas has its size only once it is drawn. */
  private get _size(): [number, number] {
    const { naturalWidth, naturalHeight } = this._picture as HTMLImageElement;
    return frameOf(naturalWidth, naturalHeight, this._cut.turn);
  }

  /* The key of the sentence below the picture. The part for a card may have any shape, since a card may be askew in its
     photo; if the shape differs, another sentence says what is printed. */
  private get _help() {
    const { shape } = this;
    if (this._failed) return "crop_failed";
    if (!shape) return "crop_free";
    if (shape.field === "photo_crop") return "crop_photo";
    return !this._picture || hasShape(this._size, this._cut, shape) ? "crop_help" : "crop_shape";
  }

  protected override render() {
    const { t, _item: item } = this;
    if (!item) return nothing;
    const title = printText(t, "crop_name", { name: item.name });
    const ready = !!this._picture;
    return html`<dialog aria-label=${title} @close=${this._closed}>
      <div class="whole">
        ${this.head(title, printText(t, "close"))}
        <div class="stage">
          <div
            class="frame"
            ?hidden=${!ready}
            @pointermove=${this._dragged}
            @pointerup=${this._dropped}
            @pointercancel=${this._dropped}
          >
            <canvas></canvas>
            ${ready ? this._handles() : nothing}
          </div>
        </div>
        <p class="soft" role="status">${printText(t, this._help)}</p>
        <div class="actions">
          <button @click=${() => this._turn(false)}>${printText(t, "crop_turn_left")}</button>
          <button @click=${() => this._turn(true)}>${printText(t, "crop_turn_right")}</button>
          <label>
            ${printText(t, "crop_straighten")}
            <input
              type="range"
              min=${-STRAIGHTEN}
              max=${STRAIGHTEN}
              step="0.5"
              .value=${String(this._slant)}
              @input=${this._straighten}
            />
          </label>
          <button @click=${this._reset}>${printText(t, "crop_reset")}</button>
          <button class="main" aria-disabled=${ready ? nothing : "true"} @click=${this._done}>
            ${printText(t, "crop_done")}
          </button>
        </div>
      </div>
    </dialog>`;
  }

  private _handles() {
    const { left, top, right, bottom } = this._cut;
    const style = `left: ${left * 100}%; top: ${top * 100}%; width: ${(right - left) * 100}%; height: ${(bottom - top) * 100}%`;
    const at = (x: number, y: number) => `left: ${x * 100}%; top: ${y * 100}%`;
    const middle: Record<Edge, string> = {
      left: at(left, (top + bottom) / 2),
      right: at(right, (top + bottom) / 2),
      top: at((left + right) / 2, top),
      bottom: at((left + right) / 2, bottom),
    };
    return html`<div class="clip">
        <div class="part" style=${style} @pointerdown=${(event: PointerEvent) => this._grab(event, EDGES)}></div>
      </div>
      ${CORNERS.map(
        ([x, y]) =>
          html`<div
            class="handle corner"
            style=${at(this._cut[x], this._cut[y])}
            @pointerdown=${(event: PointerEvent) => this._grab(event, [x, y])}
          ></div>`,
      )}
      ${EDGES.map(
        (edge) =>
          html`<div
            class="handle edge ${edge}"
            role="slider"
            tabindex="0"
            style=${middle[edge]}
            aria-label=${printText(this.t, LABELS[edge])}
            aria-orientation=${edge === "left" || edge === "right" ? "horizontal" : "vertical"}
            aria-valuemin="0"
            aria-valuemax="100"
            aria-valuenow=${Math.round(this._cut[edge] * 100)}
            @pointerdown=${(event: PointerEvent) => this._grab(event, [edge])}
            @keydown=${(event: KeyboardEvent) => this._press(event, edge)}
          ></div>`,
      )}`;
  }

  private _grab(event: PointerEvent, edges: Edge[]): void {
    if (event.button) return;
    event.preventDefault();
    (event.currentTarget as HTMLElement).focus({ preventScroll: true });
    // From here on the frame receives the pointer's moves, wherever the pointer is.
    this._frame.setPointerCapture(event.pointerId);
    this._drag = { edges, x: event.clientX, y: event.clientY, cut: this._cut };
  }

  private readonly _dragged = (event: PointerEvent) => {
    if (!this._drag) return;
    const { width, height } = this._frame.getBoundingClientRect();
    const { edges, x, y, cut } = this._drag;
    this._cut = this._moved(cut, edges, (event.clientX - x) / width, (event.clientY - y) / height);
  };

  /* Moves the given edges of the part. The part of a photo keeps its shape. */
  private _moved(cut: Cut, edges: Edge[], dx: number, dy: number): Cut {
    const { shape } = this;
    if (shape?.field !== "photo_crop" || edges.length === 4) return moved(cut, edges, dx, dy);
    const [width, height] = this._size;
    return resized(cut, edges, dx, dy, (ratioOf([width, height], shape) * height) / width);
  }

  private readonly _dropped = () => {
    this._drag = null;
  };

  private _press(event: KeyboardEvent, edge: Edge): void {
    const direction = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!direction) return;
    event.preventDefault();
    const step = Math.abs(direction) > 1 || event.shiftKey ? LARGE_STEP : STEP;
    const by = Math.sign(direction) * step;
    this._cut = this._moved(this._cut, [edge], by, by);
  }

  /* Degrees by which the picture is turned in addition to quarter turns, from -45 to 45. */
  private get _slant(): number {
    const rest = this._cut.turn % 90;
    return rest > 45 ? rest - 90 : rest;
  }

  private _turn(clockwise: boolean): void {
    this._cut = quarter(this._cut, clockwise);
    // A head in an ID photo stays upright, so the part is chosen anew, in the middle of the turned frame.
    if (this.shape && !this.shape.turns) this._cut = this._middle(this._cut.turn);
  }

  private readonly _straighten = (event: Event) => {
    const slant = Number((event.target as HTMLInputElement).value);
    const turn = (this._cut.turn - this._slant + slant + 360) % 360;
    this._cut = this.shape?.field === "photo_crop" ? this._middle(turn) : { ...this._cut, turn };
  };

  private readonly _reset = () => {
    if (this._picture) this._cut = this._middle(0);
  };

  private readonly _done = () => {
    if (!this._picture) return;
    const middle = this._middle(0);
    const isMiddle = this._cut.turn === 0 && EDGES.every((edge) => this._cut[edge] === middle[edge]);
    this.fire("cropped", [this._item, isMiddle ? null : this._cut]);
    this.close();
  };

  private readonly _closed = () => {
    this._item = this._picture = null;
  };
}
