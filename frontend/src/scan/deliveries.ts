/* Buttons and lines about the destinations of a finished scan. */
import { html, type TemplateResult } from "lit";
import {
  mdiCheck,
  mdiClockOutline,
  mdiEmailOutline,
  mdiFileDocumentOutline,
  mdiFolderOutline,
  mdiShareVariant,
} from "@mdi/js";
import type { Localizer } from "../localize";
import type en from "../translations/scan.en.json";
import type { Delivery, Scan, Scanner } from "./types";

type Text = (key: keyof typeof en, values?: Record<string, unknown>) => string;

const ICONS = {
  folder: mdiFolderOutline,
  paperless: mdiFileDocumentOutline,
  mail: mdiEmailOutline,
  script: mdiShareVariant,
};
const CAN_AGAIN = ["failed", "uncertain", "waiting"];
const isBroken = ({ state }: Delivery) => state === "failed" || state === "uncertain";

/* The buttons that send a completed scan to the script and to each other destination. A destination that the scan has
   reached, or to which it is just being sent, has no button. `told` is shown after the call to the script; each other
   delivery has a line of its own. */
export const waysToSend = (text: Text, { hand_on, send_to }: Scanner, { state, deliveries }: Scan) => {
  if (state !== "completed") return [];
  const answer = "hand_on";
  const told = text("handed_on", { name: hand_on });
  const ways = send_to
    .map((to) => ({ to, tried: deliveries.find((one) => one.to === to) }))
    .filter(({ to, tried }) => to !== "script" && (!tried || CAN_AGAIN.includes(tried.state)))
    .map(({ to, tried }) => ({
      key: to as string,
      label: text(tried ? "send_again" : `to_${to}`, { name: text(`to_${to}`) }),
      icon: ICONS[to],
      told: "",
      data: { answer, send_to: to },
    }));
  const script = { key: answer, label: hand_on ?? "", icon: ICONS.script, told, data: { answer } };
  return hand_on ? [script, ...ways] : ways;
};

/* A line for each delivery of a scan, which says how far it is or how it ended. */
export const deliveryLines = (t: Localizer, text: Text, scanner: Scanner, scan: Scan): TemplateResult[] =>
  scan.deliveries.map((one) => {
    const name = (one.to === "script" && scanner.hand_on) || text(`to_${one.to}`);
    const why = one.reason ? t.backend(`exceptions.${one.reason}.message`, { detail: one.detail }) : "";
    const said = [text(`delivery_${one.state}`, { name }), why].join(t.isChinese ? "" : " ").trim();
    if (isBroken(one)) return html`<p class="error" role="alert" data-to=${one.to}>${said}</p>`;
    const [look, icon] = one.state === "done" ? ["done", mdiCheck] : ["done open", mdiClockOutline];
    return html`<p class=${look} role="status" data-to=${one.to}><ha-svg-icon .path=${icon}></ha-svg-icon>${said}</p>`;
  });
