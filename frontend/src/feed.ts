/* Keeps a subscription to printers and jobs, or to scanners, alive through reconnects and restarts. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Connection } from "home-assistant-js-websocket";
import type { CommandError } from "./context";
import { pressing } from "./pressing";
import type { Feed } from "./types";

const RETRY_AFTER = 10_000; // ms between two attempts to subscribe

export class FeedController<T = Feed> implements ReactiveController {
  /* The last message; null until the first message arrives. */
  data: T | null = null;
  /* Whether the last attempt to subscribe has failed, so that no messages arrive. */
  absent = false;
  /* Why the integration refuses the subscription, as a sentence; empty if it gives no reason. */
  problem = "";

  /* Whether the next redraw shows news from Home Assistant, not something that the user did here. */
  private _isNews = false;
  private _connection: Connection | null = null;
  private _devices: string[] = [];
  /* Identifies the current subscription; null if there is none. */
  private _subscription: object | null = null;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _stop: (() => Promise<void>) | null = null;

  /* `received` is called with each message, before the host is redrawn. */
  constructor(
    private readonly _host: ReactiveControllerHost & { isConnected: boolean },
    private readonly _received: (data: T) => void,
    private readonly _explain: (error: unknown) => Promise<string> = async () => "",
    private readonly _type = "lianke/jobs/subscribe",
  ) {
    _host.addController(this);
  }

  /* Subscribes to these devices, or to all printers if the list is empty. Does nothing if the same subscription is
     already active. */
  follow(connection: Connection, devices: string[]): void {
    const same = this._connection === connection && String(devices) === String(this._devices);
    if (same && this._subscription) return;
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
    if (this._isNews) pressing.beforeDrawing?.(true);
    this._isNews = false;
  }

  hostDisconnected(): void {
    this._connection?.removeEventListener("ready", this._ready);
    this._unsubscribe();
  }

  private readonly _ready = () => {
    // `_stop` belongs to the old connection. On the new connection, the same subscription number may belong to a
    // different subscription.
    this._stop = null;
    void this._subscribe();
  };

  private async _subscribe(): Promise<void> {
    if (!this._connection) return;
    this._unsubscribe();
    const subscription = (this._subscription = {});
    const filter = this._devices.length ? { device_ids: this._devices } : {};
    try {
      // This class renews the subscription itself instead of leaving that to the library: after a restart, the
      // integration's command may become available later than the connection.
      const stop = await this._connection.subscribeMessage<T>(
        (data) => subscription === this._subscription && this._receive(data),
        { type: this._type, ...filter },
        { resubscribe: false },
      );
      if (subscription === this._subscription) this._stop = stop;
      else stop().catch(() => undefined);
    } catch (error) {
      const problem = (error as CommandError)?.translation_key ? await this._explain(error) : "";
      if (subscription !== this._subscription) return;
      this.absent = this._isNews = true;
      this.problem = problem;
      this._retry = setTimeout(() => void this._subscribe(), RETRY_AFTER);
      this._host.requestUpdate();
    }
  }

  private _unsubscribe(): void {
    this._subscription = null;
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
