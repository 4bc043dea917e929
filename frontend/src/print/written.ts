/* A text that a user types on the card, and its draft in the session storage of the browser tab. */

export const SIZES = ["small", "normal", "large", "huge"] as const;
export type Size = (typeof SIZES)[number];
/* What is printed: the text as it is, the text as Markdown, the document at the address that the text is, or the text
   with the QR code of its link. */
export type Kind = "text" | "markdown" | "address" | "code";

const PREFIX = "lianke-text-";
/* A link ends before the first character that is not allowed in addresses; Chinese text may follow without a space. */
const LINK = /https?:\/\/[!#-;=?-~]*[\w/#=&-]/i;
const ONLY_LINK = /^https?:\/\/\S+$/i;

/* Escapes a text so that Markdown prints it as it is. */
const literal = (text: string) =>
  text
    .replace(/[!-/:-@[-`{-~]/g, "\\$&")
    .replace(/^[ \t]+/gm, (blanks) => "\u00a0".repeat(blanks.replaceAll("\t", "    ").length));

/* Returns undefined if the session storage is full or the browser forbids access to it: no draft is kept then. */
const tried = <T>(use: () => T): T | undefined => {
  try {
    return use();
  } catch {
    return undefined;
  }
};

/* Deletes the drafts of all other users, who were logged in earlier in this tab. */
export const keepDraftsOf = (user: string | undefined): void =>
  tried(() => {
    for (const key of Object.keys(sessionStorage))
      if (key.startsWith(PREFIX) && !key.startsWith(`${PREFIX}${user} `)) sessionStorage.removeItem(key);
  });

export class Written {
  text = "";
  chosen: Kind | null = null;
  size: Size = "normal";
  /* Request id of a print whose answer has not arrived. It survives a reload of the page, so that pressing Print again
     does not print twice. */
  request: string | null = null;
  /* Whether an input method is composing characters; nothing is sent until it has finished. */
  composing = false;
  /* Whether the field has been added just now and has not received the focus yet. */
  isNew = true;

  private readonly _key: string;
  private _isGone = false;

  constructor(
    readonly name: string,
    user: string | undefined,
    device: string,
  ) {
    this._key = `${PREFIX}${user} ${device}`;
    keepDraftsOf(user);
    tried(() => {
      const { text, chosen, size, request } = JSON.parse(sessionStorage.getItem(this._key) ?? "{}");
      Object.assign(this, { text: text ?? "", chosen, size: size ?? "normal", request: request ?? null });
    });
  }

  get isBlank(): boolean {
    return !this.text.trim();
  }

  get kinds(): Kind[] {
    if (ONLY_LINK.test(this.text.trim())) return ["address", "code", "text"];
    return LINK.test(this.text) ? ["text", "markdown", "code"] : ["text", "markdown"];
  }

  get kind(): Kind {
    const { chosen, kinds } = this;
    return chosen && kinds.includes(chosen) ? chosen : (kinds[0] as Kind);
  }

  /* The fields of the print action that describe this text. */
  get source(): Record<string, string> {
    const { kind, text, size } = this;
    if (kind === "address") return { url: text.trim() };
    const fields = size === "normal" ? {} : { text_size: size };
    if (kind !== "code") return { [kind]: text, ...fields };
    const only = ONLY_LINK.test(text.trim());
    const link = only ? text.trim() : (LINK.exec(text)?.[0] ?? "");
    // Home Assistant decodes these characters again before it makes the code.
    const code = `![](<qr:${link.replace(/[%<>\\]/g, encodeURIComponent)}>)`;
    return { markdown: only ? `${code} ${literal(link)}` : `${literal(text)}\n\n${code}`, ...fields };
  }

  /* Remembers the request id of a print that has been sent, or null once the answer has arrived. */
  asked(request: string | null): void {
    if (this._isGone) return;
    this.request = request;
    this.save();
  }

  save(): void {
    const { text, chosen, size, request } = this;
    tried(() => sessionStorage.setItem(this._key, JSON.stringify({ text, chosen, size, request })));
  }

  forget(): void {
    this._isGone = true;
    tried(() => sessionStorage.removeItem(this._key));
  }
}
