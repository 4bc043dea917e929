/* What a user writes on the card, and its draft in this session of the browser. */

export const SIZES = ["small", "normal", "large", "huge"] as const;
export type Size = (typeof SIZES)[number];
/* How a text is printed: as it is written, as Markdown, what is at its address, or with the QR code of its link. */
export type Kind = "text" | "markdown" | "address" | "code";

const PREFIX = "lianke-text-";
/* A link ends before the first character that no address contains, so that Chinese text may follow at once. */
const LINK = /https?:\/\/[!#-;=?-~]*[\w/#=&-]/i;
const ONLY_LINK = /^https?:\/\/\S+$/i;

/* Makes Markdown print a text as it is written. */
const literal = (text: string) =>
  text
    .replace(/[!-/:-@[-`{-~]/g, "\\$&")
    .replace(/^[ \t]+/gm, (blanks) => "\u00a0".repeat(blanks.replaceAll("\t", "    ").length));

/* Some browsers refuse access to the storage, and its room is limited: then there is no draft. */
const tried = <T>(use: () => T): T | undefined => {
  try {
    return use();
  } catch {
    return undefined;
  }
};

/* Deletes the drafts of other users who were logged in before in this tab. */
export const keepDraftsOf = (user: string | undefined): void =>
  tried(() => {
    for (const key of Object.keys(sessionStorage))
      if (key.startsWith(PREFIX) && !key.startsWith(`${PREFIX}${user} `)) sessionStorage.removeItem(key);
  });

export class Written {
  text = "";
  chosen: Kind | null = null;
  size: Size = "normal";
  /* Id of a print whose answer has not arrived. It outlives the page, so that another press prints once. */
  request: string | null = null;
  /* Whether an input method is composing characters: until it is done, nothing is sent. */
  composing = false;
  /* Whether the field has yet to get the focus. */
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

  /* The fields of the print action. */
  get source(): Record<string, string> {
    const { kind, text, size } = this;
    if (kind === "address") return { url: text.trim() };
    const fields = size === "normal" ? {} : { text_size: size };
    if (kind !== "code") return { [kind]: text, ...fields };
    const only = ONLY_LINK.test(text.trim());
    const link = only ? text.trim() : (LINK.exec(text)?.[0] ?? "");
    // Home Assistant decodes what is percent-encoded here.
    const code = `![](<qr:${link.replace(/[%<>\\]/g, encodeURIComponent)}>)`;
    return { markdown: only ? `${code} ${literal(link)}` : `${literal(text)}\n\n${code}`, ...fields };
  }

  /* Keeps the id of a print that is asked for, until its answer has arrived (null). */
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
