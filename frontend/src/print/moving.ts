/* Shows what another printer does differently, and what the user has to choose for it. Loaded with reprint.ts. */
import { html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { Part } from "../components/part";
import { define } from "../define";
import { partTexts } from "../localize";
import { base } from "../styles";
import en from "../translations/reprint.en.json";
import zh from "../translations/reprint.zh-Hans.json";
import { fields } from "./fields";
import { optionName } from "./options";

const texts = partTexts(en, zh);

type Value = string | number;

/* The answer of `lianke/jobs/plan_move`. */
export interface MovePlan {
  /* Options that the other printer cannot carry out as asked. allowed: what it can do; instead: what it does by
     default; unknown: it is not known whether the printer can carry the option out, and if the user chooses nothing,
     the option is sent as before. */
  open: {
    option: string;
    before: Value;
    allowed: string[];
    instead: Value | null;
    must_choose: boolean;
    unknown?: boolean;
  }[];
  /* Options that the other printer does differently without any choice; `after` is null if it is not known how. */
  different: { option: string; before: Value; after: Value | null }[];
  /* Options that the other printer does as before. */
  same: string[];
}

@define("lianke-moving")
export class LiankeMoving extends Part {
  @property({ attribute: false }) plan!: MovePlan;
  @state() private _missing = "";

  static override styles = [base, fields];

  /* Returns the fields to send. If something still has to be chosen, moves the focus to its field and returns null. */
  data(): object | null {
    const chosen: Record<string, Value> = {};
    const without: string[] = [];
    this._missing = "";
    for (const { option, must_choose, unknown } of this.plan.open) {
      const field = this.renderRoot.querySelector<HTMLSelectElement | HTMLInputElement>(`#${option}`);
      if (field?.value) chosen[option] = option === "copies" ? Number(field.value) : field.value;
      else if (must_choose) this._missing ||= option;
      else if (!unknown) without.push(option);
    }
    if (!this._missing) return { ...chosen, ...(without.length ? { without } : {}) };
    this.renderRoot.querySelector<HTMLElement>(`#${this._missing}`)?.focus();
    return null;
  }

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  /* A value in the user's language; a driver's own names stay as they are. */
  private _word(option: string, value: Value): string {
    return this.t.backend(`selector.${option}.options.${value}`) || String(value);
  }

  protected override render() {
    const { open, different } = this.plan;
    return html`${open.map((one) => this._choice(one))}
    ${different.map(({ option, before, after }) => {
      const values = {
        before: this._word(option, before),
        after: after === null ? this._text("not_known") : this._word(option, after),
      };
      return html`<p class="soft">${this._text("different", { option: optionName(this.t, option), ...values })}</p>`;
    })}`;
  }

  private _choice({ option, before, allowed, instead, must_choose, unknown }: MovePlan["open"][number]) {
    const asked = { before: this._word(option, before) };
    const cannot = this._text(unknown ? "unknown" : "cannot", asked);
    const preset = unknown
      ? this._text("as_asked", asked)
      : instead == null
        ? this._text("by_default")
        : this._text("default_is", { value: this._word(option, instead) });
    // The printer's default is already the first choice, by name.
    const others = must_choose ? allowed : allowed.filter((one) => one !== instead);
    const isWrong = this._missing === option;
    const range = /(\d+)$/.exec(allowed[0] ?? "")?.[1];
    const control =
      option === "copies"
        ? html`<input id="copies" type="number" min="1" max=${range ?? nothing} inputmode="numeric" placeholder="1" />`
        : html`<select
            id=${option}
            data-key=${option}
            aria-invalid=${isWrong ? "true" : nothing}
            @change=${() => (this._missing = "")}
          >
            <option value="">${must_choose ? this._text("choose") : preset}</option>
            ${others.map((one) => html`<option value=${one}>${this._word(option, one)}</option>`)}
          </select>`;
    // If the printer offers only one choice, the user has nothing to choose.
    if (option !== "copies" && !must_choose && !others.length)
      return html`<p>${cannot}</p>
        <p class="soft">${this._text("only", { option: optionName(this.t, option), preset })}</p>`;
    return html`<p>${cannot}</p>
      <div class="field">
        <label class="soft" for=${option}>${optionName(this.t, option)}</label>
        ${control} ${isWrong ? html`<p class="error" role="alert">${this._text("must_choose")}</p>` : nothing}
      </div>`;
  }
}
