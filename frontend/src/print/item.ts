/* One document that somebody is about to print. */
import { randomId } from "../context";

export interface MediaChoice {
  media_content_id: string;
  media_content_type: string;
  title: string;
}

/* A list, calendar, camera or image of Home Assistant; its content is read when it is printed. */
export interface SourceEntity {
  entity_id: string;
  name: string;
}

const PICTURE_ENTITY = /^(camera|image)\./;
const SHOWN_PICTURE = /^image\/(png|jpe?g|gif|webp|bmp)$/;
const PICTURE_NAME = /\.(png|jpe?g|gif|webp|bmp|heic|tiff?)$/i;
const RAW_NAME = /\.prn$/i;
/* Files that are sent as they are; any other readable file counts as text. */
const SENT_NAME = /\.(pdf|(doc|xls|ppt)[xm]?|wps|et|dps|html?|prn)$/i;

export type Phase = "upload" | "submit" | null;

/* The request id is made when the document is chosen, so that it prints once however often Print is pressed. */
export class PrintItem {
  readonly request = `card-${randomId()}`;
  readonly name: string;
  /* Address of its own picture, if the browser can show one. */
  readonly picture: string | null;
  /* Why it cannot be printed at all. */
  refused: string | null = null;
  error: string | null = null;
  /* Whether the answer to its print was lost. */
  lost = false;
  phase: Phase = null;
  sent = 0; // bytes
  previewing = false;
  /* Whether Home Assistant draws it unasked: without the cloud, and without showing errors of that. */
  atOnce = false;
  /* Whether its pictures were drawn that way. */
  few = false;
  /* Whether its preview shows other options than the current ones. */
  stale = false;
  isDrawnHere = false;
  /* The handle of the document that Home Assistant keeps after a preview. */
  document: string | null = null;
  /* The paper and orientation that the kept document was laid out for. */
  layout = "";
  pages: number | null = null;
  images: string[] = [];
  /* Why its preview has no pictures. */
  unseen: string | null = null;
  /* Whether its preview takes long. */
  slow = false;

  private readonly _abort = new AbortController();

  constructor(
    readonly file: File | null,
    readonly media: MediaChoice | null = null,
    readonly entity: SourceEntity | null = null,
  ) {
    this.name = file?.name ?? media?.title ?? entity?.name ?? "";
    this.picture = file && SHOWN_PICTURE.test(file.type) ? URL.createObjectURL(file) : null;
  }

  get signal(): AbortSignal {
    return this._abort.signal;
  }

  /* Printer commands go to the printer as they are: options and previews mean nothing. */
  get isRaw(): boolean {
    return !this.entity && RAW_NAME.test(this.name);
  }

  /* A text, list or calendar is laid out for the chosen paper. */
  get isComposed(): boolean {
    return !this.isPicture && (!!this.entity || !SENT_NAME.test(this.name));
  }

  /* A picture has one page, so there are no pages to choose from. */
  get isPicture(): boolean {
    return (
      this.file?.type.startsWith("image/") ||
      this.media?.media_content_type.startsWith("image/") ||
      (this.entity ? PICTURE_ENTITY.test(this.entity.entity_id) : PICTURE_NAME.test(this.name))
    );
  }

  /* Whether the browser can show the picture. Immich calls an iPhone's photo image/heic, but hands out a JPEG. */
  get canBeShown(): boolean {
    return this.picture !== null || !!this.media?.media_content_type.startsWith("image/");
  }

  /* Ends its upload and frees its picture. */
  discard(): void {
    this._abort.abort();
    if (this.picture) URL.revokeObjectURL(this.picture);
  }
}
