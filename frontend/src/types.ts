/* The parts of Home Assistant's frontend and of the integration's messages that the card uses. */
import type { SIMPLE } from "./config";
import type { Auth, Connection, HassEntities } from "home-assistant-js-websocket";

export interface HassEntityRegistryEntry {
  entity_id: string;
  device_id?: string | null;
  platform?: string;
  translation_key?: string;
}

export interface HassDeviceRegistryEntry {
  id: string;
  name: string | null;
  name_by_user?: string | null;
  area_id?: string | null;
  via_device_id?: string | null;
}

export type LocalizeFunc = (key: string, values?: Record<string, unknown>) => string;

export interface HomeAssistant {
  auth: Auth;
  connection: Connection;
  language: string;
  locale?: { language?: string; time_format?: string; time_zone?: string };
  config?: { time_zone?: string };
  states: HassEntities;
  entities: Record<string, HassEntityRegistryEntry>;
  devices?: Record<string, HassDeviceRegistryEntry>;
  areas?: Record<string, { name: string }>;
  user?: { id?: string; is_admin: boolean };
  localize: LocalizeFunc;
  loadBackendTranslation(category: string, integration: string): Promise<LocalizeFunc>;
  callWS<T>(message: { type: string; [key: string]: unknown }): Promise<T>;
  callService(
    domain: string,
    service: string,
    data: object,
    target: { entity_id: string },
    notifyOnError: boolean,
  ): Promise<CallResult>;
}

export interface Ink {
  name: string;
  level: number | null;
  color: string;
}

export interface Printer {
  name: string;
  status: string | null;
  service_expired?: boolean;
  waiting: number;
  pages_printed: number;
  may_control: boolean;
  ink: Ink[];
  problems: string[];
  /* Whether printed documents are kept for printing again. */
  keeps_printed?: boolean;
  /* Number of pages that this user may still print this month; null if there is no limit. */
  pages_left?: number | null;
  /* Device id of the printer's scanner, for users who may use the scanner. */
  scanner?: string | null;
  /* Number of scanned pages that wait for somebody's decision. */
  scanned?: number;
}

/* Manual two-sided printing: which half the job prints, and how the user puts the sheets back into the tray for the
   second half. */
export interface ManualDuplex {
  half: number;
  sheets: number;
  put_back: "face_up" | "face_down";
  edge_first: "top" | "left";
  /* Whether a test sheet has shown that these steps are right for the printer. */
  tested: boolean;
}

export interface Job {
  job_id: string;
  device_id: string;
  title: string;
  state: string;
  phase: string;
  finished_at: string | null;
  expires_at: string | null;
  size: number;
  sent_bytes: number | null;
  pages: number | null;
  pages_printed: number | null;
  copies: number;
  hold_reason: string | null;
  reason: string | null;
  /* The translation key of the reason, if it differs from `reason`. */
  reason_key?: string | null;
  code: number | null;
  detail: string;
  partly_printed: boolean;
  request_id: string | null;
  source: string | null;
  can_cancel: boolean;
  can_retry: boolean;
  /* The questions that people have to answer before the job continues, the next question first. */
  waits_for?: string[];
  can_continue?: boolean;
  /* Whether this user may answer these questions. */
  may_answer?: boolean;
  needs_code?: boolean;
  /* Whether the job waits for release because its pages cannot be counted. */
  uncounted?: boolean;
  user_id?: string | null;
  /* Names of the users who may approve; sent only to the user who asks. Empty if no approvers are chosen. */
  approvers?: string[];
  /* Name of the user who asks for approval; sent only to users who may approve. */
  asked_by?: string | null;
  /* Address of a picture of the job's first page; sent only to users who may answer and may see the document. */
  picture?: string | null;
  by_hand?: ManualDuplex | null;
  can_move?: boolean;
  /* Whether a repair asks this user how the job, a test page, came out. */
  can_report?: boolean;
  can_print_again?: boolean;
  /* Whether the job's document consists of sheets that are already laid out. */
  laid_out?: boolean;
}

/* A message of `lianke/jobs/subscribe`. */
export interface Feed {
  printers: Record<string, Printer>;
  jobs: Job[];
  key_rejected?: string[];
  /* The latest refusal of an automation or script that this user started, if there was one since the previous
     message. */
  refused?: Refusal | null;
}

export interface CallResult {
  context: { id: string };
}

/* A refused action. It has the shape of a refused command's error, so that `explain` can be called with it. */
export interface Refusal {
  context_id: string;
  /* Id of the context of the user's call that led to the refusal. */
  began_in: string | null;
  code: string;
  /* The text of the refusal, if it has no translation. */
  message: string | null;
  translation_domain: string | null;
  translation_key: string | null;
  translation_placeholders: Record<string, string>;
}

/* An action as Home Assistant's editors write it. */
export interface TapAction {
  action?: string;
  perform_action?: string;
  data?: Record<string, unknown>;
  target?: Record<string, unknown>;
}

export interface QuickButton {
  entity?: string;
  name?: string;
  device?: string;
  data?: Record<string, unknown>;
  tap_action?: TapAction;
}

export interface CardConfig {
  type: string;
  devices: string[];
  title?: string;
  layout: "full" | "compact";
  /* The sections to show, or `simple` for the card with one sentence and one button. */
  show: string[] | typeof SIMPLE;
  history: number;
  hide_titles?: boolean;
  /* Entity id of the smart plug that powers the card's only printer. */
  plug?: string;
  source_entity?: string;
  buttons: QuickButton[];
}
