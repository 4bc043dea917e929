"""Walks through the card by keyboard."""

from collections.abc import Callable
from typing import Any

from tests.e2e.card.stage import Screen

MAX_STEPS = 120


# Through the open shadow roots of the page: what has the focus, and what could have it in the card.
_FIND = """
window.lianke = {
  name: (one) => one.getAttribute("aria-label") || one.labels?.[0]?.textContent.trim() || one.textContent.trim()
    || one.value || one.getRootNode().host?.textContent.trim() || one.localName,
  focused: () => {
    let one = document.activeElement;
    while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    return one;
  },
  inside: (one, outer) => {
    for (let node = one; node; node = node.assignedSlot || node.parentNode || node.host)
      if (node === outer) return true;
    return false;
  },
  all: (root) => {
    const found = [];
    const walk = (node) => {
      if (node.nodeType !== 1) return;
      if (node.localName === "dialog" && !node.open) return;
      if (node.localName === "details" && !node.open) return void walk(node.querySelector("summary"));
      const style = getComputedStyle(node);
      if (style.display === "none" || style.visibility === "hidden") return;
      if (node.matches("button, a[href], input, select, textarea, summary, [tabindex='0']") && !node.disabled)
        found.push(window.lianke.name(node));
      const inner = node.localName === "slot" ? node.assignedElements() : (node.shadowRoot ?? node).children;
      for (const child of inner) walk(child);
    };
    walk(root);
    return found;
  },
  describe: () => {
    const one = window.lianke.focused();
    const card = document.activeElement && [...window.lianke.cards()].find((card) => window.lianke.inside(one, card));
    const box = one.getBoundingClientRect();
    const marked = [one, one.closest("label")].some((node) => node && getComputedStyle(node).outlineStyle !== "none");
    return {
      name: window.lianke.name(one),
      key: one.dataset?.key ?? "",
      tag: one.localName,
      inCard: Boolean(card),
      marked,
      visible: box.bottom > 0 && box.top < innerHeight && box.width > 0,
    };
  },
  cards: function* (root = document) {
    for (const one of root.querySelectorAll("*")) {
      if (one.localName === "lianke-card") yield one;
      else if (one.shadowRoot) yield* window.lianke.cards(one.shadowRoot);
    }
  },
};
"""


async def press(screen: Screen, key: str) -> dict[str, Any]:
    """Press a key and return what has the focus then."""
    await screen.page.keyboard.press(key)
    found: dict[str, Any] = await screen.page.evaluate("window.lianke.describe()")
    return found


async def tab_to(
    screen: Screen, accept: Callable[[dict[str, Any]], bool], key: str = "Tab"
) -> list[dict[str, Any]]:
    """Press Tab until something has the focus; return all that had it, that last."""
    seen: list[dict[str, Any]] = []
    while len(seen) < MAX_STEPS:
        seen.append(await press(screen, key))
        if accept(seen[-1]):
            return seen
    raise AssertionError([one["name"] for one in seen])


def named(name: str) -> Callable[[dict[str, Any]], bool]:
    """Return whether something in the card has a name."""
    return lambda one: one["inCard"] and one["name"] == name


async def start(screen: Screen) -> None:
    """Give the focus back to the page's beginning."""
    await screen.page.evaluate(_FIND)
    await screen.page.evaluate(
        """() => {
          const top = document.createElement("span");
          top.tabIndex = -1;
          document.body.prepend(top);
          top.focus();
        }"""
    )
