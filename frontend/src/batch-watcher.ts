/* Redraws an element whenever its batch changes. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { Batch } from "./print/batch";

export class BatchWatcher implements ReactiveController {
  private _watched: Batch | undefined;

  constructor(private readonly _host: ReactiveControllerHost & { isConnected: boolean; batch: Batch | undefined }) {
    _host.addController(this);
  }

  hostConnected(): void {
    this._watch(this._host.batch);
  }

  hostDisconnected(): void {
    this._watch(undefined);
  }

  hostUpdate(): void {
    if (this._host.isConnected) this._watch(this._host.batch);
  }

  private _watch(batch: Batch | undefined): void {
    if (this._watched === batch) return;
    this._watched?.removeEventListener("change", this._changed);
    batch?.addEventListener("change", this._changed);
    this._watched = batch;
  }

  private readonly _changed = () => this._host.requestUpdate();
}
