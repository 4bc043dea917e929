/* Decides the one state of a printer that its header and its banner show. */
import type { Feed, Job, Printer } from "./types";

export type Tone = "good" | "busy" | "warn" | "bad" | "off";
export type Way = "sign_in" | "device" | "repairs";

export interface Summary {
  /* A status of the printer's sensor, key_rejected or service_expired; null while nothing is known. */
  state: string | null;
  tone: Tone;
  /* What is wrong, the gravest first. */
  problems: string[];
  /* Where the user can solve the first of them. */
  way: Way | null;
  /* Jobs that wait for the printer, not for a person. */
  held: Job[];
  /* Whether any job goes on by itself once the printer can print. */
  isAnyWaiting: boolean;
}

export const OPEN = ["held", "uploading", "queued", "processing", "sending", "canceling"];

/* Every other state is a warning: somebody has to do something at the printer. */
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

/* The job whose pages are coming out: the first of those the printer was sent, for which the others wait. */
export const printedNow = (state: string | null, open: Job[]): Job | undefined =>
  state === "printing" ? open.find((job) => TAKEN.includes(job.state)) : undefined;

export const summarize = (printer: Printer, open: Job[], keyRejected: boolean): Summary => {
  // That a job is being sent is newer than the status, which the next poll will bring up to date.
  const sending = printer.status === "idle" && open.some((job) => job.state === "sending");
  const refused = keyRejected ? "key_rejected" : printer.service_expired ? "service_expired" : null;
  const state = refused ?? (sending ? "printing" : printer.status);
  // The service reports nothing about a box that it refuses.
  const reported = refused ? [] : printer.problems;
  const own = state !== null && !FINE.includes(state) ? [state] : [];
  // Without the jobs that wait for a person.
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

/* Open jobs in the order in which they print, finished ones with the latest first. */
export const jobsOf = (feed: Feed, device: string): { open: Job[]; finished: Job[] } => {
  const jobs = feed.jobs.filter((job) => job.device_id === device);
  return {
    open: jobs.filter((job) => OPEN.includes(job.state)).reverse(),
    finished: jobs.filter((job) => !OPEN.includes(job.state)),
  };
};
