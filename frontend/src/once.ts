/* Request ids of buttons: a press whose answer was lost repeats the same request, so that it prints once. */
import "./guard";
import { isLost, randomId, UserError, type CardContext, type CommandError } from "./context";
import { partTexts } from "./localize";
import en from "./translations/once.en.json";
import zh from "./translations/once.zh-Hans.json";

const DOUBLE_TAP = 500; // ms
/* ms: Home Assistant is back by then. Who presses later wants another print. */
const LOST = 15 * 60_000;
/* Of the page: after a reconnect Home Assistant makes its cards anew. */
const ids = new Map<string, string>();
const texts = partTexts(en, zh);

/* Return what is said of a print whose answer was lost. */
export const lostPrint = ({ localizer }: CardContext) => new UserError(texts.text(localizer, "print_lost"));

/* Run a command that prints, with a request id; key says what it prints, and where. */
export const once = async (
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

/* Wait until what is pressed cannot be the other half of a double tap. */
export const tapped = () => new Promise((resolve) => setTimeout(resolve, DOUBLE_TAP));
