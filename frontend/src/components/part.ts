import { LitElement } from "lit";
import { property } from "lit/decorators.js";
import type { CardContext } from "../context";
import type { Localizer } from "../localize";
import type { Batch } from "../print/batch";

/* A part of the card. */
export abstract class Part extends LitElement {
  @property({ attribute: false }) context!: CardContext;

  protected get t(): Localizer {
    return this.context.localizer;
  }

  /* A part with nothing in it takes no room. */
  protected override updated(): void {
    this.hidden = !this.renderRoot.firstElementChild;
  }

  /* Tell the parents something; detail is what they need to know. */
  protected fire(type: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /* Have something added to what is about to be printed on a printer; rejects where that cannot be. */
  addTo(device: string, add: (batch: Batch) => void): Promise<void> {
    return new Promise((resolve, reject) => this.fire("add-files", { device, add, resolve, reject }));
  }
}
