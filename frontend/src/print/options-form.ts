import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { mdiChevronRight } from "@mdi/js";
import { BatchWatcher } from "../batch-watcher";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { base, buttons } from "../styles";
import type { Batch } from "./batch";
import { fields } from "./fields";
import { decidedBy, isCut, isFixedOnSheets, isSettledBy } from "./layouts";
import {
  FIRST,
  MORE,
  choiceName,
  knownFields,
  maxCopies,
  offered,
  optionName,
  remembered,
  type Typed,
} from "./options";
import { SteadyPart } from "./steady";
import { printText } from "./texts";

/* The options that this printer offers, as the browser's own form fields. */
@define("lianke-options-form")
export class LiankeOptionsForm extends SteadyPart {
  @property({ attribute: false }) batch!: Batch;

  protected readonly _focus = new FocusKeeper(this);
  protected readonly _watcher = new BatchWatcher(this);

  static override styles = [
    base,
    buttons,
    fields,
    css`
      .form {
        display: grid;
        line-height: 1.25;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 9.1em), 1fr));
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 7.28lh), 1fr));
        gap: 10px 12px;
        align-items: start;
      }
      :disabled {
        opacity: 0.6;
      }
      select.long {
        white-space: normal;
      }
      input::placeholder {
        color: var(--secondary-text-color);
        opacity: 1;
      }
      summary {
        display: flex;
        align-items: center;
        gap: 4px;
        min-height: 40px;
        cursor: pointer;
        list-style: none;
        color: var(--secondary-text-color);
        border-radius: 4px;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      details[open] summary ha-svg-icon {
        transform: rotate(90deg);
      }
      details .form {
        padding-top: 6px;
      }
      .last {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        justify-content: space-between;
        gap: var(--gap);
        margin-bottom: var(--gap);
      }
      .blank {
        min-height: 36px;
      }
    `,
  ];

  protected override render() {
    const { batch, t } = this;
    const { offers } = batch;
    if (!batch.hasField("copies")) return nothing;
    // For photos the type of paper matters, so it is not folded away.
    const shown = batch.combined?.isPhoto ? [...FIRST, "media_type"] : FIRST;
    const folded = MORE.filter((name) => !shown.includes(name));
    const more = offers ? folded.map((name) => this._list(name)).filter((field) => field !== nothing) : [];
    // Until the printer's options are known, placeholders stand for the fields that the form had the last time, so that
    // the content below does not jump.
    const known = offers ? [] : knownFields(batch.device);
    const [paper, ...others] = shown.map((name) =>
      offers ? this._list(name) : known.includes(name) ? this._skeleton(name) : nothing,
    );
    const hasMore = offers ? more.length : known.some((name) => folded.includes(name));
    return html`<div role="group" aria-label=${printText(t, "options")} aria-busy=${offers ? "false" : "true"}>
      ${offers?.failed ? html`<p class="soft">${printText(t, "options_failed")}</p>` : nothing}${this._lastTime()}
      <div class="form">${paper}${this._copies()}${others} ${batch.hasField("pages") ? this._pages() : nothing}</div>
      ${
        hasMore
          ? html`<details>
              <summary><ha-svg-icon .path=${mdiChevronRight}></ha-svg-icon>${printText(t, "more_options")}</summary>
              <div class="form">${more}</div>
            </details>`
          : nothing
      }
    </div>`;
  }

  /* The choices of the last time, which apply again until the user resets or changes them. */
  private _lastTime() {
    const { batch, t } = this;
    const { offers } = batch;
    if (!offers)
      return !batch.again && Object.keys(remembered(batch.device, batch.kind)).length
        ? html`<div class="last blank"></div>`
        : nothing;
    if (!batch.carried.length) return nothing;
    const names = batch.carried.map((name) => {
      const value = batch.chosen[name];
      return offered(t, offers, name).find(({ id }) => id === value)?.name ?? String(value);
    });
    return html`<div class="last">
      <span class="soft grow">${printText(t, "last_time", { options: names.join(t.isChinese ? "、" : ", ") })}</span>
      <button data-key="reset" @click=${() => batch.reset()}>${printText(t, "reset")}</button>
    </div>`;
  }

  protected override updated(): void {
    super.updated();
    const { errors } = this.batch;
    const more = this.renderRoot.querySelector("details");
    // If a folded option has an error, unfold it, so that the user sees the error.
    if (more && MORE.some((name) => errors[name])) more.open = true;
  }

