/* Calls actions with the documents of a batch. */
import { UserError, type CommandError } from "../context";
import type { Batch } from "./batch";
import type { PrintItem } from "./item";
import type { Detected } from "./layouts";
import { printText } from "./texts";
import { upload } from "./upload";

export interface PrintAnswer {
  jobs: { job_id: string; duplicate?: boolean }[];
}
export interface PreviewAnswer {
  document: string;
  pages: number | null;
  images: string[];
  drawn_by: string;
  /* Why there are no pictures: the translation key of a text of the integration. */
  reason?: string | null;
  message?: string | null;
  /* Whether the document's pages cannot be counted: a job that prints it waits until somebody confirms it. */
  uncounted?: boolean;
}

/* Thrown if a later call has taken over the upload of this call, or if the text has changed in the meantime. */
export class TakenOver extends Error {}

interface Upload {
  id: Promise<string>;
  sent: number;
  progress: (sent: number) => void;
}

const FORGET_AFTER = 2000; // ms between `forget` and the deletion of the document

const isGone = (error: unknown) => (error as CommandError)?.translation_key === "document_gone";

export class Sending {
  private readonly _keeping = new Map<PrintItem, Promise<void>>();
  private readonly _uploads = new Map<PrintItem, Upload>();

  constructor(private readonly _batch: Batch) {}

  private _call<T>(service: string, data: object): Promise<Partial<T>> {
    return this._batch.context.call<T>(service, { device_id: this._batch.device, ...data });
  }

  /*
   * Calls an action with a document. If Home Assistant still keeps the document, laid out for the same paper, the
   * action gets its handle; otherwise it gets the media, the entity or an upload of the file. The handle in the answer
   * is kept for later calls. progress is called with the number of bytes uploaded so far, and with null right before
   * the action. Throws TakenOver if a later call has taken over the upload, or the user has changed the text meanwhile.
   */
  async withDocument<T>(
    item: PrintItem,
    service: string,
    data: Record<string, unknown>,
    progress: (sent: number | null) => void,
  ): Promise<Partial<T>> {
    const layout = JSON.stringify([data["paper"], data["orientation"]]);
    if (item.isComposed && item.layout !== layout) {
      this.forget(item.document);
      item.document = null;
    }
    const written = JSON.stringify(item.written?.source);
    const call = async (source: object) => {
      progress(null);
      const answer = await this._call<T & { document: string }>(service, { ...data, ...source });
      const { document } = answer;
      if (written !== JSON.stringify(item.written?.source)) {
        this.forget(document);
        throw new TakenOver();
      }
      // Another call has stored the document meanwhile. In a combined print the documents are sent by the handle of
      // that call.
      const isSpare = item.document && item.document !== document && this._batch.combined;
      if (document && isSpare) this.forget(document);
      else if (document) {
        if (item.document !== document) this.forget(item.document);
        item.document = document;
        item.layout = layout;
      }
      return answer;
    };
    if (item.document) {
      try {
        return await call({ document: item.document });
      } catch (error) {
        if (!isGone(error)) throw error;
        item.document = null;
      }
    }
    if (item.entity) return call({ source_entity: item.entity.entity_id });
    const accepted = item.accepted ? { print_incomplete: true } : {};
    try {
      if (item.written) return await call({ ...item.written.source, ...accepted });
      if (!item.media) return await call({ upload: await this._upload(item, progress), ...accepted });
      const { media_content_id, media_content_type } = item.media;
      return await call({ media: { media_content_id, media_content_type }, ...accepted });
    } catch (error) {
      item.incomplete ||= (error as CommandError)?.translation_key === "ofd_incomplete";
      throw error;
    }
  }

  /* Uploads a file, or joins its upload under way, and returns the upload's id. An id works only once, so only the last
     caller gets it; for every earlier caller this throws TakenOver. */
  private async _upload(item: PrintItem, progress: (sent: number) => void): Promise<string> {
    const before = this._uploads.get(item);
    const tell = (sent: number) => {
      const now = this._uploads.get(item);
      if (!now) return;
      now.sent = sent;
      now.progress(sent);
    };
    const sent = before?.sent ?? 0;
    progress(sent);
    const id = before?.id ?? upload(this._batch.context, item.file as File, tell, item.signal);
    const mine = { id, sent, progress };
    this._uploads.set(item, mine);
    try {
      const uploaded = await id;
      if (this._uploads.get(item) !== mine) throw new TakenOver();
      return uploaded;
    } finally {
      if (this._uploads.get(item) === mine) this._uploads.delete(item);
    }
  }

  /* Makes Home Assistant delete a kept document, which it would otherwise delete after an hour. */
  forget(document: string | null | undefined): void {
    if (!document) return;
    const { hass } = this._batch.context;
    const forget = () => hass.callWS({ type: "lianke/document/forget", document }).catch(() => undefined);
    // Wait, since the browser may still be fetching pictures of the document.
    setTimeout(() => void forget(), FORGET_AFTER);
  }

  /* Stores every document in Home Assistant, then calls an action with all of them at once. A document that Home
     Assistant has forgotten is stored again. begin is called right before the action. Throws a UserError if a document
     was removed from the batch meanwhile. */
  async withAll<T>(items: PrintItem[], service: string, data: object, begin: () => void): Promise<Partial<T>> {
    const call = async () => {
      const isThere = (item: PrintItem) => this._batch.usable.includes(item);
      for (const item of items) if (isThere(item)) await this.keep(item);
      if (!items.every(isThere)) throw new UserError(printText(this._batch.context.localizer, "changed"));
      begin();
      return this._call<T>(service, { ...data, document: items.map((item) => item.document) });
    };
    return this._again(items, call);
  }

  /* Asks Home Assistant for the corners of the page in a picture. */
  corners(item: PrintItem): Promise<Detected> {
    return this._again([item], async () => {
      await this.keep(item);
      const message = { type: "lianke/document/corners", document: item.document };
      return this._batch.context.hass.callWS<Detected>(message);
    });
  }

  /* Makes a call, and repeats it once if Home Assistant has forgotten one of the documents. */
  private async _again<T>(items: PrintItem[], call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!isGone(error)) throw error;
      for (const item of items) item.document = null;
      return call();
    }
  }

  /* Makes Home Assistant keep a document and count its pages. Simultaneous callers share one request. */
  async keep(item: PrintItem): Promise<void> {
    if (item.document) return;
    const keep = async () => {
      const answer = await this.withDocument<PreviewAnswer>(item, "count_pages", {}, (sent) => {
        item.phase = sent === null ? null : "upload";
        item.sent = sent ?? item.sent;
        this._batch.changed();
      });
      item.pages = answer.pages ?? null;
      // The document was removed from the batch meanwhile.
      if (!this._batch.items.includes(item)) this.forget(item.document);
    };
    let keeping = this._keeping.get(item);
    if (!keeping) this._keeping.set(item, (keeping = keep().finally(() => this._keeping.delete(item))));
    await keeping;
  }
}
