/* A fake Home Assistant and messages for the card, for tests of single parts. */
import { beforeEach, vi } from "vitest";
import type { Part } from "../src/components/part";
import { CardContext } from "../src/context";
import { stubConfig } from "../src/config";
import { Localizer } from "../src/localize";
import type { CardConfig, HomeAssistant, Job, Printer } from "../src/types";

export const asked: Record<string, unknown>[] = [];

/* A timer of an earlier test may still ask for a preview; that is none of the present one's. */
let present: object | undefined;
beforeEach(() => void (present = {}));

/* answers: by the type of the command or the name of its action; an Error, or an object with a code, is thrown. */
export const makeHass = (answers: Record<string, unknown> = {}, language = "en"): HomeAssistant => {
  const test = present;
  return {
    language,
    locale: { language },
    states: {},
    entities: {},
    user: { is_admin: true },
    auth: { expired: false, data: { access_token: "token" } },
    localize: () => "",
    loadBackendTranslation: async () => () => "",
    callWS: async (message: Record<string, unknown>) => {
      if (!test || test === present) asked.push(message);
      // Like the integration's command, refuse every other field.
      if (message["type"] === "lianke/action" && Object.keys(message).length !== 3) throw new Error("unknown field");
      const answer = answers[(message["service"] ?? message["type"]) as string];
      if (answer instanceof Error || (answer as { code?: unknown } | undefined)?.code) throw answer;
      return message["type"] === "lianke/action" ? { response: answer } : answer;
    },
  } as unknown as HomeAssistant;
};

export const announced: string[] = [];

export const makeContext = (hass = makeHass(), config: Partial<CardConfig> = {}): CardContext =>
  new CardContext({ hass, announce: (text) => void announced.push(text) }, new Localizer(hass), {
    type: "custom:lianke-card",
    ...stubConfig("device"),
    buttons: [],
    ...config,
  });

export const makePrinter = (changes: Partial<Printer> = {}): Printer => ({
  name: "Laser",
  status: "idle",
  waiting: 0,
  pages_printed: 0,
  may_control: true,
  ink: [],
  problems: [],
  ...changes,
});

export const makeJob = (changes: Partial<Job> = {}): Job => ({
  job_id: "job",
  device_id: "device",
  title: "Homework",
  state: "completed",
  phase: changes.state ?? "completed",
  finished_at: null,
  expires_at: null,
  size: 100,
  sent_bytes: null,
  pages: 2,
  pages_printed: null,
  copies: 1,
  hold_reason: null,
  reason: null,
  code: null,
  detail: "",
  partly_printed: false,
  request_id: null,
  source: null,
  can_cancel: false,
  can_retry: false,
  ...changes,
});

/* Resolves once the element is drawn, alone on the page. */
export const show = async <T extends HTMLElement & { updateComplete: Promise<unknown> }>(
  name: string,
  properties: object,
): Promise<T> => {
  const element = Object.assign(document.createElement(name), properties) as T;
  document.body.replaceChildren(element);
  await element.updateComplete;
  return element;
};

/* The first match in the element's own tree. */
export const find = <T extends HTMLElement = HTMLElement>(element: HTMLElement, selector: string): T =>
  element.shadowRoot?.querySelector(selector) as T;

/* Resolves once the part is drawn. */
export const partOf = async (element: HTMLElement, selector: string): Promise<Part> => {
  const part = find<Part>(element, selector);
  await part.updateComplete;
  return part;
};

/* Unfolds a job's row and returns the part with its actions. */
export const unfold = async (jobs: Part, id = "job"): Promise<Part> => {
  find(jobs, `[data-key=more-${id}]`).click();
  await jobs.updateComplete;
  return partOf(jobs, "lianke-job-actions");
};

/* Only `vi` moves time from now on: the next press is the second half of a double tap, however slow the machine is. */
export const stopTime = () => void vi.useFakeTimers({ toFake: ["setTimeout"] });
