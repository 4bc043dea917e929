/* Reads files from the clipboard, which browsers allow on secure pages only. */

/* Types that can be printed, the best first; one thing in the clipboard has several. */
const WANTED = ["application/pdf", "image/png", "image/jpeg", "image/gif", "image/webp"];
const ENDINGS: Record<string, string> = { "application/pdf": "pdf", "image/jpeg": "jpg" };

/* Empty if there is nothing to print, or if the user does not allow reading. */
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
