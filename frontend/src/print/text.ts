/* The text field, and the choice of how the text is printed. Loaded with the first text. */
import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { BatchWatcher } from "../batch-watcher";
import { define } from "../define";
import { partTexts } from "../localize";
import { base } from "../styles";
import en from "../translations/text.en.json";
import zh from "../translations/text.zh-Hans.json";
import type { Batch } from "./batch";
import { fields } from "./fields";
import type { PrintItem } from "./item";
import { SteadyPart } from "./steady";
import { SIZES, type Kind, type Size, type Written } from "./written";

const texts = partTexts(en, zh);

@define("lianke-text")
export class LiankeText extends SteadyPart {
  @property({ attribute: false }) batch!: Batch;
  @property({ attribute: false }) item!: PrintItem;

  protected readonly _watcher = new BatchWatcher(this);

  static override styles = [
    base,
    fields,
    css`
      .form {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 9em), 1fr));
        gap: 10px 12px;
        margin-top: 10px;
      }
      textarea {
        display: block;
        /* With smaller type, iPhones zoom in when the field gets the focus. */
        font-size: max(16px, 1em);
        line-height: 1.4;
        min-height: 8em;
        max-height: 50vh;
        field-sizing: content;
        resize: vertical;
        padding: 10px 16px;
      }
      textarea::placeholder {
        color: var(--secondary-text-color);
        opacity: 1;
      }
      textarea:focus-visible {
        outline: 2px solid var(--primary-color);
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this._written.composing = false;
  }

  private get _written(): Written {
    return this.item.written as Written;
  }

  protected override render() {
    const { t, batch, item, _written: written } = this;
    const fixed = batch.printing || item.lost;
    // Lit sets the value only if `written.text` has changed, which it never does while an input method composes.
    return html`<textarea
        aria-label=${texts.text(t, "label")}
        placeholder=${texts.text(t, "hint")}
        dir="auto"
        ?readonly=${fixed}
        .value=${written.text}
        @compositionstart=${() => (written.composing = true)}
        @compositionend=${this._composed}
        @input=${this._typed}
      ></textarea>
      <div class="form">
        ${this._list("as", texts.text(t, "as"), written.kinds, written.kind, (kind) => batch.write(item, { chosen: kind }))}
        ${
          written.kind === "address"
            ? nothing
            : this._list("size", t.backend("services.print.fields.text_size.name"), SIZES, written.size, (size) =>
                batch.write(item, { size }),
              )
        }
      </div>`;
  }

  private _list<T extends Kind | Size>(id: string, label: string, all: readonly T[], now: T, choose: (one: T) => void) {
    const { t } = this;
    const name = (one: string) =>
      one in en
        ? texts.text(t, one as keyof typeof en)
        : t.backend(`services.print.fields.${one}.name`) || t.backend(`selector.text_size.options.${one}`);
    return html`<div class="field">
      <label class="soft" for=${id}>${label}</label>
      <select
        id=${id}
        data-key=${id}
        data-now=${now}
        ?disabled=${this.batch.printing || this.item.lost}
        @change=${(event: Event) => choose((event.target as HTMLSelectElement).value as T)}
      >
        ${all.map((one) => html`<option value=${one} ?selected=${one === now}>${name(one)}</option>`)}
      </select>
    </div>`;
  }

  protected override updated(): void {
    super.updated();
    const { _written: written } = this;
    // When a list's entries change, the browser may select another one: select the right one again.
    for (const list of this.renderRoot.querySelectorAll("select")) list.value = list.dataset["now"] ?? "";
    if (written.isNew) this.renderRoot.querySelector("textarea")?.focus();
    written.isNew = false;
  }

  private readonly _typed = (event: InputEvent) => {
    if (!event.isComposing && !this._written.composing) this._take(event);
  };

  private readonly _composed = (event: Event) => {
    this._written.composing = false;
    this._take(event);
  };

  private _take(event: Event): void {
    this.batch.write(this.item, { text: (event.target as HTMLTextAreaElement).value });
  }
}
