/* What every part of the card needs: Home Assistant, the texts, and how to call and to explain. */
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

/* What home-assistant-js-websocket rejects with when the connection breaks. */
const ERR_CONNECTION_LOST = 3;

/* Return whether a command failed because the connection did, so that nobody knows whether it arrived. */
export const isLost = (error: CommandError | number | null | undefined): boolean =>
  typeof error === "object"
    ? [error?.code, error?.error?.code].includes(ERR_CONNECTION_LOST)
    : error === ERR_CONNECTION_LOST;

export const randomId = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/* An error whose message is meant for the user as it is. */
export class UserError extends Error {}

/* Made anew whenever language or configuration change, so that all parts are drawn again. */
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
    return this.config.show.includes(section);
  }

  /* Have a screen reader say something. */
  announce(text: string): void {
    this._source.announce(text);
  }

  announceSubmitted(title: string, text = this.localizer.strings.submitted): void {
    this.announce(fill(text, { name: this.config.hide_titles ? this.localizer.text("document") : title }));
  }

  titleOf(job: Job): string {
    return (!this.config.hide_titles && job.title) || this.localizer.text("document");
  }

  /* Return the device of the home network that sent a job; it says as much of who prints as a title. */
  sourceOf(job: Job): string {
    return (!this.config.hide_titles && job.source) || "";
  }

  /* Call an action of the integration and return its response. By a command of its own, since Home Assistant logs what is
     refused to `call_service` as an error, with the names of files. */
  async call<T>(service: string, data: object): Promise<Partial<T>> {
    const answer = await this.hass.callWS<{ response?: Partial<T> }>({
      type: "lianke/action",
      service,
      service_data: data,
    });
    return answer.response ?? {};
  }

  /* Return a sentence for whatever a command or an action was refused with. */
  async explain(cause: unknown): Promise<string> {
    if (cause instanceof UserError) return cause.message;
    const error = cause as CommandError;
    if (isLost(error)) return this.localizer.text("lost");
    // Without it, what the command says itself has to do.
    const said = await import("./refusals").then(({ refusal }) => refusal(this, error)).catch(() => "");
    return said || this.localizer.text("error", { message: error?.message || String(cause) });
  }
}
