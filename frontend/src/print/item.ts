/* One document that somebody is about to print. */
import { randomId } from "../context";
import type { Written } from "./written";

export interface MediaChoice {
  media_content_id: string;
  media_content_type: string;
  title: string;
}

/* A list, calendar, camera or image of Home Assistant, whose content is read at the time of printing. */
export interface SourceEntity {
  entity_id: string;
  name: string;
}

const PICTURE_ENTITY = /^(camera|image)\./;
const SHOWN_PICTURE = /^image\/(png|jpe?g|gif|webp|bmp)$/;
const PICTURE_NAME = /\.(png|jpe?g|gif|webp|bmp|heic|tiff?)$/i;
const RAW_NAME = /\.prn$/i;
/* Names of files that are sent as they are; any other readable file counts as text. */
const SENT_NAME = /\.(pdf|ofd|(doc|xls|ppt)[xm]?|wps|et|dps|html?|prn)$/i;

export type Phase = "upload" | "submit" | null;

/* The request id is made when the document is chosen, so that the document is printed once, however often Print is
   pressed. */
export class PrintItem {
  readonly request: string;
  readonly name: string;
  /* Address at which the browser can show the chosen file, if it is a picture; otherwise null. */
  readonly picture: string | null;
  /* Why the document cannot be printed at all; null if it can be. */
  refused: string | null = null;
  error: string | null = null;
  /* incomplete: parts of this OFD file cannot be drawn; accepted: the user wants it to be printed without them. */
  incomplete = false;
  accepted = false;
  /* Whether the answer to the document's print was lost. */
  lost: boolean;
  phase: Phase = null;
  sent = 0; // bytes uploaded so far
  previewing = false;
  /* Whether Home Assistant draws the document although the user has not asked for a preview. Home Assistant then draws
     without the cloud, and the card shows only errors that no choice of options can avoid. */
  atOnce = false;
  /* Whether the present pictures were drawn although the user had not asked for a preview (see `atOnce`). */
  few = false;
  /* Whether the preview shows options that have changed since. */
  stale = false;
  isDrawnHere = false;
  /* The handle of the document that Home Assistant keeps after a preview. */
  document: string | null = null;
  /* The paper and orientation that the kept document was laid out for. */
  layout = "";
  pages: number | null = null;
  images: string[] = [];
  /* Why the preview has no pictures; null if it has any. */
  unseen: string | null = null;
  /* Whether the preview takes long. */
  slow = false;

  private readonly _abort = new AbortController();

  constructor(
    readonly file: File | null,
    readonly media: MediaChoice | null = null,
    readonly entity: SourceEntity | null = null,
    readonly written: Written | null = null,
  ) {
    this.request = written?.request ?? `card-${randomId()}`;
    this.lost = Boolean(written?.request);
    this.name = file?.name ?? media?.title ?? entity?.name ?? written?.name ?? "";
    this.picture = file && SHOWN_PICTURE.test(file.type) ? URL.createObjectURL(file) : null;
  }

  get signal(): AbortSignal {
    return this._abort.signal;
  }

  /* Whether the item can be printed: it was not refused, and a text is not blank. */
  get isUsable(): boolean {
    return !this.refused && !this.written?.isBlank;
  }

  /* Whether the file contains printer commands, which go to the printer as they are, with neither options nor
     previews. */
  get isRaw(): boolean {
    return !this.entity && !this.written && RAW_NAME.test(this.name);
  }

  /* Whether Home Assistant lays the document out for the chosen paper, as it does with a text, list or calendar. */
  get isComposed(): boolean {
    return !this.isPicture && (!!this.entity || !!this.written || !SENT_NAME.test(this.name));
  }

  /* Whether the document is a picture. It has one page, so there are no pages to choose from. */
  get isPicture(): boolean {
    return (
      this.file?.type.startsWith("image/") ||
      this.media?.media_content_type.startsWith("image/") ||
      (this.entity ? PICTURE_ENTITY.test(this.entity.entity_id) : PICTURE_NAME.test(this.name))
    );
  }

  /* Whether the browser can show the picture. It can show any picture from the media library: Immich, for example,
     reports an iPhone's photo as image/heic, but serves a JPEG. */
  get canBeShown(): boolean {
    return this.picture !== null || !!this.media?.media_content_type.startsWith("image/");
  }

  /* Ends the document's upload and frees its picture. */
  discard(): void {
    this._abort.abort();
    if (this.picture) URL.revokeObjectURL(this.picture);
  }
}
