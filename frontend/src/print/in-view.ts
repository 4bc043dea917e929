/* Shows what has come of a print once its form is gone, which makes the printer's part of the card much shorter. */

/* ms until the list of jobs tells of what was handed over. */
const SOON = 2000;
/* From now on it is somebody's own doing what is in view. */
const OWN = ["pointerdown", "wheel", "keydown"];

/* Bring a printer back into view, as on a phone, and then the row of a job, which may be below others that wait. */
export const bringIntoView = (printer: Element, job: string | undefined): void => {
  if (printer.getBoundingClientRect().top < 0) printer.scrollIntoView({ block: "start" });
  if (!job) return;
  const end = performance.now() + SOON;
  const stop = new AbortController();
  const { signal } = stop;
  for (const type of OWN) addEventListener(type, () => stop.abort(), { signal, capture: true, passive: true });
  const look = () => {
    if (signal.aborted) return;
    const jobs = printer.shadowRoot?.querySelector("lianke-jobs")?.shadowRoot;
    const row = jobs?.querySelector(`[data-key="${CSS.escape(job)}"]`);
    if (!row && performance.now() < end) return void requestAnimationFrame(look);
    stop.abort();
    row?.scrollIntoView({ block: "nearest" });
  };
  look();
};
