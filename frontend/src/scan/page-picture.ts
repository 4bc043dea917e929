/* Fetches the picture of the shown page with the user's token: its address alone does not open it. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { CardContext } from "../context";
import { isOwnPicture } from "../print/own-picture";

export class PagePicture implements ReactiveController {
  /* The browser's address of the wanted page, or of the one before while the wanted one is being fetched. */
  url = "";
  failed = false;

  private _wanted = "";
  private _shown = "";

  constructor(private readonly _host: ReactiveControllerHost & { context: CardContext }) {
    _host.addController(this);
  }

  /* Whether another page than the wanted one is shown. */
  get isStale(): boolean {
    return this._shown !== this._wanted;
  }

  hostDisconnected(): void {
    this._wanted = "";
    this._show("", "");
  }

  /* An empty path shows no picture. */
  want(path = ""): void {
    if (path === this._wanted) return;
    this._wanted = path;
    this.failed = false;
    if (path && isOwnPicture(path)) void this._fetch(path);
    else this._show("", path);
  }

  private async _fetch(path: string): Promise<void> {
    const picture = await this._get(path).catch(() => null);
    if (this._wanted !== path) return;
    this.failed = !picture;
    this._show(picture ? URL.createObjectURL(picture) : "", path);
    this._host.requestUpdate();
  }

  private async _get(path: string): Promise<Blob> {
    const { auth } = this._host.context.hass;
    if (auth.expired) await auth.refreshAccessToken();
    const response = await fetch(path, { headers: { Authorization: `Bearer ${auth.data.access_token}` } });
    if (!response.ok) throw new Error(String(response.status));
    return response.blob();
  }

  private _show(url: string, path: string): void {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = url;
    this._shown = path;
  }
}
