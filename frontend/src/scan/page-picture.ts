/* Fetches the picture of the shown page with the user's token, without which Home Assistant does not serve it. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { CardContext } from "../context";
import { isOwnPicture } from "../print/own-picture";
import { fetchOwn } from "./download";

export class PagePicture implements ReactiveController {
  /* The browser's address of the wanted picture, or of the previous picture while the wanted one is being fetched. */
  url = "";
  failed = false;

  private _wanted = "";
  private _shown = "";

  constructor(private readonly _host: ReactiveControllerHost & { context: CardContext }) {
    _host.addController(this);
  }

  /* Whether the picture of another page is still shown. */
  get isStale(): boolean {
    return this._shown !== this._wanted;
  }

  hostDisconnected(): void {
    this._wanted = "";
    this._show("", "");
  }

  /* Shows the picture at a path, once it is fetched; an empty path shows no picture. */
  want(path = ""): void {
    if (path === this._wanted) return;
    this._wanted = path;
    this.failed = false;
    if (path && isOwnPicture(path)) void this._fetch(path);
    else this._show("", path);
  }

  private async _fetch(path: string): Promise<void> {
    const picture = await fetchOwn(this._host.context, path).catch(() => null);
    if (this._wanted !== path) return;
    this.failed = !picture;
    this._show(picture ? URL.createObjectURL(picture) : "", path);
    this._host.requestUpdate();
  }

  private _show(url: string, path: string): void {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = url;
    this._shown = path;
  }
}
