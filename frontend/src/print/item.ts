/* One document that somebody is about to print. */
import { randomId } from "../context";

export interface MediaChoice {
  media_content_id: string;
  media_content_type: string;
  title: string;
}

/* A list, calendar, camera or image of Home Assistant; what it shows is read when it is printed. */
export interface SourceEntity {
  entity_id: string;
  name: string;
}

const PICTURE_ENTITY = /^(camera|image)\./;
const SHOWN_PICTURE = /^image\/(png|jpe?g|gif|webp|bmp)$/;
const PICTURE_NAME = /\.(png|jpe?g|gif|webp|bmp|heic|tiff?)$/i;
const RAW_NAME = /\.prn$/i;
/* What goes as it is; whatever else can be read is taken for a text. */
const SENT_NAME = /\.(pdf|(doc|xls|ppt)[xm]?|wps|et|dps|html?|prn)$/i;

export type Phase = "upload" | "submit" | null;

/*
 * Its request id is made when it is chosen: however often Print is pressed, and whatever the connection does meanwhile,
 * it prints once.
 */
export class PrintItem {
  readonly request = `card-${randomId()}`;
  readonly name: string;
  /* Address of a picture to show of it, if the browser can show one. */
  readonly picture: string | null;
  /* Why it cannot be printed at all. */
  refused: string | null = null;
  error: string | null = null;
  /* Whether the answer to its printing was lost. */
  lost = false;
  phase: Phase = null;
  sent = 0; // bytes
  previewing = false;
  /* Whether Home Assistant draws it unasked: it asks nobody else for it, and an error of that is not told. */
  atOnce = false;
  /* Whether its pictures were made so. */
  few = false;
  /* Whether its preview shows other options than those chosen now. */
  stale = false;
  isDrawnHere = false;
  /* What Home Assistant keeps of it after a preview. */
  document: string | null = null;
  /* The paper that this was laid out for. */
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

  /* Printer commands go to the printer as they are, so that options and previews mean nothing. */
  get isRaw(): boolean {
    return !this.entity && RAW_NAME.test(this.name);
  }

  /* A text, list or calendar becomes a page of the paper that is chosen. */
  get isComposed(): boolean {
    return !this.isPicture && (!!this.entity || !SENT_NAME.test(this.name));
  }

  /* A picture has one page, of which nothing can be chosen. */
  get isPicture(): boolean {
    return (
      this.file?.type.startsWith("image/") ||
      this.media?.media_content_type.startsWith("image/") ||
      (this.entity ? PICTURE_ENTITY.test(this.entity.entity_id) : PICTURE_NAME.test(this.name))
    );
  }

  /* Whether the browser can show the picture itself. A server may show what it calls by the kind that it keeps. */
  get canBeShown(): boolean {
    return this.picture !== null || !!this.media?.media_content_type.startsWith("image/");
  }

  /* End what is under way and let go of the picture. */
  discard(): void {
    this._abort.abort();
    if (this.picture) URL.revokeObjectURL(this.picture);
  }
}
