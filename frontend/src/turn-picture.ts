/* A picture of how to turn a stack of paper over and put it back, for printing or scanning the other side. */
import { svg, type TemplateResult } from "lit";
import type { ManualDuplex } from "./types";

/* Draws what is printed on a page, around the center of a sheet in the tray; the edge that goes in first is at the top.
   `left`: the left edge of the page goes in first; `seen`: the printed side is up. */
const page = (left: boolean, seen: boolean) => svg`<g
  transform="${left ? "rotate(90)" : ""}${seen ? "" : " scale(-1 1)"}"
  opacity=${seen ? 1 : 0.3}
  stroke-dasharray=${seen ? "none" : "3 3"}
>
  <path d="M-12 -10 L-6 -26 L0 -10 M-10 -15 H-2" />
  <path d="M-14 2 H14 M-14 10 H14 M-14 18 H6" />
</g>`;

/* A picture of how the user puts the sheets back in for the second sides: the sheets lie below the printer, with the
   edge that goes in first at the top, and show the printed side or the back. */
export const turnPicture = (
  { put_back, edge_first }: Pick<ManualDuplex, "put_back" | "edge_first">,
  label: string,
): TemplateResult<2> => {
  const left = edge_first === "left";
  const up = put_back === "face_up";
  const [width, height] = left ? [76, 60] : [60, 76];
  const [x, y] = [100 - width / 2, 62];
  return svg`<svg viewBox="0 0 200 150" role="img" aria-label=${label} fill="none" stroke="currentColor" stroke-width="2"
    stroke-linecap="round" stroke-linejoin="round">
    <rect x="36" y="8" width="128" height="40" rx="8" fill="var(--tint)" />
    <path d="M52 40 H148" />
    <rect x=${x + 5} y=${y + 5} width=${width} height=${height} rx="2" />
    <rect x=${x} y=${y} width=${width} height=${height} rx="2" fill="var(--card-background-color)" />
    <g transform="translate(100 ${y + height / 2})">${page(left, up)}</g>
    <path d="M168 120 V72 M160 81 L168 72 L176 81" />
  </svg>` as TemplateResult<2>;
};
