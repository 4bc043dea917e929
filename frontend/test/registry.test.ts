/* Home Assistant 2026.10 replaces the browser's registry of elements, on a slow line after this card has loaded. */
import { expect, test, vi } from "vitest";
import type { LiankeCard } from "../src/card";
import type { Feed } from "../src/types";
import { find, makeHass, makePrinter } from "./stand-in";

type Class = CustomElementConstructor & { prototype: HTMLElement & { connectedCallback?(): void } };

/* What its first script does (the scoped registries of @webcomponents), as far as elements in the document go. */
const exchange = () => {
  const native = window.customElements;
  const NativeElement = window.HTMLElement;
  let upgraded: HTMLElement | undefined;
  const constructed = new Map<unknown, CustomElementConstructor>();

  /* The browser's registry gets a stand-in, whose elements turn into those of the new registry's class. */
  const makeStandIn = (name: string): Class => {
    const standIn = function (this: HTMLElement) {
      const element = Reflect.construct(NativeElement, [], this.constructor) as HTMLElement;
      const wanted = registry.get(name) as Class;
      Object.setPrototypeOf(element, wanted.prototype);
      upgraded = element;
      try {
        new wanted();
      } catch {
        // The class is older than the exchange: replace the HTMLElement that it extends as well.
        let above: object = wanted;
        while (Object.getPrototypeOf(above) !== NativeElement) above = Object.getPrototypeOf(above) as object;
        Object.setPrototypeOf(above, window.HTMLElement);
        upgraded = element;
        new wanted();
      }
      return element;
    } as unknown as Class;
    Object.setPrototypeOf(standIn.prototype, NativeElement.prototype);
    standIn.prototype.connectedCallback = function () {
      (registry.get(name) as Class).prototype.connectedCallback?.call(this);
    };
    return standIn;
  };

  class Registry {
    private readonly _known = new Map<string, CustomElementConstructor>();
    private readonly _waiting = new Map<string, ((known: CustomElementConstructor) => void)[]>();

    define(name: string, element: CustomElementConstructor): void {
      if (this._known.has(name)) throw new DOMException(`${name} has already been used`);
      this._known.set(name, element);
      let own = native.get(name);
      if (!own) native.define(name, (own = makeStandIn(name)));
      constructed.set(element, own);
      for (const resolve of this._waiting.get(name) ?? []) resolve(element);
    }

    get(name: string): CustomElementConstructor | undefined {
      return this._known.get(name);
    }

    whenDefined(name: string): Promise<CustomElementConstructor> {
      const known = this._known.get(name);
      if (known) return Promise.resolve(known);
      return new Promise((resolve) => this._waiting.set(name, [...(this._waiting.get(name) ?? []), resolve]));
    }
  }
  const registry = new Registry();
  const made = function (this: HTMLElement) {
    const element = upgraded;
    upgraded = undefined;
    if (element) return element;
    const own = constructed.get(this.constructor);
    if (!own) throw new TypeError("Illegal constructor");
    return Reflect.construct(NativeElement, [], own);
  };
  made.prototype = NativeElement.prototype;
  Object.assign(window, { HTMLElement: made });
  Object.defineProperty(window, "customElements", { value: registry, configurable: true, writable: true });
};

test("the card is found and drawn when the frontend exchanges the registry after it", async () => {
  await import("../src/lianke-card");
  exchange();
  // The frontend looks for it in the new registry, and waits for it there.
  expect(customElements.get("lianke-card")).toBeUndefined();
  const found = customElements.whenDefined("lianke-card");
  customElements.define("home-assistant", class extends HTMLElement {});
  await found;
  const card = document.createElement("lianke-card") as LiankeCard;
  const feed: Feed = {
    printers: { device: makePrinter({ ink: [{ name: "Black", level: 50, color: "" }] }) },
    jobs: [],
  };
  const connection = {
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    subscribeMessage: async (receive: (feed: Feed) => void) => {
      receive(feed);
      return async () => undefined;
    },
  };
  card.setConfig({ type: "custom:lianke-card" });
  card.hass = Object.assign(makeHass(), { connection }) as never;
  document.body.replaceChildren(card);
  const printer = await vi.waitFor(() => {
    const part = find(card, "lianke-printer");
    expect(find(find(part, "lianke-file-chooser"), "label").textContent).toMatch(/file/);
    return part;
  });
  expect(find(find(printer, "lianke-header"), ".name").textContent).toBe("Laser");
  // The inks are loaded after the exchange.
  await vi.waitFor(() => expect(find(find(printer, "lianke-inks"), ".ink").textContent).toContain("Black"));
});
