import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { mdiChevronLeft, mdiChevronRight, mdiClose, mdiMagnifyMinusOutline, mdiMagnifyPlusOutline } from "@mdi/js";
import { define } from "../define";
import { base, buttons } from "../styles";
import { DialogPart } from "./dialogs";
import { printText } from "./texts";
import { whole } from "./whole-screen";

const MAX_SHOWN = 10;
const ZOOMS = [1, 1.5, 2, 3];

/* A document's pages: a strip of pictures, and one picture at a time on the whole screen. */
@define("lianke-preview")
export class LiankePreview extends DialogPart {
  @property({ attribute: false }) images: string[] = [];
  /* The number of pages, which may be larger than the number of pictures. */
  @property({ attribute: false }) pages = 0;
  @property({ attribute: false }) name = "";
  /* Whether the pictures show options that have changed since. */
  @property({ attribute: false }) stale = false;
  /* Whether the user has not asked for this preview. Its strip then has only the first page; the other pages are
     fetched when the user enlarges it. */
  @property({ attribute: false }) few = false;
  @state() private _opened = false;
  @state() private _page = 0;
  @state() private _zoom = 0;
  /* Addresses of pictures that could not be loaded. */
  @state() private _missing: string[] = [];

  static override styles = [
    base,
    buttons,
    whole,
    css`
      .previews {
        display: flex;
        gap: 10px;
        overflow-x: auto;
        padding: 4px 4px 8px;
        align-items: center;
        min-height: 240px;
      }
      .previews button {
        padding: 0;
        border-radius: 4px;
        background: none;
        flex: none;
        max-width: 100%;
        cursor: zoom-in;
      }
      .previews img {
        max-height: 240px;
        min-width: 48px; /* visible and large enough to press before it has loaded */
        min-height: 48px;
        max-width: 100%;
        object-fit: contain;
        /* A box-shadow would also surround the empty space that a wide sheet leaves. */
        filter: drop-shadow(0 1px 3px rgb(0 0 0 / 30%));
      }
      .previews .more {
        padding: 0 16px;
        border-radius: 18px;
        background: var(--tint);
      }
      .few {
        min-height: 120px;
      }
      .few img {
        max-height: 120px;
      }
      .stale img {
        opacity: 0.45;
      }
      dialog {
        padding: 0;
      }
      .whole {
        gap: 0;
      }
      .bar {
        padding: env(safe-area-inset-top) 8px 0;
        background: var(--card-background-color);
      }
      .pages {
        flex: 1;
        min-height: 0;
        display: flex;
        overflow-x: auto;
        scroll-snap-type: x mandatory;
      }
      .page {
        flex: 0 0 100%;
        overflow: auto;
        scroll-snap-align: center;
        scroll-snap-stop: always;
        display: grid;
        padding: 12px;
        box-sizing: border-box;
        touch-action: pan-x pan-y pinch-zoom;
      }
      .page img {
        margin: auto;
        background: #fff;
        box-shadow: 0 1px 8px rgb(0 0 0 / 40%);
      }
    `,
  ];

  private get _shown(): string[] {
    return this.images.slice(0, MAX_SHOWN);
  }

  protected override render() {
    const { t, name } = this;
    const strip = this.few ? this._shown.slice(0, 1) : this._shown;
    const rest = Math.max(this.pages, this.images.length) - strip.length;
    const thumbnail = (src: string, at: number) =>
      html`<button aria-label=${printText(t, "preview_open", { n: at + 1, name })} @click=${() => this._open(at)}>
          <img
            src=${src}
            alt=${printText(t, "preview_page", { n: at + 1, name })}
            @error=${() => (this._missing = [...this._missing, src])}
          />
        </button>
        ${this._missing.includes(src) ? html`<p class="soft" role="status">${printText(t, "preview_missing", { n: at + 1 })}</p>` : nothing}`;
    return html`<div
        class="previews ${this.stale ? "stale" : ""} ${this.few ? "few" : ""}"
        role="group"
        aria-label=${printText(t, "preview_of", { name })}
        aria-busy=${this.stale}
      >
        ${strip.length || !this.stale ? strip.map(thumbnail) : html`<p class="soft pulse">${printText(t, "preview_busy")}</p>`}
        ${rest > 0 ? this._more(rest, strip.length) : nothing}
      </div>
      ${this._full()}`;
  }

