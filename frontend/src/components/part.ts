import { LitElement } from "lit";
import { property } from "lit/decorators.js";
import type { CardContext } from "../context";
import type { Localizer } from "../localize";
import type { Batch } from "../print/batch";

export abstract class Part extends LitElement {
  @property({ attribute: false }) context!: CardContext;

  protected get t(): Localizer {
    return this.context.localizer;
  }

  /* Hides the part while it is empty, so that it takes no room in its column. */
  protected override updated(): void {
    this.hidden = !this.renderRoot.firstElementChild;
  }

  /* Fires an event that bubbles up to the card, through all shadow roots. */
  protected fire(type: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /* Adds documents to the batch of a device; rejects if the printing part of the card cannot be loaded. */
  addTo(device: string, add: (batch: Batch) => void): Promise<void> {
    return new Promise((resolve, reject) => this.fire("add-files", { device, add, resolve, reject }));
  }
}
