/*
 * Like Lit's customElement, with two differences: a second copy of the card on the page does not throw, and each
 * element is registered once more when `home-assistant` is defined. Home Assistant 2026.10 replaces the browser's
 * registry in its first script. If resources are kept in YAML and the connection is slow, that script runs after the
 * card's (frontend#53890). The old registry still reports when `home-assistant` is defined, and by then the new
 * registry is in place.
 */
export const define = (name: string) => (element: CustomElementConstructor) => {
  const put = () => customElements.get(name) || customElements.define(name, element);
  put();
  void customElements.whenDefined("home-assistant").then(put);
};
