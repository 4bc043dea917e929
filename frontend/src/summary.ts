/* Decides which state of a printer its header and its banner show. */
import type { Localizer } from "./localize";
import type { Feed, Job, Printer } from "./types";

export type Tone = "good" | "busy" | "warn" | "bad" | "off";
export type Way = "sign_in" | "device" | "repairs";

export interface Summary {
  /* A status of the printer's sensor, key_rejected or service_expired; null while the status is not known. */
  state: string | null;
  tone: Tone;
  /* What is wrong with the printer, the most serious problem first. */
  problems: string[];
  /* Where the user can solve the first problem; null if there is no such page. */
  way: Way | null;
  /* Jobs that wait for the printer, not for a person. */
  held: Job[];
  /* Whether any job continues automatically once the printer can print. */
  isAnyWaiting: boolean;
}

export const OPEN = ["held", "uploading", "queued", "processing", "sending", "canceling"];

/* The tone of each state. Any other state is a warning: somebody has to do something at the printer. */
const TONES: Record<string, Tone> = {
  idle: "good",
  printing: "busy",
  key_rejected: "bad",
  service_expired: "bad",
  paper_jam: "bad",
  stopped: "bad",
  unsupported: "bad",
  disconnected: "off",
  box_offline: "off",
};
const FINE = ["idle", "printing", "disconnected"];
const WAYS: Record<string, Way> = {
  key_rejected: "sign_in",
  service_expired: "repairs",
  box_offline: "device",
  awaiting_driver: "repairs",
};

const toneOf = (state: string | null): Tone => (state === null ? "off" : (TONES[state] ?? "warn"));

/* States of a job that the service has accepted. */
export const TAKEN = ["queued", "processing", "sending"];

/* Returns the job whose pages are coming out: the first job that the service has accepted. Later jobs wait for it. */
export const printedNow = (state: string | null, open: Job[]): Job | undefined =>
  state === "printing" ? open.find((job) => TAKEN.includes(job.state)) : undefined;

export const summarize = (printer: Printer, open: Job[], keyRejected: boolean): Summary => {
  // A job in the state `sending` is newer information than the status, which the next poll will update.
  const sending = printer.status === "idle" && open.some((job) => job.state === "sending");
  const refused = keyRejected ? "key_rejected" : printer.service_expired ? "service_expired" : null;
  const state = refused ?? (sending ? "printing" : printer.status);
  // The service reports nothing about a box that it refuses, so the known problems may be out of date.
  const reported = refused ? [] : printer.problems;
  const own = state !== null && !FINE.includes(state) ? [state] : [];
  // Jobs that wait for a person are left out.
  const waiting = open.filter((job) => !job.waits_for?.length);
  return {
    state,
    tone: toneOf(state),
    problems: [...new Set([...own, ...reported])],
    way: (state !== null && WAYS[state]) || null,
    held: waiting.filter((job) => job.state === "held"),
    isAnyWaiting: waiting.length > 0,
  };
};

/* Returns the state of a summary in the user's language. */
export const statusText = (t: Localizer, state: string | null): string =>
  state === null
    ? t.text("unknown")
    : state === "key_rejected" || state === "service_expired"
      ? t.text(state)
      : t.state("status", state);

/* Returns the open jobs of a device in the order in which they print, and its finished jobs, the latest first. */
export const jobsOf = (feed: Feed, device: string): { open: Job[]; finished: Job[] } => {
  const jobs = feed.jobs.filter((job) => job.device_id === device);
  return {
    open: jobs.filter((job) => OPEN.includes(job.state)).reverse(),
    finished: jobs.filter((job) => !OPEN.includes(job.state)),
  };
};
