/* Request ids of buttons: a press whose answer was lost repeats the same request, so that it prints once. */
import { isLost, randomId, type CommandError } from "./context";

const DOUBLE_TAP = 500; // ms
/* ms: Home Assistant is back by then. Who presses later wants another print. */
const LOST = 15 * 60_000;
/* Of the page: after a reconnect Home Assistant makes its cards anew. */
const ids = new Map<string, string>();

/* Run a command with a request id; key says what it prints, and where. */
export const once = async (key: string, command: (requestId: string) => Promise<unknown>): Promise<void> => {
  const id = ids.get(key) ?? `card-${randomId()}`;
  const forget = () => ids.get(key) === id && ids.delete(key);
  ids.set(key, id);
  try {
    await command(id);
  } catch (error) {
    if (isLost(error as CommandError)) setTimeout(forget, LOST);
    else forget();
    throw error;
  }
  forget();
};

/* Wait until what is pressed cannot be the other half of a double tap. */
export const tapped = () => new Promise((resolve) => setTimeout(resolve, DOUBLE_TAP));
