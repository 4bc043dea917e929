/* The blank pages left out of a scan. Until the scan is finished, they are shown after its pages and can be brought
   back. */
import { html, nothing } from "lit";
import { mdiEyeOutline, mdiFileRestoreOutline } from "@mdi/js";
import { partTexts, type Localizer } from "../localize";
import en from "../translations/left-out.en.json";
import zh from "../translations/left-out.zh-Hans.json";
import type { Scan } from "./types";

const texts = partTexts(en, zh);

type Button = (key: string, label: string, icon: string, press: () => unknown) => unknown;

export const allPictures = ({ state, pictures, left_out_pictures }: Scan): string[] =>
  state === "waiting" ? [...pictures, ...(left_out_pictures ?? [])] : pictures;

/* Says how many pages are left out. While the scan waits, a button shows these pages, or brings the shown page back. */
export const leftOut = (
  t: Localizer,
  scan: Scan,
  shown: number,
  button: Button,
  show: (page: number) => void,
  answer: (data: object) => unknown,
) => {
  if (!scan.left_out) return nothing;
  const first = scan.pictures.length;
  const page = shown - first + 1;
  const data = { answer: "restore", page };
  return html`<div data-of=${page}>
    <span class="soft" role="status">${texts.count(t, "left_out", scan.left_out)}</span>
    ${
      scan.state !== "waiting"
        ? nothing
        : page > 0
          ? button("restore", texts.text(t, "restore"), mdiFileRestoreOutline, () => answer(data))
          : button("show_left_out", texts.text(t, "show"), mdiEyeOutline, () => show(first))
    }
  </div>`;
};
