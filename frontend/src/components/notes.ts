import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import type { Strings } from "../localize";
import { base, buttons } from "../styles";
import type { Summary, Way } from "../summary";
import { Part } from "./part";
import "./ask";

/* Where Home Assistant asks for a new key, and where it lists what can be repaired. */
const SIGN_IN = "/config/integrations/integration/lianke";
const REPAIRS = "/config/repairs";
const LABELS: Record<Way, "sign_in" | "show_device" | "show_repairs"> = {
  sign_in: "sign_in",
  device: "show_device",
  repairs: "show_repairs",
};
/* From so many waiting jobs on they can be discarded at once, whatever the printer's state. */
const MANY = 2;

/* Banners: what is wrong with a printer and what to do about it, and what waits for it. */
@define("lianke-notes")
export class LiankeNotes extends Part {
  @property({ attribute: false }) summary!: Summary;
  @property({ attribute: false }) device = "";
  @property({ attribute: false }) mayControl = false;
  @property({ attribute: false }) working = false;

  protected readonly _focus = new FocusKeeper(this);

  static override styles = [
    base,
    buttons,
    css`
      .line,
      .note {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--gap) var(--wide-gap);
      }
      .line p,
      .note p {
        flex: 1 1 160px;
      }
      .note {
        border-radius: var(--ha-border-radius-lg, 12px);
        padding: 10px 12px;
        background: var(--tint);
      }
      ha-alert {
        display: block;
      }
    `,
  ];

  protected override render() {
    const parts = [this._problems(), this._held(), this._viewOnly()].filter((part) => part !== nothing);
    return parts.length ? html`<div class="column">${parts}</div>` : nothing;
  }

  private _viewOnly() {
    return this.mayControl ? nothing : html`<p class="soft">${this.t.text("view_only")}</p>`;
  }

  private _problems() {
    const { state, tone, problems, way } = this.summary;
    const advice: Record<string, string> = this.t.strings.advice;
    const known = problems.filter((problem) => advice[problem as keyof Strings["advice"]]);
    if (!known.length) return nothing;
    const line = (problem: string) =>
      html`<p>${problem === state ? nothing : this._sentence(problem)}${advice[problem]}</p>`;
    return html`<ha-alert alert-type=${tone === "bad" ? "error" : tone === "off" ? "info" : "warning"}>
      <div class="line">${known.map(line)}${this._way(way)}</div>
    </ha-alert>`;
  }

  /* Return a problem's name as a sentence of its own. */
  private _sentence(problem: string): string {
    return `${this.t.state("status", problem)}${this.t.isChinese ? "。" : ". "}`;
  }

  private _way(way: Way | null) {
    if (!way) return nothing;
    const isAdmin = this.context.hass.user?.is_admin;
    if (!isAdmin) return way === "sign_in" ? html`<p>${this.t.text("sign_in_ask")}</p>` : nothing;
    const href = { sign_in: SIGN_IN, repairs: REPAIRS, device: `/config/devices/device/${this.device}` }[way];
    return html`<a class="button" href=${href}>${this.t.text(LABELS[way])}</a>`;
  }

  private _held() {
    const { held, tone, state } = this.summary;
    if (!held.length || (tone !== "off" && held.length < MANY)) return nothing;
    const key = tone !== "off" ? "will_print_later" : state === "box_offline" ? "will_print_box" : "will_print";
    return html`<div class="note">
      <p>${this.t.count(key, held.length)}</p>
      ${
        this.mayControl
          ? html`<lianke-ask
              .context=${this.context}
              .label=${this.t.text("discard_all")}
              .question=${this.t.text("discard_ask")}
              .resting=${this.working}
              @confirmed=${this._discard}
            ></lianke-ask>`
          : nothing
      }
    </div>`;
  }

  private readonly _discard = () => this.fire("discard-held");
}
