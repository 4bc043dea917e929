/* Like Lit's customElement, but a second copy of the card on the page does not throw. */
export const define = (name: string) => (element: CustomElementConstructor) => {
  if (!customElements.get(name)) customElements.define(name, element);
};
