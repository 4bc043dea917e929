/* Only pictures that Home Assistant itself serves. */
export const isOwnPicture = (url: string) => /^\/(?!\/)/.test(url) || url.startsWith("data:image/");
