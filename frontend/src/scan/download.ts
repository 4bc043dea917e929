/* Gives scanned files that Home Assistant keeps to the device that shows the card. */
import type { CardContext } from "../context";
import type { ScannedFile } from "./types";

/* ms to wait for a file, whose button can then be pressed again. */
const FETCH_MS = 120_000;

/* Fetches a file of Home Assistant with the user's token; rejects if there is no such file. */
export const fetchOwn = async ({ hass }: CardContext, path: string): Promise<Blob> => {
  const { auth } = hass;
  if (auth.expired) await auth.refreshAccessToken();
  const headers = { Authorization: `Bearer ${auth.data.access_token}` };
  const response = await fetch(path, { headers, signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok) throw new Error(String(response.status));
  return response.blob();
};

/* Makes the browser save files. Their addresses are signed, and expire after half a minute. */
export const download = async ({ hass }: CardContext, files: ScannedFile[]): Promise<void> => {
  for (const { name, path } of files) {
    const signed = await hass.callWS<{ path: string }>({ type: "auth/sign_path", path });
    // Without a target, a companion app would leave Home Assistant's page and show the file in its place.
    const link = Object.assign(document.createElement("a"), { href: signed.path, download: name, target: "_blank" });
    link.click();
  }
};

/* Whether this device has a share sheet for files. Browsers offer it only over https, and Android's companion app has
   none. */
export const canShare = (): boolean => {
  try {
    return navigator.canShare({ files: [new File([""], "scan.pdf", { type: "application/pdf" })] });
  } catch {
    return false;
  }
};

/* Opens the share sheet with files. */
export const share = async (context: CardContext, files: ScannedFile[]): Promise<void> => {
  const fetched = files.map(async ({ name, path }) => {
    const blob = await fetchOwn(context, path);
    return new File([blob], name, { type: blob.type });
  });
  const shared = { files: await Promise.all(fetched) };
  await navigator.share(shared).catch(async ({ name }: DOMException) => {
    // Somebody has closed the sheet. A browser refuses to open it long after the press, or for so many files.
    if (name !== "AbortError") await download(context, files);
  });
};
