/* What every part of the card needs: Home Assistant, the texts, and methods to call actions and to explain errors. */
import { fill, type Localizer } from "./localize";
import type { CardConfig, HomeAssistant, Job } from "./types";

export interface CommandError {
  code?: string | number;
  error?: { code?: number };
  message?: string;
  translation_domain?: string;
  translation_key?: string;
  translation_placeholders?: Record<string, string>;
}

/* The error code with which home-assistant-js-websocket rejects calls when the connection breaks. */
const ERR_CONNECTION_LOST = 3;

/* Whether the connection broke before the answer arrived, so that nobody knows whether the command was carried out. */
export const isLost = (error: CommandError | number | null | undefined): boolean =>
  typeof error === "object"
    ? [error?.code, error?.error?.code].includes(ERR_CONNECTION_LOST)
    : error === ERR_CONNECTION_LOST;

export const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/* An error whose message is shown to the user as it is. */
export class UserError extends Error {}

/* The card makes a new context when its configuration, the language or the connection changes: Lit then redraws every
   part. */
export class CardContext {
  constructor(
    private readonly _source: { readonly hass: HomeAssistant; announce(text: string): void },
    readonly localizer: Localizer,
    readonly config: CardConfig,
  ) {}

  get hass(): HomeAssistant {
    return this._source.hass;
  }

  get compact(): boolean {
    return this.config.layout === "compact";
  }

  shows(section: string): boolean {
    return this.config.show.includes(section); // no section name is part of the word `simple`
  }

  /* Makes screen readers read a text aloud. */
  announce(text: string): void {
    this._source.announce(text);
  }

  announceSubmitted(title: string, text = this.localizer.strings.submitted): void {
    this.announce(fill(text, { name: this.config.hide_titles ? this.localizer.text("document") : title }));
  }

  titleOf(job: Job): string {
    return (!this.config.hide_titles && job.title) || this.localizer.text("document");
  }

  /* The name of the device on the home network that sent the job. It is hidden together with the titles, since it also
     tells who prints. */
  sourceOf(job: Job): string {
    return (!this.config.hide_titles && job.source) || "";
  }

  /* Calls an action of the integration by the command `lianke/action`, not by `call_service`: Home Assistant logs every
     refused `call_service` as an error that contains the names of files. */
  async call<T>(service: string, data: object): Promise<Partial<T>> {
    const answer = await this.hass.callWS<{ response?: Partial<T> }>({
      type: "lianke/action",
      service,
      service_data: data,
    });
    return answer.response ?? {};
  }

  /* Returns a sentence in the user's language, which is never empty. */
  async explain(cause: unknown): Promise<string> {
    if (cause instanceof UserError) return cause.message;
    const error = cause as CommandError;
    if (isLost(error)) return this.localizer.text("lost");
    // If refusals.ts cannot be loaded, for example after an update of the card, the error's own message is shown.
    const said = await import("./refusals").then(({ refusal }) => refusal(this, error)).catch(() => "");
    return said || this.localizer.text("error", { message: error?.message || String(cause) });
  }
}
