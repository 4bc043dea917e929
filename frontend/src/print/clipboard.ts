/* Reads files from the clipboard, which browsers allow on secure pages only. */

/* Of each thing in the clipboard, what can be printed, the best first. */
const WANTED = ["application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"];
const ENDINGS: Record<string, string> = { "application/pdf": "pdf", "image/jpeg": "jpg" };

/* Return what is in the clipboard as files; none when there is nothing to print, or the user did not allow it. */
export const pastedFiles = async (): Promise<File[]> => {
  try {
    const found = await navigator.clipboard.read();
    const files = found.map(async (one) => {
      const type = WANTED.find((wanted) => one.types.includes(wanted));
      if (!type) return null;
      const name = `clipboard.${ENDINGS[type] ?? type.slice("image/".length)}`;
      return new File([await one.getType(type)], name, { type });
    });
    return (await Promise.all(files)).filter((file) => file !== null);
  } catch {
    return [];
  }
};
