/* Request ids of buttons: a press whose answer was lost repeats the same request, so that it prints once. */
import { isLost, randomId, type CommandError } from "./context";

export class Once {
  private readonly _ids = new Map<string, string>();

  /* Run a command with the request id of a button. */
  async run<T>(key: string, command: (requestId: string) => Promise<T>): Promise<T> {
    const id = this._ids.get(key) ?? `card-${randomId()}`;
    this._ids.set(key, id);
    try {
      const answer = await command(id);
      this._ids.delete(key);
      return answer;
    } catch (error) {
      if (!isLost(error as CommandError)) this._ids.delete(key);
      throw error;
    }
  }
}
