/* Runs the card's commands: one at a time for each key, with what went wrong kept beside it. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { CardContext } from "./context";

export class TaskController implements ReactiveController {
  private readonly _working = new Set<string>();
  private readonly _errors = new Map<string, string>();

  constructor(private readonly _host: ReactiveControllerHost & { context: CardContext }) {
    _host.addController(this);
  }

  hostConnected(): void {
    // What runs goes on while the card is off the page.
  }

  isWorking(key: string): boolean {
    return this._working.has(key);
  }

  errorOf(key: string): string | undefined {
    return this._errors.get(key);
  }

  /* Run a command unless the one of the same key is still under way. */
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

  /* Say beside a key what went wrong, until it is run again. */
  async fail(key: string, error: unknown): Promise<void> {
    this._errors.set(key, await this._host.context.explain(error));
    this._host.requestUpdate();
  }
}
