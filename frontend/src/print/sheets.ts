import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { BatchWatcher } from "../batch-watcher";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { loadNeeded } from "../load-part";
import { base, buttons } from "../styles";
import type { Batch } from "./batch";
import type { LiankeCorners } from "./corners";
import type { LiankeCrop } from "./crop";
import { fields } from "./fields";
import type { PrintItem } from "./item";
import type { CombinedPrint } from "./combined-print";
import { layoutOf, type Detected, type LayoutName } from "./layouts";
import { isOnOwnPaper, optionName, typeName } from "./options";
import { SteadyPart } from "./steady";
import { printText } from "./texts";

const MAX_WATERMARK = 60;
/* The keys of sentences about layouts that need an explanation. */
const ABOUT: Partial<Record<LayoutName, Parameters<typeof printText>[1]>> = {
  layout_id_card: "card_size",
  layout_1_inch: "about_1_inch",
  layout_2_inch: "about_2_inch",
  layout_page: "about_page",
  layout_both: "about_both",
  layout_2_up: "about_both",
  layout_invoices: "about_invoices",
};
/* The keys of a button's texts: the label for a single picture, the label for one of several pictures, and the name for
   screen readers. */
const WORDS = {
  crop: ["crop", "crop_n", "crop_name"],
  corners: ["corners", "corners_n", "corners_name"],
} as const;

/* The layouts for the chosen documents, and the choice of what is printed of each picture. */
@define("lianke-sheets")
export class LiankeSheets extends SteadyPart {
  @property({ attribute: false }) batch!: Batch;

  /* Whether Home Assistant found a page in each picture; true until its answer has arrived. */
  private readonly _hasPage = new WeakMap<PrintItem, boolean>();

  protected readonly _focus = new FocusKeeper(this);
  protected readonly _watcher = new BatchWatcher(this);

  static override styles = [
    base,
    buttons,
    fields,
    css`
      .more {
        padding-top: var(--gap);
      }
      .field {
        flex: 1 1 160px;
      }
    `,
  ];

  protected override render() {
    const { batch, t } = this;
    const { combined, layouts } = batch;
    if (!layouts.length) return nothing;
    const resting = batch.printing || batch.isLost;
    return html`<div class="actions" role="group" aria-label=${printText(t, "sheets")}>
        ${layouts.map((layout) => {
          const cleans = layout === "layout_clean";
          const chosen = cleans ? (combined?.cleans ?? false) : combined?.layout === layout;
          return html`<button
            class=${chosen ? "main" : ""}
            data-key=${layout}
            aria-pressed=${chosen}
            aria-disabled=${resting ? "true" : nothing}
            @click=${() => (cleans ? batch.straighten() : batch.setLayout(chosen ? null : layout))}
          >
            ${printText(t, layout)}
          </button>`;
        })}
      </div>
      ${combined ? this._more(combined, resting) : nothing}
      <lianke-crop
        .context=${this.context}
        .shape=${combined ? layoutOf(combined.layout).shape : undefined}
        @cropped=${this._cropped}
      ></lianke-crop>
      <lianke-corners .context=${this.context} @corners-chosen=${this._cornersChosen}></lianke-corners>`;
  }

  /* Sentences about the layout, and the choices for each picture. */
  private _more(combined: CombinedPrint, resting: boolean) {
    const { t } = this;
    const about = ABOUT[combined.layout];
    const shape = layoutOf(combined.layout).shape;
    const pageless = combined.cleans ? this._withoutPage(combined) : [];
    const facts = [
      about ? printText(t, about) : combined.isPhoto ? this._onPaper(combined) : "",
      combined.cleans && pageless.length < combined.items.length ? printText(t, "clean_about") : "",
      ...pageless,
      combined.isCard && !combined.cleans && combined.items.some((item) => !combined.cuts.has(item))
        ? printText(t, "card_uncropped")
        : "",
    ].filter(Boolean);
    return html`${facts.map((fact) => html`<p class="soft more">${fact}</p>`)}
    ${
      shape || combined.cleans
        ? html`<div class="actions more">
            ${this._each(shape ? "crop" : "corners", resting, shape ? this._crop : this._corners)}
          </div>`
        : nothing
    }
    ${combined.isCard ? this._watermark(combined, resting) : nothing}`;
  }

  /* A sentence for each picture in which no page was found and the user has not marked the page's corners. */
  private _withoutPage({ items, corners }: CombinedPrint): string[] {
    const missed = items.filter((item) => this._hasPage.get(item) === false && !corners.has(item));
    return missed.map(({ name }) => printText(this.t, "clean_none", { name }));
  }

