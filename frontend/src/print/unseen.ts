/* Sentences for a preview that has no pictures, or none yet. */
import type { CardContext } from "../context";
import type { PreviewAnswer } from "./sending";

/* ms after which the user is told that a preview takes longer. */
const SLOW_AFTER = 10_000;

/* Returns why a preview has no pictures; null if it has any. */
export const whyUnseen = async (
  context: CardContext,
  images: string[],
  { reason, message, pages, uncounted }: Partial<PreviewAnswer>,
  name: string,
): Promise<string | null> => {
  if (images.length) return null;
  const explain = (translation_key: string, message = "") =>
    context.explain({
      message,
      translation_domain: "lianke",
      translation_key,
      translation_placeholders: { name, pages: String(pages ?? "") },
    });
  const why = await explain(reason ?? "preview_not_drawn", message ?? "");
  return uncounted ? `${why}${context.localizer.isChinese ? "" : " "}${await explain("preview_uncounted")}` : why;
};

/* Marks a preview as slow once it takes long. Returns a function to call when the preview is done, which removes the
   mark. */
export const slowly = (one: { slow: boolean }, changed: () => void): (() => void) => {
  const timer = setTimeout(() => {
    one.slow = true;
    changed();
  }, SLOW_AFTER);
  return () => {
    clearTimeout(timer);
    one.slow = false;
  };
};
