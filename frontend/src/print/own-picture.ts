/* Only pictures that Home Assistant itself serves. */
export const isOwnPicture = (url: string) => /^\/(?!\/)/.test(url) || url.startsWith("data:image/");

/* Wait until the browser has a picture that is being shown, or has failed to get it. */
export const fetched = async (url: string | undefined): Promise<void> => {
  if (!url) return;
  const picture = new Image();
  picture.src = url;
  await picture.decode().catch(() => undefined);
};
