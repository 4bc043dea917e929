/* Handles the events of a printer: files that are chosen, dropped or pasted, waiting jobs that are discarded, and a
   keyboard focus that was lost. */
import { FocusKeeper } from "../focus-keeper";
import "../guard";
import { summarize } from "../summary";
import type { Part } from "./part";
import type { LiankePrinter } from "./printer";

/* Adds files to the printer's batch; prints nothing yet. */
const add = async (printer: LiankePrinter, files: File[]): Promise<void> => {
  if (!files.length || !printer.mayPrint) return;
  // The files are added before `run`, since `run` ignores a command while another one is running.
  const added = printer.addTo(printer.device, (batch) => batch.add(files));
  await printer.tasks.run("printer", () => added);
};

export const choose = async (printer: LiankePrinter, files: File[]): Promise<void> => {
  const { batch, renderRoot } = printer;
  // If there is a batch, files can be added even while the printer is not known and `add` would refuse them.
  if (batch?.items.length) return batch.add(files);
  const focused = printer.shadowRoot?.activeElement?.localName === "lianke-file-chooser";
  await add(printer, files);
  if (!focused) return;
  // The chooser is now in the form, and the focus follows it there.
  await printer.updateComplete;
  const form = renderRoot.querySelector<Part>("lianke-print-form");
  await form?.updateComplete;
  form?.focus();
};

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
    const { clipboardData: pasted } = event;
    if (pasted?.files.length) return take(event, pasted.files);
    const text = pasted?.getData("text/plain");
    const [field] = event.composedPath();
    if (!text?.trim() || !printer.mayPrint || field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement)
      return;
    event.preventDefault();
    const added = printer.addTo(printer.device, (batch) => batch.addText(text));
    void printer.tasks.run("printer", () => added);
  });

  on("discard-held", () => {
    const { context, open, keyRejected } = printer;
    const held = printer.printer ? summarize(printer.printer, open, keyRejected).held : [];
    const cancel = ({ device_id, job_id }: (typeof held)[number]) => context.call("cancel_job", { device_id, job_id });
    void printer.tasks.run("printer", () => Promise.all(held.map(cancel)));
  });

  /* Fired by FocusKeeper when a part has lost the focused control and has nothing else to focus. */
  on("focus-lost", (event) => {
    const section = printer.renderRoot.querySelector("section");
    // Not handled here: an event of the printer itself, or any event if there is no section left to focus.
    if (!section || event.composedPath()[0] === printer) return;
    event.stopPropagation();
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
  });
};
