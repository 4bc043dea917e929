import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { fill, partTexts } from "../localize";
import { base, buttons } from "../styles";
import type { Summary, Way } from "../summary";
import en from "../translations/notes.en.json";
import zh from "../translations/notes.zh-Hans.json";
import { Part } from "./part";
import type { Question } from "./ask";
import "./ask";

const texts = partTexts(en, zh);

/* The pages on which Home Assistant asks for a new key and lists repairs. */
const SIGN_IN = "/config/integrations/integration/lianke";
const REPAIRS = "/config/repairs";
/* Minimum number of waiting jobs for a button that discards all of them, unless the printer is off: then one job is
   enough. */
const MANY = 2;

/* The banners of a printer: what is wrong with it, what to do about that, and which jobs wait for it. Loaded when there
   is a banner to show. */
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
        overflow: hidden;
        border-radius: var(--ha-border-radius-lg, 12px);
      }
    `,
  ];

  protected override render() {
    const parts = [this._problems(), this._held(), this._viewOnly()].filter((part) => part !== nothing);
    return parts.length ? html`<div class="column">${parts}</div>` : nothing;
  }

  private _viewOnly() {
    return this.mayControl ? nothing : html`<p class="soft">${texts.text(this.t, "view_only")}</p>`;
  }

  private _problems() {
    const { state, tone, problems, way, isAnyWaiting } = this.summary;
    const advice: Record<string, string> = texts.of(this.t).advice;
    const known = problems.filter((problem) => Object.hasOwn(advice, problem));
    if (!known.length) return nothing;
    const line = (problem: string) => {
      const name = problem === state ? "" : this._sentence(problem);
      const rest = problem === "out_of_paper" && isAnyWaiting ? texts.text(this.t, "goes_on") : "";
      const sentences = [name, advice[problem], rest].filter((sentence) => sentence);
      return html`<p>${sentences.join(this.t.isChinese ? "" : " ")}</p>`;
    };
    return html`<ha-alert alert-type=${tone === "bad" ? "error" : tone === "off" ? "info" : "warning"}>
      <div class="line">${known.map(line)}${this._way(way)}</div>
    </ha-alert>`;
  }

  private _sentence(problem: string): string {
    return `${this.t.state("status", problem)}${this.t.isChinese ? "。" : "."}`;
  }

  private _way(way: Way | null) {
    if (!way) return nothing;
    const isAdmin = this.context.hass.user?.is_admin;
    if (!isAdmin) return way === "sign_in" ? html`<p>${texts.text(this.t, "sign_in_ask")}</p>` : nothing;
    const href = { sign_in: SIGN_IN, repairs: REPAIRS, device: `/config/devices/device/${this.device}` }[way];
    return html`<a class="button" href=${href}>${texts.text(this.t, way)}</a>`;
  }

  private _held() {
    const { held, tone, state } = this.summary;
    /* A printer whose state is unknown may well be on. */
    const isOff = tone === "off" && state !== null;
    if (!held.length || (!isOff && held.length < MANY)) return nothing;
    const key = !isOff ? "will_print_later" : state === "box_offline" ? "will_print_box" : "will_print";
    return html`<div class="note">
      <p>${texts.count(this.t, key, held.length)}</p>
      ${
        this.mayControl
          ? html`<lianke-ask
              .context=${this.context}
              .label=${texts.count(this.t, "discard", held.length)}
              .question=${this._question(held.length)}
              .resting=${this.working}
              @confirmed=${this._discard}
            ></lianke-ask>`
          : nothing
      }
    </div>`;
  }

  /* The question before the held jobs are discarded. Jobs that wait for somebody's answer, or that the service has
     accepted, are not discarded. */
  private _question(count: number): Question {
    const known = texts.of(this.t);
    const { ask, yes, no } = count === 1 ? known.questions.discard_one : known.questions.discard;
    const n = this.t.number(count);
    return { ask: fill(ask, { n }), yes: fill(yes, { n }), no };
  }

  private readonly _discard = () => this.fire("discard-held");
}
