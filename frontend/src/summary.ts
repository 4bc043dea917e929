/* The one state of a printer, by which header and banner speak. */
import type { Feed, Job, Printer } from "./types";

export type Tone = "good" | "busy" | "warn" | "bad" | "off";
export type Way = "sign_in" | "device" | "repairs";

export interface Summary {
  /* A status of the printer's sensor, key_rejected or service_expired; null while nothing is known. */
  state: string | null;
  tone: Tone;
  /* What is wrong, the gravest first. */
  problems: string[];
  /* Where the first of them can be put right. */
  way: Way | null;
  /* Jobs that wait for the printer, not for a person. */
  held: Job[];
  /* Whether a job goes on by itself once the printer can print. */
  isAnyWaiting: boolean;
}

export const OPEN = ["held", "uploading", "queued", "processing", "sending", "canceling"];

/* Any other state needs somebody's hands. */
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

/* States of a job that the service has already taken. */
export const TAKEN = ["queued", "processing", "sending"];

/* Return the job that a printer which prints is printing: the first of those that it was sent; the others wait for that. */
export const printedNow = (state: string | null, open: Job[]): Job | undefined =>
  state === "printing" ? open.find((job) => TAKEN.includes(job.state)) : undefined;

/* Return what is to be shown of a printer with these open jobs. */
export const summarize = (printer: Printer, open: Job[], keyRejected: boolean): Summary => {
  // A job on its way is news that the next poll of the printer will only confirm.
  const sending = printer.status === "idle" && open.some((job) => job.state === "sending");
  const refused = keyRejected ? "key_rejected" : printer.service_expired ? "service_expired" : null;
  const state = refused ?? (sending ? "printing" : printer.status);
  // Of a box that the service refuses nothing else is known.
  const reported = refused ? [] : printer.problems;
  const own = state !== null && !FINE.includes(state) ? [state] : [];
  // Those that do not wait for a person.
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

/* Return a printer's jobs: open ones in the order in which they print, finished ones with the latest first. */
export const jobsOf = (feed: Feed, device: string): { open: Job[]; finished: Job[] } => {
  const jobs = feed.jobs.filter((job) => job.device_id === device);
  return {
    open: jobs.filter((job) => OPEN.includes(job.state)).reverse(),
    finished: jobs.filter((job) => !OPEN.includes(job.state)),
  };
};
