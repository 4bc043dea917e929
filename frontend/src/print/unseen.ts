/* What is said where a preview has no pictures, or none yet. */
import type { CardContext } from "../context";
import type { PreviewAnswer } from "./sending";

/* ms until somebody who waits is told that it takes longer. */
const SLOW_AFTER = 10_000;

/* Return why there is nothing to look at, null where there is something. */
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

/* Note when a preview takes long; returns what ends that. */
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
