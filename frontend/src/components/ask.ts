import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { define } from "../define";
import { base, buttons } from "../styles";
import { Part } from "./part";

/* A question with two answers, each of which says what it does. */
export interface Question {
  ask: string;
  yes: string;
  no: string;
}

/* A button. If it has a question, a press replaces the button with the question and its two answers. Fires `asking`
   when the question opens or closes, and `confirmed` when the user answers yes. */
@define("lianke-ask")
export class LiankeAsk extends Part {
  @property({ attribute: false }) label = "";
  /* Name for screen readers, if the label alone says too little. */
  @property({ attribute: false }) accessibleLabel: string | undefined;
  @property({ attribute: false }) question: Question | undefined;
  @property({ attribute: false }) icon: string | undefined;
  /* Whether presses are ignored. The button is not disabled, since a disabled button would lose the keyboard's
     focus. */
  @property({ attribute: false }) resting = false;
  @state() private _asking = false;

  static override styles = [
    base,
    buttons,
    css`
      .actions {
        justify-content: flex-start;
      }
    `,
  ];

  override focus(options?: FocusOptions): void {
    this.renderRoot.querySelector<HTMLElement>("button")?.focus(options);
  }

  protected override render() {
    const icon = this.icon ? html`<ha-svg-icon .path=${this.icon}></ha-svg-icon>` : nothing;
    if (this._asking && this.question) {
      const { ask, yes, no } = this.question;
      return html`<div class="actions" role="group" aria-label=${ask}>
        <span class="soft">${ask}</span>
        <button
          data-key="yes"
          data-of=${ask + yes}
          aria-disabled=${this.resting ? "true" : nothing}
          @click=${this._confirm}
        >
          ${icon}${yes}
        </button>
        <button data-key="no" @click=${this._refuse}>${no}</button>
      </div>`;
    }
    return html`<button
      data-key="ask"
      aria-label=${this.accessibleLabel ?? nothing}
      aria-disabled=${this.resting ? "true" : nothing}
      @click=${this._press}
    >
      ${icon}${this.label}
    </button>`;
  }

  private readonly _press = () => {
    if (this.resting) return;
    if (!this.question) this._confirm();
    else void this._ask(true, "no");
  };

  private readonly _confirm = () => {
    if (this.resting) return;
    void this._ask(false, "ask");
    this.fire("confirmed");
  };

  private readonly _refuse = () => void this._ask(false, "ask");

  private async _ask(asking: boolean, focused: string): Promise<void> {
    if (this._asking === asking) return;
    this._asking = asking;
    this.fire("asking", asking);
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(`[data-key=${focused}]`)?.focus();
  }
}
