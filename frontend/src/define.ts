/*
 * Like Lit's customElement, with two differences: a second copy of the card on the page does not throw, and each
 * element is put into the registry once more when `home-assistant` is defined. Home Assistant 2026.10 replaces the
 * browser's registry in its first script, which on a slow line runs after this one if resources are kept in YAML
 * (frontend#53890). The replaced registry still reports that definition, and by then the new one is in place.
 */
export const define = (name: string) => (element: CustomElementConstructor) => {
  const put = () => customElements.get(name) || customElements.define(name, element);
  put();
  void customElements.whenDefined("home-assistant").then(put);
};
