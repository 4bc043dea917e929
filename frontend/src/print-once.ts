/* Gives each print that a button starts a request id: if the answer is lost and the user presses again, the request is
   repeated with the same id and printed once. */
import "./guard";
import { isLost, randomId, UserError, type CardContext, type CommandError } from "./context";
import { partTexts } from "./localize";
import en from "./translations/print-once.en.json";
import zh from "./translations/print-once.zh-Hans.json";

const DOUBLE_TAP = 500; // ms, at most, between the two taps
/* ms for which the id of a lost request is kept: Home Assistant is back by then, and a later press means another
   print. */
const LOST = 15 * 60_000;
/* Request ids, keyed by what is printed. The ids outlive the card, which Home Assistant replaces after a reconnect. */
const ids = new Map<string, string>();
const texts = partTexts(en, zh);

export const lostPrint = ({ localizer }: CardContext) => new UserError(texts.text(localizer, "print_lost"));

/* Runs a command that prints; `key` identifies what is printed and where. Throws a UserError if the answer is lost. */
export const printOnce = async (
  context: CardContext,
  key: string,
  command: (requestId: string) => Promise<unknown>,
): Promise<void> => {
  const before = ids.get(key);
  const id = before ?? `card-${randomId()}`;
  const forget = () => ids.get(key) === id && ids.delete(key);
  ids.set(key, id);
  try {
    await command(id);
  } catch (error) {
    const lost = isLost(error as CommandError);
    if (lost) setTimeout(forget, LOST);
    else forget();
    if (lost) throw lostPrint(context);
    const isOther = before && (error as CommandError)?.translation_key === "request_id_conflict";
    throw isOther ? new UserError(texts.text(context.localizer, "print_changed")) : error;
  }
  forget();
};

/* Forgets the id of a request that has arrived, and returns whether a button has started it and has no answer yet. */
export const hasArrived = (id: string): boolean => {
  const [key] = [...ids].find(([, one]) => one === id) ?? [];
  return key !== undefined && ids.delete(key);
};

/* Resolves when another press can no longer be the second tap of a double tap. */
export const afterDoubleTap = () => new Promise((resolve) => setTimeout(resolve, DOUBLE_TAP));
