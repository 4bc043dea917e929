/* Scrolls to the new job once the form is gone, which makes the printer's part of the card much shorter. */

/* ms: by then the list of jobs shows what was submitted. */
const SOON = 2000;
/* After one of these the user decides what is in view. */
const OWN = ["pointerdown", "wheel", "keydown"];

/* Brings a printer back into view, as on a phone, then the row of its job, which may be below others that wait. */
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
