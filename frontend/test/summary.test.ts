import { describe, expect, test } from "vitest";
import { jobsOf, summarize } from "../src/summary";
import { makeJob, makePrinter } from "./stand-in";

describe("one state for header and banner", () => {
  test.each([
    ["idle", "good", []],
    ["printing", "busy", []],
    ["disconnected", "off", []],
    ["box_offline", "off", ["box_offline"]],
    ["out_of_paper", "warn", ["out_of_paper"]],
    ["paper_jam", "bad", ["paper_jam"]],
    ["something_new", "warn", ["something_new"]],
  ])("%s is %s", (status, tone, problems) => {
    expect(summarize(makePrinter({ status }), [], false)).toMatchObject({ state: status, tone, problems });
  });

  test("nothing is known at first", () => {
    expect(summarize(makePrinter({ status: null }), [], false)).toMatchObject({ state: null, tone: "off" });
  });

  test("a refused key outweighs whatever was known, and leads to where it is renewed", () => {
    const printer = makePrinter({ status: "idle", problems: ["cover_open"] });
    expect(summarize(printer, [], true)).toMatchObject({
      state: "key_rejected",
      tone: "bad",
      problems: ["key_rejected"],
      way: "sign_in",
    });
  });

  test("an expired service leads to the repairs", () => {
    const printer = makePrinter({ status: "idle", service_expired: true });
    expect(summarize(printer, [], false)).toMatchObject({ state: "service_expired", tone: "bad", way: "repairs" });
    expect(summarize(printer, [], true).state).toBe("key_rejected");
  });

  test("a job on its way is printing before the next poll says so", () => {
    const sending = [makeJob({ state: "sending" })];
    expect(summarize(makePrinter(), sending, false).state).toBe("printing");
    expect(summarize(makePrinter({ status: "out_of_paper" }), sending, false).state).toBe("out_of_paper");
  });

  test("a problem is told once, the status first", () => {
    const printer = makePrinter({ status: "out_of_paper", problems: ["cover_open", "out_of_paper"] });
    expect(summarize(printer, [], false).problems).toEqual(["out_of_paper", "cover_open"]);
  });
});

test("open jobs come in the order in which they print, and only of this printer", () => {
  const jobs = [
    makeJob({ job_id: "3", state: "held" }),
    makeJob({ job_id: "2", state: "sending" }),
    makeJob({ job_id: "1" }),
    makeJob({ job_id: "0", device_id: "other" }),
  ];
  const { open, finished } = jobsOf({ printers: {}, jobs }, "device");
  expect(open.map((job) => job.job_id)).toEqual(["2", "3"]);
  expect(finished.map((job) => job.job_id)).toEqual(["1"]);
});
