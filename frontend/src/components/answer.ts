import { css, html, nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { mdiCheck, mdiClose, mdiFlipHorizontal, mdiLockOpenVariantOutline, mdiPrinter } from "@mdi/js";
import { define } from "../define";
import { FocusKeeper } from "../focus-keeper";
import { partTexts } from "../localize";
import { afterDoubleTap } from "../print-once";
import { DialogPart, dialogs } from "../print/dialogs";
import { fields } from "../print/fields";
import { isOwnPicture } from "../print/own-picture";
import { base, buttons } from "../styles";
import { TaskController } from "../tasks";
import en from "../translations/answer.en.json";
import zh from "../translations/answer.zh-Hans.json";
import { turnPicture } from "../turn-picture";
import type { Job, ManualDuplex } from "../types";

const texts = partTexts(en, zh);

/* The question of a job that waits for a person (to approve it, release it or turn the paper over), and its answers. */
@define("lianke-answer")
export class LiankeAnswer extends DialogPart {
  @property({ attribute: false }) job!: Job;
  /* Whether the user is writing a rejection. */
  @state() private _rejecting = false;

  /* The signed address of the first page's picture; `_signed` is the same address without the signature. */
  @state() private _picture = "";
  /* Whether the picture could not be loaded. */
  @state() private _failed = false;
  private _signed: string | null | undefined;

  protected readonly _focus = new FocusKeeper(this);
  private readonly _tasks = new TaskController(this);

  static override styles = [
    base,
    buttons,
    fields,
    dialogs,
    css`
      .column {
        gap: 6px;
        padding-top: 4px;
      }
      .field {
        max-width: 220px;
      }
      svg {
        display: block;
        width: min(100%, 280px);
        margin: 0 auto;
      }
      img {
        align-self: start;
        max-width: 100%;
        /* Reserved before the picture has loaded, so that no button moves. */
        height: 200px;
        object-fit: contain;
        background: #fff;
        border-radius: 4px;
        box-shadow: 0 1px 4px rgb(0 0 0 / 30%);
      }
      .wraps {
        overflow-wrap: anywhere;
      }
      ol {
        margin: 0;
        padding-inline-start: 24px;
      }
      li + li {
        margin-top: 6px;
      }
    `,
  ];

  private _text(key: keyof typeof en, values?: Record<string, unknown>): string {
    return texts.text(this.t, key, values);
  }

  protected override willUpdate(): void {
    const { picture: first, waits_for: reasons } = this.job;
    // The picture tells as much about a document as its title, so it is hidden with the titles.
    const picture = this.context.config.hide_titles ? null : first;
    // Somebody else may have answered while the user was writing.
    if (reasons?.[0] !== "approval") this._rejecting = false;
    if (picture === this._signed) return;
    this._signed = picture;
    this._picture = "";
    this._failed = false;
    if (picture && isOwnPicture(picture)) void this._sign(picture);
  }

  private async _sign(picture: string): Promise<void> {
    const message = { type: "auth/sign_path", path: picture };
    const { path } = await this.context.hass.callWS<{ path: string }>(message).catch(() => ({ path: "" }));
    if (this._signed !== picture) return;
    this._picture = path;
    this._failed = !path;
  }

  private readonly _noPicture = () => {
    this._picture = "";
    this._failed = true;
  };

  /* Whether the first page cannot be shown. The user must know this before approving. */
  private get _isUnseen(): boolean {
    return !this.context.config.hide_titles && (this._failed || this.job.picture === null);
  }

  protected override render() {
    const error = this._tasks.errorOf("answer");
    const alert = error ? html`<p class="error" role="alert">${error}</p>` : nothing;
    return html`<div class="column">${this._question()}${this._rejecting ? nothing : alert}</div>`;
  }

  private _question() {
    const { job } = this;
    const [reason] = job.waits_for ?? [];
    const mine = Boolean(job.may_answer);
    if (reason === "approval") return mine ? this._approval() : this._soft("approval_other");
    if (reason === "release") return mine ? this._release() : [this._uncounted(), this._soft("release_other")];
    return mine ? this._turn() : this._soft("turn_other");
  }

  private _soft(key: keyof typeof en) {
    return html`<p class="soft">${this._text(key)}</p>`;
  }

  /* Says why the job waits for release although nobody has requested that: its pages cannot be counted. */
  private _uncounted() {
    return this.job.uncounted ? this._soft("uncounted") : nothing;
  }

  private _button(key: string, label: string, icon: string, press: () => unknown, main = false) {
    const resting = this._tasks.isWorking("answer");
    return html`<button
      class=${main ? "main" : ""}
      data-key=${key}
      aria-label="${label}${this.t.isChinese ? "：" : ": "}${this.context.titleOf(this.job)}"
      aria-disabled=${resting ? "true" : nothing}
      @click=${() => !resting && press()}
    >
      <ha-svg-icon .path=${icon}></ha-svg-icon>${label}
    </button>`;
  }

  private _approval() {
    // The name also tells who prints, so it is hidden with the titles.
    const name = !this.context.config.hide_titles && this.job.asked_by;
    // The picture stays while the user writes a rejection. If it were drawn again, the browser would fetch it from its
    // expired address, which Home Assistant counts as a failed login.
    return html`${name ? html`<p class="soft wraps">${this._text("asks", { name })}</p>` : nothing}${
      this._picture
        ? html`<img src=${this._picture} alt=${this._text("picture")} @error=${this._noPicture} />`
        : this._isUnseen
          ? html`<p class="soft" role="status">${this._text("no_picture")}</p>`
          : nothing
    }
    ${this._rejecting ? this._rejection() : this._decision()}`;
  }

  private _decision() {
    return html`<div class="actions">
      ${this._button("approve", this._text("approve"), mdiCheck, () => this._continue(), true)}
      ${this._button("reject", this._text("reject"), mdiClose, () => this._ask(true, "message"))}
    </div>`;
  }

  private _rejection() {
    const { yes, no } = texts.of(this.t).questions.reject;
    const error = this._tasks.errorOf("answer");
    return html`<div class="field">
        <label class="soft" for="message">${this._text("reject_why")}</label>
        <input id="message" data-key="message" maxlength="200" @keydown=${this._enter(() => this._reject())} />
      </div>
      ${error ? html`<p class="error" role="alert">${error}</p>` : this._soft("not_printed")}
      <div class="actions">
        ${this._button("do-reject", yes, mdiClose, () => this._reject())}
        <button data-key="no" @click=${() => this._ask(false, "reject")}>${no}</button>
      </div>`;
  }

  private _release() {
    const { needs_code } = this.job;
    return html`${this._uncounted()}${this._soft("release_here")}
      ${
        needs_code
          ? html`<div class="field">
              <label class="soft" for="code">${this._text("code")}</label>
              <input
                id="code"
                data-key="code"
                type="password"
                maxlength="64"
                autocomplete="off"
                aria-invalid=${this._tasks.errorOf("answer") ? "true" : nothing}
                @keydown=${this._enter(() => this._continue())}
              />
            </div>`
          : nothing
      }
      <div class="actions">
        ${this._button("release", this._text("release"), mdiLockOpenVariantOutline, () => this._continue(), true)}
      </div>`;
  }

  private _turn() {
    const { by_hand: hand } = this.job;
    return html`${this._soft("turn_about")}
      <div class="actions">
        ${
          hand
            ? this._button("turn", this._text("turn"), mdiFlipHorizontal, () => this.dialog?.showModal(), true)
            : this._button("go", this._text("go"), mdiPrinter, () => this._continue(), true)
        }
      </div>
      ${hand ? this._turnDialog(hand) : nothing}`;
  }

  private _turnDialog(hand: ManualDuplex) {
    const join = this.t.isChinese ? "" : " ";
    const way = [this._text(`step_${hand.put_back}`), this._text(`edge_${hand.edge_first}`)].join(join);
    const put = hand.tested ? way : this._text("probably", { way });
    const error = this._tasks.errorOf("answer");
    return html`<dialog aria-label=${this._text("turn_title")}>
      ${this.head(this._text("turn_title"), this._text("close"))}
      <div class="content">
        <p class="wraps">${this.context.titleOf(this.job)}</p>
        ${turnPicture(hand, put)}
        <ol>
          <li>${texts.count(this.t, "step_take", hand.sheets)}</li>
          <li>${put}</li>
          <li>${this._text("step_go")}</li>
        </ol>
        ${hand.tested ? nothing : this._untested()}
        ${error ? html`<p class="error" role="alert">${error}</p>` : nothing}
        <div class="actions">${this._button("go", this._text("go"), mdiPrinter, () => this._continue(), true)}</div>
      </div>
    </dialog>`;
  }

  /* Says that the steps suit most printers but have not been tried on this printer, and points to the test sheet, which
     an administrator can print. */
  private _untested() {
    const said = this._text("untested");
    return this.context.hass.user?.is_admin
      ? html`<p class="soft">${said} <a href="/config/integrations/integration/lianke">${this._text("test")}</a></p>`
      : html`<p class="soft">${said} ${this._text("test_asked")}</p>`;
  }

  private _value(id: string): string {
    return this.renderRoot.querySelector<HTMLInputElement>(`#${id}`)?.value.trim() ?? "";
  }

  private _enter(act: () => void) {
    return (event: KeyboardEvent) => event.key === "Enter" && act();
  }

  private async _ask(rejecting: boolean, focused: string): Promise<void> {
    this._rejecting = rejecting;
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(`[data-key=${focused}]`)?.focus();
  }

  private _continue(): void {
    const code = this._value("code");
    this._send("continue_job", { reason: this.job.waits_for?.[0], ...(code ? { code } : {}) });
  }

  private _reject(): void {
    const message = this._value("message");
    this._send("reject_job", message ? { message } : {});
  }

  private _send(service: string, data: object): void {
    const { device_id, job_id } = this.job;
    void this._tasks.run("answer", async () => {
      await this.context.call(service, { device_id, job_id, ...data });
      this._rejecting = false;
      this.close();
      // The job's next question may appear in the same place: a double tap on Approve must not also release the job.
      await afterDoubleTap();
    });
  }
}
