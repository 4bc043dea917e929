/* Whether Home Assistant itself serves a picture, so that showing it sends no request to another host. */
export const isOwnPicture = (url: string) => /^\/(?!\/)/.test(url) || url.startsWith("data:image/");

/* Resolves when the browser has loaded a picture, or has failed to load it. */
export const fetched = async (url: string | undefined): Promise<void> => {
  if (!url) return;
  const picture = new Image();
  picture.src = url;
  await picture.decode().catch(() => undefined);
};
