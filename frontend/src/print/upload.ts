/* Uploads a file to Home Assistant. */
import { UserError, type CardContext } from "../context";
import { printText } from "./texts";

/* Uploads a file and returns the id of the upload, which works once. progress is called with the number of bytes sent
   so far. Throws a UserError if the upload fails. Uses XMLHttpRequest, since fetch does not report how much has been
   sent. */
export const upload = async (
  context: CardContext,
  file: File,
  progress: (sent: number) => void,
  abort: AbortSignal,
): Promise<string> => {
  const { auth } = context.hass;
  const lost = () => new UserError(printText(context.localizer, "upload_lost"));
  const changed = () => new UserError(printText(context.localizer, "upload_changed"));
  if (auth.expired)
    await auth.refreshAccessToken().catch(() => {
      throw lost();
    });
  if (abort.aborted) throw lost();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/file_upload");
    request.setRequestHeader("Authorization", `Bearer ${auth.data.access_token}`);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => progress(total ? (loaded / total) * file.size : 0);
    request.onload = () => {
      const { status, response } = request;
      if (status === 200 && response?.file_id) resolve(response.file_id);
      else if (status === 413) reject(new UserError(printText(context.localizer, "upload_large")));
      else reject(new UserError(printText(context.localizer, "upload_failed", { status })));
    };
    // Distinguishes a lost connection from a file that was saved again after the user chose it, which browsers cannot
    // read.
    const reason = () => file.slice(0, 1).arrayBuffer().then(lost, changed);
    request.onerror = () => void reason().then(reject);
    request.onabort = () => reject(lost());
    abort.addEventListener("abort", () => request.abort());
    const body = new FormData();
    body.append("file", file);
    request.send(body);
  });
};
