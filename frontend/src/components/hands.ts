/* What a printer's part of the card does with files that are chosen, dragged or pasted, and with a focus that was lost. */
import "../card"; // bundled in one piece
import { FocusKeeper } from "../focus-keeper";
import "../guard";
import { summarize } from "../summary";
import type { Part } from "./part";
import type { LiankePrinter } from "./printer";

/* Take files, not to be printed yet. */
const add = async (printer: LiankePrinter, files: File[]): Promise<void> => {
  if (!files.length || !printer.mayPrint) return;
  // Begun at once: what else is under way must not swallow them.
  const added = printer.addTo(printer.device, (batch) => batch.add(files));
  await printer.tasks.run("printer", () => added);
};

/* Take files that were chosen in the card. */
export const choose = async (printer: LiankePrinter, files: File[]): Promise<void> => {
  const { batch, renderRoot } = printer;
  // Those for a printer that is away at the moment, too.
  if (batch?.items.length) return batch.add(files);
  const focused = printer.shadowRoot?.activeElement?.localName === "lianke-file-chooser";
  await add(printer, files);
  if (!focused) return;
  // What chooses files has moved to the end of the form, and the focus with it.
  await printer.updateComplete;
  const tray = renderRoot.querySelector<Part>("lianke-tray");
  await tray?.updateComplete;
  tray?.focus();
};

/* Hear what is done to a printer's part. */
export const listen = (printer: LiankePrinter): void => {
  new FocusKeeper(printer);
  const on = <T extends Event>(type: string, hear: (event: T) => void) =>
    printer.addEventListener(type, hear as (event: Event) => void);
  const take = (event: Event, files: FileList) => {
    event.preventDefault();
    void add(printer, [...files]);
  };

  on<DragEvent>("dragover", (event) => {
    if (!printer.mayPrint || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    printer.over = true;
  });

  on<DragEvent>("dragleave", ({ relatedTarget }) => {
    if (!printer.contains(relatedTarget as Node | null)) printer.over = false;
  });

  on<DragEvent>("drop", (event) => {
    printer.over = false;
    if (printer.mayPrint && event.dataTransfer?.files.length) take(event, event.dataTransfer.files);
  });

  on<ClipboardEvent>("paste", (event) => {
    if (event.clipboardData?.files.length) take(event, event.clipboardData.files);
  });

  on("discard-held", () => {
    const { context, open, keyRejected } = printer;
    const held = printer.printer ? summarize(printer.printer, open, keyRejected).held : [];
    const cancel = ({ device_id, job_id }: (typeof held)[number]) => context.call("cancel_job", { device_id, job_id });
    void printer.tasks.run("printer", () => Promise.all(held.map(cancel)));
  });

  /* A part lost the control that had the focus, and found nothing else in itself. */
  on("focus-lost", (event) => {
    const section = printer.renderRoot.querySelector("section");
    // Its own, where not even the section is left.
    if (!section || event.composedPath()[0] === printer) return;
    event.stopPropagation();
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
  });
};