  /* The number of further pages; a button if they can be shown. */
  private _more(rest: number, at: number) {
    const words = printText(this.t, "preview_more", { n: this.t.number(rest) });
    return at < this._shown.length
      ? html`<button class="more" @click=${() => this._open(at)}>${words}</button>`
      : html`<span class="soft">${words}</span>`;
  }

  private _full() {
    const { t, name } = this;
    const total = this._shown.length;
    const position = printText(t, "preview_position", { n: this._page + 1, total });
    const size = 100 * (ZOOMS[this._zoom] ?? 1);
    // At first the picture fits the screen; when enlarged, it is scrolled.
    const style = size === 100 ? "max-width: 100%; max-height: calc(100dvh - 80px)" : `width: ${size}%`;
    return html`<dialog aria-label=${printText(t, "preview_of", { name })} @keydown=${this._key} @close=${this._closed}>
      <div class="whole">
        <div class="bar">
          <span class="grow title"><bdi>${name}</bdi></span>
          <span class="soft" aria-live="polite">${position}</span>
          ${this._round("page_back", mdiChevronLeft, () => this._show(this._page - 1), this._page === 0)}
          ${this._round("page_on", mdiChevronRight, () => this._show(this._page + 1), this._page >= total - 1)}
          ${this._round("zoom_out", mdiMagnifyMinusOutline, () => this._enlarge(-1), this._zoom === 0)}
          ${this._round("zoom_in", mdiMagnifyPlusOutline, () => this._enlarge(1), this._zoom === ZOOMS.length - 1)}
          ${this._round("close", mdiClose, this.close, false)}
        </div>
        <div class="pages" tabindex="0" role="group" aria-label=${position} @scrollend=${this._scrolled}>
          ${this._shown.map(
            (src, at) =>
              html`<div class="page" tabindex=${this._zoom ? 0 : nothing} @dblclick=${this._toggleZoom}>
                <img
                  src=${this._opened || !this.few ? src : nothing}
                  alt=${printText(t, "preview_page", { n: at + 1, name })}
                  style=${style}
                />
              </div>`,
          )}
        </div>
      </div>
    </dialog>`;
  }

  private _round(
    key: "page_back" | "page_on" | "zoom_in" | "zoom_out" | "close",
    icon: string,
    press: () => void,
    resting: boolean,
  ) {
    return this.round(key, printText(this.t, key), icon, press, resting);
  }

  private _open(page: number): void {
    this._zoom = 0;
    this._opened = true;
    this.dialog?.showModal();
    this._show(page, "instant");
  }

  private _show(page: number, behavior: ScrollBehavior = "smooth"): void {
    if (page < 0 || page >= this._shown.length) return;
    this._page = page;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const pages = this.renderRoot.querySelectorAll(".page");
    pages[page]?.scrollIntoView({ behavior: calm ? "instant" : behavior, inline: "center", block: "nearest" });
  }

  private readonly _scrolled = (event: Event) => {
    const strip = event.currentTarget as HTMLElement;
    if (event.target === strip && strip.clientWidth)
      this._page = Math.round(Math.abs(strip.scrollLeft) / strip.clientWidth);
  };

  private _enlarge(by: number): void {
    this._zoom = Math.min(Math.max(this._zoom + by, 0), ZOOMS.length - 1);
  }

  private readonly _toggleZoom = () => {
    this._zoom = this._zoom ? 0 : 2;
  };

  private readonly _key = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const zoom = { "+": 1, "-": -1 }[event.key];
    if (step && !this._zoom) {
      event.preventDefault();
      this._show(this._page + (getComputedStyle(this).direction === "rtl" ? -step : step));
    }
    if (zoom) this._enlarge(zoom);
  };

  private readonly _closed = () => {
    this._zoom = 0;
  };
}
