import { css, html, nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { mdiArrowLeft, mdiFileDocumentOutline, mdiFolder } from "@mdi/js";
import { define } from "../define";
import { base, buttons } from "../styles";
import { DialogPart, dialogs } from "./dialogs";
import type { MediaChoice } from "./item";
import { printText } from "./texts";

/* An item in the answer of `media_source/browse_media`. */
interface MediaItem extends MediaChoice {
  media_class: string;
  can_play: boolean;
  can_expand: boolean;
  thumbnail?: string | null;
  children?: MediaItem[];
  /* The folders in this item, if it holds only folders and is unfolded in place. */
  folders?: MediaItem[];
}

/* Types of media, and sources, that cannot be printed. */
const UNPRINTABLE = /^(audio|video|music)(\/|$)/;
const UNPRINTABLE_SOURCE = /^media-source:\/\/(tts|radio_browser)\b/;

/* At the root, the library is unfolded in place: up to LEVELS levels, from a source through its account to the albums.
   A folder with more than FOLDERS folders stays folded. When the root is opened, the dialog waits at most WAITED for
   slow sources. */
const LEVELS = 3;
const FOLDERS = 24;
const WAITED = 2000; // ms

/* The path from the root to the folder shown last, for each login. */
const left = new WeakMap<object, MediaItem[]>();

const isPrintable = (item: MediaItem): boolean => {
  if (item.can_expand) return !UNPRINTABLE_SOURCE.test(item.media_content_id);
  // Photo sources report that a photo cannot be played, but it can be chosen nevertheless.
  const isOffered = item.can_play || item.media_class === "image";
  return isOffered && !UNPRINTABLE.test(item.media_content_type) && !UNPRINTABLE.test(item.media_class);
};

/* The items of a folder that can be printed, and its folders. */
const printable = (folder?: MediaItem): MediaItem[] => (folder?.children ?? []).filter(isPrintable);

/* A dialog that chooses one document from Home Assistant's media sources; fires `media-chosen`. */
@define("lianke-media-browser")
export class LiankeMediaBrowser extends DialogPart {
  /* The path from the root to the folder that is shown. */
  @state() private _path: MediaItem[] = [];
  @state() private _error = "";
  @state() private _loading = false;
  /* Signed addresses of thumbnails, by path; empty for a thumbnail that is not signed yet or cannot be shown. */
  @state() private _pictures = new Map<string, string>();

  /* Identifies the last request: answers to earlier requests are ignored. */
  private _turn = {};

  private readonly _seen = new IntersectionObserver((rows) => {
    for (const { isIntersecting, target } of rows) if (isIntersecting) void this._sign(target as HTMLElement);
  });

  static override styles = [
    base,
    buttons,
    dialogs,
    css`
      dialog {
        max-height: min(560px, 100dvh - 32px);
      }
      ul,
      .plain {
        padding: 0 12px 12px;
      }
      ul ul {
        padding: 0;
        padding-inline-start: 16px;
      }
      img {
        width: 40px;
        height: 40px;
        margin-inline-start: -10px;
        object-fit: cover;
        border-radius: var(--ha-border-radius-sm, 4px);
        flex: none;
      }
      li button {
        width: 100%;
        justify-content: flex-start;
        gap: 12px;
        min-height: 44px;
        background: none;
        border-radius: var(--ha-border-radius-md, 8px);
      }
    `,
  ];

  /* Opens the folder that the user saw last on this page, otherwise the root: the next photo is usually close to the
     last one. */
  async open(): Promise<void> {
    if (!this._path.length) this._path = left.get(this.context.hass.auth) ?? [];
    await this.updateComplete;
    this.dialog?.showModal();
    if (this._path.length) void this._renew();
    else await this._browse();
  }

  protected override render() {
    const { t } = this;
    const folder = this._path.at(-1);
    const rows = printable(folder);
    const isInside = this._path.length > 1;
    const title = (isInside && folder?.title) || printText(t, "media");
    const up = this.round("back", printText(t, "back"), mdiArrowLeft, this._up);
    return html`<dialog aria-label=${printText(t, "media")} @close=${() => this.fire("media-closed")}>
      ${this.head(title, printText(t, "close"), isInside ? up : nothing)}
      ${this._error ? html`<p class="plain error" role="alert">${this._error}</p>` : nothing}
      ${
        this._loading
          ? html`<p class="plain soft" role="status">${t.text("loading")}</p>`
          : rows.length
            ? html`<ul aria-label=${printText(t, "media")}>
                ${rows.map((item) => this._row(item))}
              </ul>`
            : html`<p class="plain soft">${printText(t, "media_empty")}</p>`
      }
    </dialog>`;
  }

  private _row(item: MediaItem): TemplateResult {
    return html`<li>
      <button @click=${() => (item.can_expand ? this._browse(item) : this._choose(item))}>
        ${this._picture(item)}<span class="title">${item.title}</span>
      </button>
      ${
        item.folders?.length
          ? html`<ul aria-label=${item.title}>
              ${item.folders.map((one) => this._row(one))}
            </ul>`
          : nothing
      }
    </li>`;
  }

  private _picture({ can_expand, thumbnail }: MediaItem) {
    if (can_expand) return html`<ha-svg-icon .path=${mdiFolder}></ha-svg-icon>`;
    // Only thumbnails that Home Assistant itself serves are shown. An SVG is a drawing of a document, no better than
    // the icon.
    const own = thumbnail && /^\/(?!\/)/.test(thumbnail) && !thumbnail.endsWith(".svg") ? thumbnail : undefined;
    const address = own && this._pictures.get(own);
    return address
      ? html`<img src=${address} alt="" @error=${() => this._keep(own, "")} />`
      : html`<ha-svg-icon .path=${mdiFileDocumentOutline} data-thumbnail=${own ?? nothing}></ha-svg-icon>`;
  }

  protected override updated(): void {
    super.updated();
    this._seen.disconnect();
    for (const icon of this.renderRoot.querySelectorAll("[data-thumbnail]")) this._seen.observe(icon);
  }

  private async _sign({ dataset: { thumbnail: path } }: HTMLElement): Promise<void> {
    if (!path || this._pictures.has(path)) return;
    this._pictures.set(path, "");
    const message = { type: "auth/sign_path", path };
    const signed = await this.context.hass.callWS<{ path: string }>(message).catch(() => ({ path: "" }));
    this._keep(path, signed.path);
  }

  private _keep(path: string, address: string): void {
    this._pictures = new Map(this._pictures).set(path, address);
  }

  private async _browse(folder?: MediaItem): Promise<void> {
    const turn = (this._turn = {});
    this._loading = true;
    this._error = "";
    try {
      const found = await this._ask(folder);
      if (!folder) await Promise.race([this._unfold(found), new Promise((resolve) => setTimeout(resolve, WAITED))]);
      // The user has gone back meanwhile.
      if (turn !== this._turn) return;
      this._show([...this._path, found]);
    } catch (error) {
      const said = await this.context.explain(error);
      if (turn !== this._turn) return;
      this._error = said;
    }
    this._loading = false;
  }

  /* Asks again for the folder that the user saw last. Until an answer arrives, and if no answer arrives, the dialog
     shows the folder as it was. */
  private async _renew(): Promise<void> {
    const turn = (this._turn = {});
    this._loading = false;
    this._error = "";
    const folder = this._path.length > 1 ? this._path.at(-1) : undefined;
    const found = await this._ask(folder).catch(() => undefined);
    // Wait for all sources: albums that are already shown must not vanish because their source is slow.
    if (found && !folder) await this._unfold(found);
    if (found && turn === this._turn) this._show([...this._path.slice(0, -1), found]);
  }

  private _ask(folder?: MediaItem): Promise<MediaItem> {
    const id = folder ? { media_content_id: folder.media_content_id } : {};
    return this.context.hass.callWS<MediaItem>({ type: "media_source/browse_media", ...id });
  }

  /* Unfolds the sources in place, so that albums are one tap away; a source that does not answer stays folded. */
  private async _unfold(root: MediaItem): Promise<void> {
    const sources = printable(root).filter(({ can_expand }) => can_expand);
    await Promise.all(sources.map((source) => this._lookInto(source, LEVELS).catch(() => undefined)));
  }

  /* Unfolds a folder in place if it holds only folders, and also the first of these folders if it holds pictures. */
  private async _lookInto(folder: MediaItem, levels: number): Promise<void> {
    const inside = printable(await this._ask(folder));
    const [first] = inside;
    if (inside.length > FOLDERS || !inside.every(({ can_expand }) => can_expand)) return;
    folder.folders = inside;
    if (levels > 1 && first?.media_content_type === "image") await this._lookInto(first, levels - 1);
  }

  private _show(path: MediaItem[]): void {
    this._path = path;
    // The signed addresses expire soon, so the pictures of each folder are signed anew.
    this._pictures = new Map();
    left.set(this.context.hass.auth, path);
  }

  private readonly _up = () => {
    this._turn = {};
    this._loading = false;
    this._error = "";
    this._show(this._path.slice(0, -1));
  };

  private _choose({ media_content_id, media_content_type, title }: MediaItem): void {
    this.fire("media-chosen", { media_content_id, media_content_type, title } satisfies MediaChoice);
    this.close();
  }
}
