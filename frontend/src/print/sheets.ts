import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { Part } from "../components/part";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { base, buttons } from "../styles";
import type { Batch } from "./batch";
import type { LiankeCrop } from "./crop";
import { fields } from "./fields";
import type { PrintItem } from "./item";
import { optionName } from "./options";
import { printText } from "./texts";

const MAX_WATERMARK = 60;

/* What can be made of the documents that were chosen, and how an ID card's pictures are cropped. */
@define("lianke-sheets")
export class LiankeSheets extends Part {
  @property({ attribute: false }) batch!: Batch;
  /* A new object with each change of the batch. */
  @property({ attribute: false }) revision: object = {};

  protected readonly _focus = new FocusKeeper(this);

  static override styles = [
    base,
    buttons,
    fields,
    css`
      [aria-pressed="true"] {
        background: color-mix(in srgb, var(--primary-color) 30%, transparent);
      }
      [aria-pressed="true"]:hover {
        background: color-mix(in srgb, var(--primary-color) 42%, transparent);
      }
      .card {
        padding-top: var(--gap);
      }
      .field {
        flex: 1 1 160px;
      }
    `,
  ];

  protected override render() {
    const { batch, t } = this;
    const { joint, layouts } = batch;
    if (!layouts.length) return nothing;
    const resting = batch.printing || batch.isLost;
    return html`<div class="actions" role="group" aria-label=${printText(t, "sheets")}>
        ${layouts.map((layout) => {
          const chosen = joint?.layout === layout;
          return html`<button
            data-key=${layout}
            aria-pressed=${chosen}
            aria-disabled=${resting ? "true" : nothing}
            @click=${() => batch.lay(chosen ? null : layout)}
          >
            ${printText(t, layout)}
          </button>`;
        })}
      </div>
      ${joint?.isCard ? this._card(resting) : nothing}`;
  }

  private _card(resting: boolean) {
    const { batch, t } = this;
    return html`<p class="soft card">${printText(t, "card_size")}</p>
      <div class="actions card">
        ${batch.usable.map(
          (item, at) =>
            html`<button
              data-key="crop-${item.request}"
              aria-label=${printText(t, "crop_name", { name: item.name })}
              aria-disabled=${resting || !item.canBeShown ? "true" : nothing}
              @click=${() => !resting && item.canBeShown && this._crop(item)}
            >
              ${printText(t, "crop_n", { n: at + 1 })}
            </button>`,
        )}
        <div class="field">
          <input
            data-key="watermark"
            aria-label=${optionName(t, "watermark")}
            placeholder=${optionName(t, "watermark")}
            maxlength=${MAX_WATERMARK}
            autocomplete="off"
            .value=${batch.joint?.watermark ?? ""}
            ?disabled=${resting}
            @input=${this._typed}
          />
        </div>
        <lianke-crop .context=${this.context} @cropped=${this._cropped}></lianke-crop>
      </div>`;
  }

  private readonly _typed = (event: Event) => this.batch.setWatermark((event.target as HTMLInputElement).value);

  private async _crop(item: PrintItem): Promise<void> {
    try {
      await import("./crop");
      const address = item.picture ?? (await this._address(item));
      const crop = this.renderRoot.querySelector<LiankeCrop>("lianke-crop");
      await crop?.open(item, address, this.batch.joint?.cut(item) ?? null);
    } catch (error) {
      this.batch.complain(await this.context.explain(error));
    }
  }

  /* Return the address of a picture in the media library. */
  private async _address(item: PrintItem): Promise<string> {
    const message = { type: "media_source/resolve_media", media_content_id: item.media?.media_content_id };
    return (await this.context.hass.callWS<{ url: string }>(message)).url;
  }

  private readonly _cropped = (event: CustomEvent<Parameters<Batch["setCut"]>>) => {
    event.stopPropagation();
    this.batch.setCut(...event.detail);
  };
}
