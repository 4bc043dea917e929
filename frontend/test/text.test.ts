/* Large text, by Home Assistant's themes or by a phone, on a narrow screen: nothing is cut off, nothing overlaps. */
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { page } from "vitest/browser";
import { SCENES, all, set, settle, type Scene } from "./scenes";
import { makeJob } from "./stand-in";

vi.mock("../src/print/upload", () => ({ upload: async () => "file" }));

/* px: Home Assistant's sizes, which its themes scale. */
const SIZES = { s: 12, m: 14, l: 16, xl: 20 };
const scaleText = (scale: number) => {
  for (const [name, size] of Object.entries(SIZES))
    document.documentElement.style.setProperty(`--ha-font-size-${name}`, `${size * scale}px`);
};

interface Drawn {
  element: HTMLElement;
  words: string;
  box: DOMRect;
}

/* All elements of the open dialog, else of the card. */
const inFront = () => {
  const dialog = all("dialog[open]").at(-1);
  const within = (one: Node | null): boolean =>
    one === dialog || (one !== null && within(one.parentNode ?? (one as ShadowRoot).host ?? null));
  return all("*").filter((one) => !dialog || within(one));
};

/* Visible lines of text and their places. */
const lines = (): Drawn[] =>
  inFront().flatMap((element) => {
    const texts = [...element.childNodes].filter((one) => one instanceof Text && one.data.trim());
    if (!texts.length || element.closest(".hidden, style, option") || !element.checkVisibility()) return [];
    return texts.flatMap((text) => {
      const range = document.createRange();
      range.selectNodeContents(text);
      // A title hides the lines that it has no room for.
      const clip = element.closest(".title, .name")?.getBoundingClientRect().bottom ?? Infinity;
      return (
        [...range.getClientRects()]
          // A shortened line has two boxes: its visible length and its full one.
          .filter((box, at, boxes) => boxes.findIndex(({ top }) => top === box.top) === at)
          .filter(({ width, height, top }) => width > 1 && height > 1 && top < clip - height / 2)
          .map((box) => ({ element, words: (text as Text).data.trim(), box }))
      );
    });
  });

/* px by which two boxes overlap; negative if they do not. */
const overlap = (one: DOMRect, other: DOMRect) =>
  Math.min(
    Math.min(one.right, other.right) - Math.max(one.left, other.left),
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top),
  );

const pairs = <T>(list: T[]) => list.flatMap((one, at) => list.slice(at + 1).map((other) => [one, other] as const));

/* Lines that overlap. */
const onEachOther = () =>
  pairs(lines())
    // The box of the glyphs is higher than their line.
    .filter(([one, other]) => overlap(one.box, other.box) > 0.3 * Math.min(one.box.height, other.box.height))
    .map(([one, other]) => `"${one.words}" on "${other.words}"`);

/* Labels that overlap the value of their field, whose line is as high as its font. */
const onValues = () =>
  inFront()
    .filter((one) => one.matches(".field > label + :is(select, input)") && one.checkVisibility())
    .flatMap((control) => {
      const style = getComputedStyle(control);
      const line = parseFloat(style.fontSize);
      const box = control.getBoundingClientRect();
      const top = box.top + parseFloat(style.paddingTop);
      const room = box.bottom - parseFloat(style.paddingBottom) - parseFloat(style.borderBottomWidth) - top;
      const label = control.previousElementSibling as HTMLElement;
      const isOn = label.getBoundingClientRect().bottom > top + (room - line) / 2 + 0.1 * line;
      return isOn || room < line ? [label.textContent ?? ""] : [];
    });

/* Text that is cut off without an ellipsis. */
const cut = () =>
  inFront()
    .filter((one) => one.matches("button, label, p, span, h2, h3, li, select, .title, .soft, .name"))
    .filter((one) => one.checkVisibility() && !one.closest(".hidden"))
    .flatMap((one) => {
      const style = getComputedStyle(one);
      const hides =
        style.overflow !== "visible" && style.webkitLineClamp === "none" && style.textOverflow !== "ellipsis";
      const isWide = one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && hides;
      const room = one.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
      const isLow =
        (one.localName === "select" || (hides && one.clientHeight > 0)) && room < 0.95 * parseFloat(style.fontSize);
      return isWide || isLow ? [`${one.localName}.${one.className}: ${one.textContent?.trim().slice(0, 40)}`] : [];
    });