  private _skeleton(name: string) {
    return html`<div class="skeleton pulse" aria-hidden="true">
      <span class="soft">${optionName(this.t, name)}</span><i></i>
    </div>`;
  }

  private _list(name: string) {
    const { batch, t } = this;
    const { offers } = batch;
    const layout = batch.combined?.layout;
    if (layout && isSettledBy(layout, name)) return nothing;
    if ((batch.again?.laid_out && isFixedOnSheets(name)) || batch.isChosenOutside(name)) return nothing;
    const isBooklet = layout === "layout_booklet" && name === "duplex";
    // A booklet is always two-sided; a kept document was not prepared for manual two-sided printing.
    const never = isBooklet ? /^off$/ : batch.again ? /^manual_/ : /^$/;
    const all = offers ? offered(t, offers, name).filter(({ id }) => !never.test(String(id))) : [];
    if (!all.length) return nothing;
    const isDecided = !!layout && decidedBy(layout).includes(name);
    const { plan } = batch;
    const other = plan?.different.find(({ option }) => option === name);
    const standing = other ? other.after : offers?.defaults?.[name];
    const preset = isBooklet
      ? `${/^manual_/.exec(String(standing)) ?? ""}short_edge`
      : !isDecided
        ? standing
        : name === "duplex" && isCut(layout) && all.find(({ id }) => id === "off")?.id;
    const chosen = all.findIndex(({ id }) => id === batch.chosen[name]);
    const value = preset ? choiceName(t, name, String(preset)) : "";
    const standard =
      batch.again && (!plan || plan.same.includes(name))
        ? printText(t, "as_before")
        : isDecided
          ? printText(t, value ? "layout_is" : "by_layout", { value })
          : printText(t, value ? "default_is" : "default", { value });
    const choose = (event: Event) =>
      batch.choose(name, all[Number((event.target as HTMLSelectElement).value || -1)]?.id);
    return this._field(
      name,
      html`<select
        class=${isDecided ? "long" : ""}
        id=${name}
        data-key=${name}
        ?disabled=${batch.printing}
        aria-invalid=${batch.errors[name] ? "true" : nothing}
        .value=${chosen < 0 ? "" : String(chosen)}
        @change=${choose}
      >
        <option value="" ?selected=${chosen < 0}>${standard}</option>
        ${all.map((one, index) => html`<option value=${index} ?selected=${index === chosen}>${one.name}</option>`)}
      </select>`,
    );
  }

  private _copies() {
    const { again, offers, plan } = this.batch;
    if (this.batch.isChosenOutside("copies")) return nothing;
    const other = plan?.different.find(({ option }) => option === "copies")?.after;
    return this._field(
      "copies",
      html`<input
        id="copies"
        data-key="copies"
        type="number"
        min="1"
        max=${maxCopies(offers)}
        inputmode="numeric"
        placeholder=${other ?? again?.copies ?? offers?.defaults?.["copies"] ?? 1}
        ?disabled=${this.batch.printing}
        aria-invalid=${this.batch.errors["copies"] ? "true" : nothing}
        .value=${live(this.batch.typed.copies)}
        @input=${this._typing("copies")}
        @blur=${this._left}
      />`,
    );
  }

  private _pages() {
    return this._field(
      "pages",
      html`<input
        id="pages"
        data-key="pages"
        type="text"
        maxlength="100"
        autocomplete="off"
        placeholder=${printText(this.t, "page_range_all")}
        ?disabled=${this.batch.printing}
        aria-invalid=${this.batch.errors["pages"] ? "true" : nothing}
        .value=${live(this.batch.typed.pages)}
        @input=${this._typing("pages")}
        @blur=${this._left}
      />`,
    );
  }

  private _field(name: string, control: unknown) {
    const error = this.batch.errors[name];
    return html`<div class="field">
      <label class="soft" for=${name}>${optionName(this.t, name)}</label>
      ${control} ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
    </div>`;
  }

  /* Applies every keystroke at once: the user may press Print, or the page may be redrawn, before the user leaves the
     field. */
  private _typing(name: keyof Typed) {
    return (event: Event) => this.batch.setTyped(name, (event.target as HTMLInputElement).value);
  }

  private readonly _left = (event: Event) => {
    const input = event.target as HTMLInputElement;
    if (input.validity.badInput) input.value = ""; // not a number, so there is nothing to send
    this.batch.applyTyped();
  };
}
