/* Makes the browser save scanned files that Home Assistant keeps. */
import type { CardContext } from "../context";
import type { ScannedFile } from "./types";

export const download = async ({ hass }: CardContext, files: ScannedFile[]): Promise<void> => {
  for (const { name, path } of files) {
    const signed = await hass.callWS<{ path: string }>({ type: "auth/sign_path", path });
    // Without a target, a companion app would leave Home Assistant's page and show the file in its place.
    const link = Object.assign(document.createElement("a"), { href: signed.path, download: name, target: "_blank" });
    link.click();
  }
};
