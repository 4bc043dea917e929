/* Draws documents as soon as they are chosen, if they are small and Home Assistant can draw them without the cloud. */
import type { Batch } from "./batch";
import type { PrintItem } from "./item";

/* Maximum size in bytes of a file that is drawn at once: the user has not asked for its upload, so it must not take
   long. */
const MAX_BYTES = 20e6;
const MAX_ITEMS = 3;
const TYPES = /^(application\/(pdf|ofd)|image\/(png|jpeg|gif|webp|bmp|hei[cf]|tiff))$/;
const NAMES = /\.(pdf|ofd|png|jpe?g|gif|webp|bmp|hei[cf]|tiff?)$/i;

/* Returns the documents to draw at once: only files, and only among the first MAX_ITEMS documents. */
export const drawnAtOnce = (all: PrintItem[]): PrintItem[] =>
  all
    .slice(0, MAX_ITEMS)
    .filter(
      ({ file, refused, images, previewing }) =>
        file &&
        !refused &&
        !images.length &&
        !previewing &&
        file.size <= MAX_BYTES &&
        (file.type ? TYPES.test(file.type) : NAMES.test(file.name)),
    );

/* Draws these documents once the printer's options are loaded, unless the user has meanwhile pressed Print, Preview or
   a layout. */
export const drawAtOnce = async (batch: Batch, items: PrintItem[]): Promise<void> => {
  if (batch.combined) return;
  const chosen = drawnAtOnce(batch.items).filter((item) => items.includes(item));
  for (const item of chosen) item.atOnce = item.few = true;
  await batch.loading;
  for (const item of chosen) {
    const isWanted = item.atOnce && !item.images.length && !item.refused;
    if (isWanted && !batch.combined && !batch.printing) await batch.draw(item);
    // The mark stays if another call is drawing the document.
    if (!item.images.length && !item.previewing) item.atOnce = false;
    batch.changed();
  }
};