  protected override updated(): void {
    const { combined, isLost, printing, sending } = this.batch;
    if (isLost || printing) return;
    for (const item of combined?.cleans ? combined.items : []) {
      if (this._hasPage.has(item) || !item.canBeShown) continue;
      this._hasPage.set(item, true);
      const note = ({ found }: Detected) => {
        this._hasPage.set(item, found);
        this.requestUpdate();
      };
      // A failure is not reported here: it is shown when the page is made from the photo.
      sending.corners(item).then(note, () => this._hasPage.delete(item));
    }
  }

  /* A sentence about the paper that photos are printed on, which is always the paper that the job is sent with. */
  private _onPaper({ layout }: CombinedPrint): string {
    const { t } = this;
    const { chosen, kind, offers } = this.batch;
    const { width, height } = layoutOf(layout).shape ?? {};
    const size = `${width} × ${height}`;
    if (!offers || !isOnOwnPaper(offers, kind, chosen)) return printText(t, "about_photo", { size });
    const type = typeName(offers, chosen) ?? "";
    return printText(t, type ? "photo_paper_is" : "photo_paper", { size, type });
  }

  /* A button for each picture. */
  private _each(key: "crop" | "corners", resting: boolean, press: (item: PrintItem) => Promise<void>) {
    const { batch, t } = this;
    const { usable } = batch;
    const [one, of, name] = WORDS[key];
    return usable.map((item, at) => {
      const rests = resting || !item.canBeShown;
      return html`<button
        data-key="${key}-${item.request}"
        aria-label=${printText(t, name, { name: item.name })}
        aria-disabled=${rests ? "true" : nothing}
        @click=${() => !rests && press(item)}
      >
        ${printText(t, usable.length > 1 ? of : one, { n: at + 1 })}
      </button>`;
    });
  }

  private _watermark(combined: CombinedPrint, resting: boolean) {
    const { t } = this;
    return html`<div class="actions more">
      <div class="field">
        <input
          data-key="watermark"
          aria-label=${optionName(t, "watermark")}
          placeholder=${optionName(t, "watermark")}
          maxlength=${MAX_WATERMARK}
          autocomplete="off"
          .value=${combined.watermark}
          ?disabled=${resting}
          @input=${this._typed}
        />
      </div>
      ${
        combined.watermark
          ? nothing
          : html`<button data-key="suggest" aria-disabled=${resting ? "true" : nothing} @click=${this._suggest}>
              ${printText(t, "watermark_suggest")}
            </button>`
      }
    </div>`;
  }

  private readonly _typed = (event: Event) => this.batch.setWatermark((event.target as HTMLInputElement).value);

  /* Fills in the usual watermark for a copy of an ID card, and selects its blank, in which the user writes the
     purpose. */
  private readonly _suggest = async () => {
    const { batch, t } = this;
    if (batch.printing || batch.isLost) return;
    const blank = printText(t, "watermark_blank");
    const text = printText(t, "watermark_for", { blank });
    batch.setWatermark(text);
    this.requestUpdate();
    await this.updateComplete;
    const input = this.renderRoot.querySelector<HTMLInputElement>("[data-key=watermark]");
    input?.focus();
    input?.setSelectionRange(text.indexOf(blank), text.indexOf(blank) + blank.length);
  };

  private readonly _crop = (item: PrintItem) =>
    this._open(async () => {
      await loadNeeded(import("./crop"));
      const crop = this.renderRoot.querySelector<LiankeCrop>("lianke-crop");
      await crop?.open(item, await this._address(item), this.batch.combined?.cuts.get(item) ?? null);
    });

  private readonly _corners = (item: PrintItem) =>
    this._open(async () => {
      const { batch } = this;
      await loadNeeded(import("./corners"));
      const detected = await batch.sending.corners(item);
      const dialog = this.renderRoot.querySelector<LiankeCorners>("lianke-corners");
      await dialog?.open(item, await this._address(item), detected, batch.combined?.corners.get(item));
    });

  /* Opens a dialog, or shows why it cannot be opened. */
  private async _open(open: () => Promise<void>): Promise<void> {
    try {
      await open();
    } catch (error) {
      this.batch.showProblem(await this.context.explain(error));
    }
  }

  /* The address of a document's picture, which may be in the media library. */
  private async _address(item: PrintItem): Promise<string> {
    if (item.picture) return item.picture;
    const message = { type: "media_source/resolve_media", media_content_id: item.media?.media_content_id };
    return (await this.context.hass.callWS<{ url: string }>(message)).url;
  }

  private readonly _cropped = (event: CustomEvent<Parameters<Batch["setCut"]>>) => {
    event.stopPropagation();
    this.batch.setCut(...event.detail);
  };

  private readonly _cornersChosen = (event: CustomEvent<Parameters<Batch["setCorners"]>>) => {
    event.stopPropagation();
    this.batch.setCorners(...event.detail);
  };
}
