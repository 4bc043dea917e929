/* The facts and sentences about a job. */
import { lenient, type Key, type Localizer } from "../localize";
import { OPEN, TAKEN } from "../summary";
import type { Job } from "../types";

/* The part of the document that is uploaded, from 0 to 1; null if it is not being uploaded. */
export const uploadedPart = ({ state, phase, size, sent_bytes: sent }: Job): number | null =>
  state === "uploading" && phase !== "checking" && size && sent ? Math.min(sent / size, 1) : null;

/* States of a printer that hold up a job which the service has accepted. */
const AT_PRINTER = ["out_of_paper", "cover_open", "paper_jam", "out_of_ribbon", "out_of_ink", "paused", "stopped"];
/* Keys of the texts for jobs that were canceled for these reasons; the service and the sensors report only that the
   jobs were canceled. */
const ENDS: Record<string, Key> = {
  moved: "state_moved",
  rejected: "state_rejected",
  first_sides_rejected: "state_rejected",
  replaced: "state_replaced",
};

const stateOf = (t: Localizer, job: Job, printer: string | null | undefined): string => {
  if (job.state === "held" && job.hold_reason) {
    // The sensor's text only names this reason. The card's own text also says how long getting ready takes, since
    // somebody is waiting in front of the card.
    const ready = job.hold_reason === "getting_ready";
    const reason = ready ? t.text("getting_ready") : t.state("hold_reason", job.hold_reason);
    return job.waits_for?.length ? reason : t.text("held_for", { reason });
  }
  if (job.phase === "checking") return t.text("checking");
  if (uploadedPart(job) != null)
    return t.text("uploading", { sent: t.bytes(job.sent_bytes ?? 0), total: t.bytes(job.size) });
  if (printer && TAKEN.includes(job.state) && AT_PRINTER.includes(printer)) {
    const status = t.state("status", printer).toLowerCase();
    return t.text(printer === "out_of_paper" ? "sent_no_paper" : "sent_waits", { status });
  }
  // The printer's report that it is printing arrives earlier than the service's.
  if (printer === "printing" && ["queued", "processing"].includes(job.state)) return t.text("sent_prints");
  const end = job.state === "canceled" && ENDS[job.reason ?? ""];
  return end ? t.text(end) : t.state("last_job", job.state);
};

/* The facts in the second line of a job. `printer` is the state of the job's printer, which may make the job wait. */
export const jobFacts = (t: Localizer, job: Job, printer?: string | null): string[] => {
  const { state, pages, pages_printed: printed } = job;
  const facts = [stateOf(t, job, printer)];
  if (job.by_hand && OPEN.includes(state)) facts.push(t.text(job.by_hand.half === 1 ? "first_sides" : "second_sides"));
  if (state === "held" && job.expires_at) facts.push(t.text("until", { time: t.time(job.expires_at) }));
  // `pages` counts one copy, `pages_printed` all copies together.
  const shown = (state === "completed" && job.copies === 1 && printed) || pages || printed;
  if (shown) facts.push(t.count("pages", shown));
  if (job.copies > 1) facts.push(t.text("copies_n", { n: t.number(job.copies) }));
  if (job.finished_at) facts.push(t.time(job.finished_at));
  return facts;
};

/* Reasons that are shown even if the job has not failed: somebody moved or rejected the job, or its second sides were
   not printed. */
const TOLD = ["rejected_by", "moved", "first_sides_only", "first_sides_rejected", "not_turned_in_time"];

/* Why a job failed, in the user's language, followed by the service's own words if they say more; empty for a job whose
   reason is not shown. */
export const jobReason = (t: Localizer, { state, reason, reason_key: key = reason, detail, code }: Job): string => {
  const told = TOLD.includes(key ?? "");
  if (state !== "failed" && state !== "unconfirmed" && !told) return "";
  const text = key ? t.backend(`exceptions.${key}.message`, lenient({ detail, code })) : "";
  if (!text) return detail;
  if (!detail || text.includes(detail)) return text;
  return t.isChinese ? `${text}（${detail}）` : `${text} (${detail})`;
};

/* Reasons whose texts already tell people to look at the paper. */
const PAPER_TOLD = ["box_not_responding", "no_answer", "no_outcome", "no_result", "print_failed", "expired_too_late"];

/* Whether nobody knows how many pages came out, and the reason's text already says so, as `partlyPrinted` would. */
export const tellsPaper = ({ reason, pages_printed: printed }: Job): boolean =>
  !printed && PAPER_TOLD.includes(reason ?? "");

/* A job's state for screen readers; for a canceled job, the reason if a reason is shown. */
export const outcome = (t: Localizer, job: Job): string =>
  (job.state === "canceled" && jobReason(t, job)) || stateOf(t, job, null);

/* Returns a sentence that pages of a job may have come out although the job was not completed; otherwise empty. */
export const partlyPrinted = (t: Localizer, { partly_printed: partly, pages_printed: printed }: Job): string => {
  if (!partly) return "";
  return printed ? t.count("partly", printed) : t.text("partly_some");
};
