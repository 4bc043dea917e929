/* Sentences for a preview without pictures, or without any yet. */
import type { CardContext } from "../context";
import type { PreviewAnswer } from "./sending";

/* ms until the user is told that it takes longer. */
const SLOW_AFTER = 10_000;

/* Why a preview has no pictures; null if it has some. */
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

/* Marks a preview that takes long; the result ends that. */
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
