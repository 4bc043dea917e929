/* Gives each print of a button a request id: a press after a lost answer repeats the request and prints once. */
import "./guard";
import { isLost, randomId, UserError, type CardContext, type CommandError } from "./context";
import { partTexts } from "./localize";
import en from "./translations/print-once.en.json";
import zh from "./translations/print-once.zh-Hans.json";

const DOUBLE_TAP = 500; // ms
/* ms: Home Assistant is back by then, and a later press means another print. */
const LOST = 15 * 60_000;
/* Outlives the card, which Home Assistant replaces after a reconnect. */
const ids = new Map<string, string>();
const texts = partTexts(en, zh);

export const lostPrint = ({ localizer }: CardContext) => new UserError(texts.text(localizer, "print_lost"));

/* Runs a command that prints; key stands for what it prints and where. */
export const printOnce = async (
  context: CardContext,
  key: string,
  command: (requestId: string) => Promise<unknown>,
): Promise<void> => {
  const id = ids.get(key) ?? `card-${randomId()}`;
  const forget = () => ids.get(key) === id && ids.delete(key);
  ids.set(key, id);
  try {
    await command(id);
  } catch (error) {
    const lost = isLost(error as CommandError);
    if (lost) setTimeout(forget, LOST);
    else forget();
    throw lost ? lostPrint(context) : error;
  }
  forget();
};

/* Resolves when the next press cannot be the second half of a double tap any more. */
export const afterDoubleTap = () => new Promise((resolve) => setTimeout(resolve, DOUBLE_TAP));
