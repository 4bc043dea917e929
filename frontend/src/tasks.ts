/* Runs the card's commands, one at a time for each key, and keeps each key's last error. */
import type { ReactiveControllerHost } from "lit";
import type { CardContext } from "./context";

export class TaskController {
  private readonly _working = new Set<string>();
  private readonly _errors = new Map<string, string>();

  /* This is not a ReactiveController, since a command continues while its host is off the page. */
  constructor(private readonly _host: ReactiveControllerHost & { context: CardContext }) {}

  isWorking(key: string): boolean {
    return this._working.has(key);
  }

  errorOf(key: string): string | undefined {
    return this._errors.get(key);
  }

  /* Runs a command and keeps its error. Does nothing while another command with the same key is running. */
  async run(key: string, command: () => Promise<unknown>): Promise<void> {
    if (this._working.has(key)) return;
    this._working.add(key);
    this._errors.delete(key);
    this._host.requestUpdate();
    try {
      await command();
    } catch (error) {
      await this.fail(key, error);
    }
    this._working.delete(key);
    this._host.requestUpdate();
  }

  clear(key: string): void {
    this._errors.delete(key);
  }

  /* Shows an error for a key until the next command with that key. */
  async fail(key: string, error: unknown): Promise<void> {
    this._errors.set(key, await this._host.context.explain(error));
    this._host.requestUpdate();
  }
}
