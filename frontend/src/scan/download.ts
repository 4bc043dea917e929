/* Gives files of Home Assistant to the browser to keep. */
import type { CardContext } from "../context";
import type { ScannedFile } from "./types";

export const download = async ({ hass }: CardContext, files: ScannedFile[]): Promise<void> => {
  for (const { name, path } of files) {
    const signed = await hass.callWS<{ path: string }>({ type: "auth/sign_path", path });
    // Without a target of its own the apps would leave Home Assistant for it.
    const link = Object.assign(document.createElement("a"), { href: signed.path, download: name, target: "_blank" });
    link.click();
  }
};