/* Text that extends beyond the edge of the card or the dialog. */
const wide = () => {
  const edge = (all("dialog[open]").at(-1) ?? all("ha-card")[0])?.getBoundingClientRect() as DOMRect;
  return lines()
    .filter(({ box, element }) => box.right > edge.right + 1 && getComputedStyle(element).textOverflow !== "ellipsis")
    .map(({ words }) => words);
};

/* Buttons that touch, or nearly do. */
const touching = () =>
  pairs(
    inFront().filter(
      (one) => one.matches("button:not(.round, [aria-pressed], li *), .button:not(.round)") && one.checkVisibility(),
    ),
  )
    // Without the button that opens a printer's details, which lies below its whole header.
    .filter((pair) => pair.every((one) => one.textContent?.trim()))
    .filter(([one, other]) => overlap(one.getBoundingClientRect(), other.getBoundingClientRect()) > -4)
    .map((pair) => pair.map((one) => one.textContent?.trim()).join(" touches "));

beforeAll(async () => {
  await page.viewport(320, 900);
  // The margins and fonts of Home Assistant.
  const style = document.createElement("style");
  style.textContent = `body { margin: 8px; font-family: Roboto, sans-serif; }
    ha-card { display: block; border: 1px solid #ccc; border-radius: 12px; }`;
  document.head.append(style);
  customElements.define(
    "ha-svg-icon",
    class extends HTMLElement {
      connectedCallback() {
        const size = "var(--mdc-icon-size, 24px)";
        this.style.cssText = `display: inline-flex; width: ${size}; height: ${size}; background: #8888;`;
      }
    },
  );
});
afterEach(() => document.body.replaceChildren());

/* More states, of which only the text matters. */
const READ: Record<string, Scene> = {
  "with jobs that are short rows": {
    pressed: [],
    jobs: ["c", "b", "a"].map((id) =>
      makeJob({ job_id: id, title: id, state: "canceled", partly_printed: true, can_print_again: true }),
    ),
  },
  "with a job to approve or to move": {
    pressed: [],
    jobs: [
      makeJob({
        job_id: "one",
        title: "One",
        state: "held",
        hold_reason: "approval",
        waits_for: ["approval"],
        picture: null,
        asked_by: "Anna",
        can_continue: true,
        may_answer: true,
        can_move: true,
        can_cancel: true,
      }),
    ],
  },
};
const ALL = { ...SCENES, ...READ };

/* A phone's text size, which does not change lengths in em. */
const scalePhone = (percent: number) => document.documentElement.style.setProperty("text-size-adjust", `${percent}%`);

const cases = ["en", "zh-Hans"].flatMap((language) =>
  [1, 2].flatMap((scale) => Object.keys(ALL).map((scene) => [scene, language, scale] as const)),
);

test.each(cases)("a card %s in %s is whole at 320 px with text %d times as large", async (name, language, scale) => {
  scaleText(scale);
  scalePhone(100);
  await whole(`${name}-${language}-${scale}`, name, language);
});

const widths = ["en", "zh-Hans"].flatMap((language) =>
  [320, 390].flatMap((width) => Object.keys(ALL).map((scene) => [scene, language, width] as const)),
);

test.each(widths)(
  "a card %s in %s is whole at %d px with a phone's text twice as large",
  async (name, language, width) => {
    await page.viewport(width, 900);
    scaleText(1);
    scalePhone(200);
    await whole(`${name}-${language}-phone-${width}`, name, language);
  },
);

const whole = async (picture: string, name: string, language: string) => {
  await set({ ...(ALL[name] as Scene), printer: { ink: INKS, ...ALL[name]?.printer } }, language);
  await settle(500);
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${picture.replaceAll(" ", "-")}.png` });
  expect({ onEachOther: onEachOther(), onValues: onValues(), cut: cut(), wide: wide(), touching: touching() }).toEqual({
    onEachOther: [],
    onValues: [],
    cut: [],
    wide: [],
    touching: [],
  });
};

const INKS = ["Black", "Cyan", "Magenta", "Yellow"].map((ink) => ({ name: ink, level: 8, color: "" }));
/* A folder for screenshots to look at. */
const PICTURES = (import.meta as unknown as { env: Record<string, string> }).env["VITE_PICTURES"];
