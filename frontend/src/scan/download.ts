/* Saves or shares scanned files, which Home Assistant keeps, on the device that shows the card. */
import type { CardContext } from "../context";
import type { ScannedFile } from "./types";

/* ms to wait for a file before giving up, so that its button can be pressed again. */
const FETCH_MS = 120_000;

/* Fetches a file from Home Assistant with the user's token; rejects on any status but success. */
export const fetchOwn = async ({ hass }: CardContext, path: string): Promise<Blob> => {
  const { auth } = hass;
  if (auth.expired) await auth.refreshAccessToken();
  const headers = { Authorization: `Bearer ${auth.data.access_token}` };
  const response = await fetch(path, { headers, signal: AbortSignal.timeout(FETCH_MS) });
  if (!response.ok) throw new Error(String(response.status));
  return response.blob();
};

/* Makes the browser save files, from signed addresses that expire after half a minute. */
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

/* Opens the share sheet with files, or saves them if the browser refuses to open it. */
export const share = async (context: CardContext, files: ScannedFile[]): Promise<void> => {
  const fetched = files.map(async ({ name, path }) => {
    const blob = await fetchOwn(context, path);
    return new File([blob], name, { type: blob.type });
  });
  const shared = { files: await Promise.all(fetched) };
  await navigator.share(shared).catch(async ({ name }: DOMException) => {
    // AbortError: the user has closed the sheet. Other errors: the press was too long ago, or there are too many files.
    if (name !== "AbortError") await download(context, files);
  });
};
