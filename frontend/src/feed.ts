/* Keeps a subscription of the card, to printers and jobs or to scanners, over reconnects and restarts. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Connection } from "home-assistant-js-websocket";
import type { CommandError } from "./context";
import { hand } from "./hand";
import type { Feed } from "./types";

const RETRY_AFTER = 10_000; // ms

export class FeedController<T = Feed> implements ReactiveController {
  /* What was sent last; null before the first message. */
  data: T | null = null;
  /* Whether the integration does not answer. */
  absent = false;
  /* Why it refuses, if it says so. */
  problem = "";

  /* Whether what is drawn next moves by itself, and not since somebody did something here. */
  private _isNews = false;
  private _connection: Connection | null = null;
  private _devices: string[] = [];
  /* Of the present subscription; null without one. */
  private _turn: object | null = null;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _stop: (() => Promise<void>) | null = null;

  /* received is called with each message, before the host is drawn; explain turns a refusal into a sentence. */
  constructor(
    private readonly _host: ReactiveControllerHost & { isConnected: boolean },
    private readonly _received: (data: T) => void,
    private readonly _explain: (error: unknown) => Promise<string> = async () => "",
    private readonly _type = "lianke/jobs/subscribe",
  ) {
    _host.addController(this);
  }

  /* Subscribe to these printers, or to all if there are none; does nothing when that is so already. */
  follow(connection: Connection, devices: string[]): void {
    const same = this._connection === connection && String(devices) === String(this._devices);
    if (same && this._turn) return;
    this._connection?.removeEventListener("ready", this._ready);
    this._connection = connection;
    this._devices = devices;
    if (this._host.isConnected) this.hostConnected();
  }

  hostConnected(): void {
    this._connection?.addEventListener("ready", this._ready);
    void this._subscribe();
  }

  hostUpdate(): void {
    if (this._isNews) hand.watch?.(true);
    this._isNews = false;
  }

  hostDisconnected(): void {
    this._connection?.removeEventListener("ready", this._ready);
    this._unsubscribe();
  }

  private readonly _ready = () => {
    this._stop = null; // the old connection's; its number may be another's by now
    void this._subscribe();
  };

  private async _subscribe(): Promise<void> {
    if (!this._connection) return;
    this._unsubscribe();
    const turn = (this._turn = {});
    const filter = this._devices.length ? { device_ids: this._devices } : {};
    try {
      // Resubscribing is done here: after a restart the command may come back later than the connection.
      const stop = await this._connection.subscribeMessage<T>(
        (data) => turn === this._turn && this._receive(data),
        { type: this._type, ...filter },
        { resubscribe: false },
      );
      if (turn === this._turn) this._stop = stop;
      else stop().catch(() => undefined);
    } catch (error) {
      const problem = (error as CommandError)?.translation_key ? await this._explain(error) : "";
      if (turn !== this._turn) return;
      this.absent = this._isNews = true;
      this.problem = problem;
      this._retry = setTimeout(() => void this._subscribe(), RETRY_AFTER);
      this._host.requestUpdate();
    }
  }

  private _unsubscribe(): void {
    this._turn = null;
    clearTimeout(this._retry);
    this._stop?.().catch(() => undefined);
    this._stop = null;
  }

  private _receive(data: T): void {
    this.absent = false;
    this._isNews = true;
    this.data = data;
    this._received(data);
    this._host.requestUpdate();
  }
}
