/*
 * Like Lit's customElement, but a second copy of the card on the page does not throw, and elements are found again once Home
 * Assistant's frontend has put a registry of its own in the place of the browser's: that of 2026.10 does so with its first
 * script, which on a slow line comes after this one where the resources are kept in YAML (frontend#53890). The browser's
 * registry, which is under the other, tells when the frontend's root is defined, and with that the exchange is over.
 */
export const define = (name: string) => (element: CustomElementConstructor) => {
  const put = () => customElements.get(name) || customElements.define(name, element);
  put();
  void customElements.whenDefined("home-assistant").then(put);
};
