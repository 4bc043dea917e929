/* Which documents Home Assistant draws as soon as they are chosen: those that it can draw by itself, and that are small. */
import type { Batch } from "./batch";
import type { PrintItem } from "./item";

/* Nobody asked for the upload: it must not take long. */
const MAX_BYTES = 20e6;
const MAX_ITEMS = 3;
const TYPES = /^(application\/pdf|image\/(png|jpeg|gif|webp|bmp|hei[cf]|tiff))$/;
const NAMES = /\.(pdf|png|jpe?g|gif|webp|bmp|hei[cf]|tiff?)$/i;

/* Return those of the documents that are drawn at once: files among the first few of all. */
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

/* Draw documents that can be, once the printer's options are loaded and unless something else was asked for meanwhile. */
export const drawAtOnce = async (batch: Batch, items: PrintItem[]): Promise<void> => {
  if (batch.joint) return;
  const chosen = drawnAtOnce(batch.items).filter((item) => items.includes(item));
  for (const item of chosen) item.atOnce = item.few = true;
  await batch.loading;
  for (const item of chosen) {
    const isWanted = item.atOnce && !item.images.length && !item.refused;
    if (isWanted && !batch.joint && !batch.printing) await batch.draw(item);
    // Unless another call of this has begun to draw it.
    if (!item.images.length && !item.previewing) item.atOnce = false;
    batch.changed();
  }
};
