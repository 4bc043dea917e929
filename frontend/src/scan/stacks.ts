/* Scanning both sides in two stacks: the instructions after the first stack, and the answers until both are joined. */
import { html, nothing } from "lit";
import { mdiCheck, mdiClose, mdiFileMultipleOutline, mdiRefresh, mdiScanner } from "@mdi/js";
import { partTexts, type Localizer } from "../localize";
import en from "../translations/stacks.en.json";
import zh from "../translations/stacks.zh-Hans.json";
import { turnPicture } from "../turn-picture";
import type { Scan } from "./types";

const texts = partTexts(en, zh);

/* Whether the user still has to turn the stack over: no page of the second stack has arrived. */
export const mustTurn = ({ stack, newest }: Scan): boolean => stack === "fronts" || !newest;

export const turnQuestion = (t: Localizer, scan: Scan) => {
  const put = texts.text(t, "step_put");
  return html`<p class="soft" role="status">${texts.count(t, "fronts", scan.pages + (scan.left_out ?? 0))}</p>
    ${turnPicture({ put_back: "face_down", edge_first: "top" }, put)}
    <ol>
      <li>${texts.text(t, "step_take")}</li>
      <li>${put}</li>
      <li>${texts.text(t, "step_go")}</li>
    </ol>`;
};

type Button = (key: string, label: string, icon: string, press: () => unknown, main?: boolean) => unknown;

export const stackAnswers = (t: Localizer, scan: Scan, button: Button, answer: (answer: string) => unknown) => {
  const one = (key: string, text: keyof typeof en, icon: string, main = false) =>
    button(key, texts.text(t, text), icon, () => answer(key), main);
  if (mustTurn(scan))
    return [
      one("next", "scan_backs", mdiScanner, true),
      scan.stack === "fronts" ? one("again", "fronts_again", mdiRefresh) : nothing,
      one("finish", "fronts_only", mdiCheck),
    ];
  return [
    one("again", "backs_again", mdiRefresh, true),
    one("finish", "two_documents", mdiFileMultipleOutline),
    one("fronts_only", "without_backs", mdiClose),
  ];
};
