"""Decide which layers (optional content) of a PDF are printed; a screen may show other layers."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pikepdf import Array, Dictionary, Name, Pdf

# Maximum number of parts of a visibility rule that are evaluated, since a rule may contain itself.
MAX_RULE_PARTS: Final = 200


def _dictionaries(found: Any) -> Iterator[Any]:
    if isinstance(found, Array):
        yield from (one for one in found if isinstance(one, Dictionary))
    elif isinstance(found, Dictionary):
        yield found


class Layers:
    def __init__(self, pdf: Pdf) -> None:
        """Fill `hidden` with the layers that are not printed, keyed by object number."""
        properties = pdf.Root.get(Name.OCProperties)
        self._properties = properties if isinstance(properties, Dictionary) else None
        self._all: dict[Any, Any] = {}
        self.hidden: dict[Any, Any] = {}
        if self._properties is not None:
            self._all = {one.objgen: one for one in _dictionaries(self._properties.get(Name.OCGs))}
            self._read(self._properties.get(Name.D))

    def _read(self, state: Any) -> None:
        state = state if isinstance(state, Dictionary) else Dictionary()
        on, off = (
            {one.objgen for one in _dictionaries(state.get(name))} for name in (Name.ON, Name.OFF)
        )
        is_off = state.get(Name.BaseState) == Name.OFF
        shown = {
            number: number not in off if number in off or not is_off else number in on
            for number in self._all
        }
        # The file's rules for printing take precedence over the state on a screen.
        wishes: dict[Any, bool] = {}
        for rule in _dictionaries(state.get(Name.AS)):
            if rule.get(Name.Event) == Name.Print:
                categories = rule.get(Name.Category)
                for one in _dictionaries(rule.get(Name.OCGs)):
                    for wish in _wishes(one, categories):
                        wishes[one.objgen] = wishes.get(one.objgen, True) and wish
        for number, one in self._all.items():
            # A layer that lacks the intent View is printed whatever its state is.
            if _is_for_view(one) and not wishes.get(number, shown[number]):
                self.hidden[number] = one

    def settle(self) -> None:
        """Make the print state the only state in the file, so that all programs show what is printed."""
        if self._properties is None:
            return
        for one in self._all.values():
            for name in (Name.Usage, Name.Intent):
                if name in one:
                    del one[name]
        self._properties.D = Dictionary(OFF=Array(self.hidden.values()))
        if Name.Configs in self._properties:
            del self._properties.Configs

    def shows(self, layer: Any) -> bool:
        """Return whether `layer`, a layer or a membership dictionary (which names several layers), is printed."""
        return self._shows(layer, [MAX_RULE_PARTS])

    def _shows(self, layer: Any, left: list[int]) -> bool:
        left[0] -= 1
        if left[0] < 0 or not isinstance(layer, Dictionary):
            return True
        if layer.get(Name.Type) != Name.OCMD:
            return layer.objgen not in self.hidden
        if isinstance(rule := layer.get(Name.VE), Array):
            return self._holds(rule, left)
        states = [self._shows(one, left) for one in _dictionaries(layer.get(Name.OCGs))]
        if not states:
            return True
        match layer.get(Name.P):
            case Name.AllOn:
                return all(states)
            case Name.AllOff:
                return not any(states)
            case Name.AnyOff:
                return not all(states)
        return any(states)

    def _holds(self, rule: Any, left: list[int]) -> bool:
        """Evaluate a visibility rule, whose parts may be rules themselves."""
        if not isinstance(rule, Array) or left[0] <= 0:
            return self._shows(rule, left)
        left[0] -= 1
        parts = list(rule)
        states = (self._holds(one, left) for one in parts[1:])
        match parts[0] if parts else None:
            case Name.And:
                return all(states)
            case Name.Or:
                return any(states)
            case Name.Not:
                return not next(states, False)
        return True


def _wishes(layer: Any, categories: Any) -> Iterable[bool]:
    """For each of `categories` in the layer's usage dictionary, yield whether the layer is to be shown."""
    usage = layer.get(Name.Usage)
    if not isinstance(usage, Dictionary) or not isinstance(categories, Array):
        return
    for category, state in (
        (Name.Print, Name.PrintState),
        (Name.View, Name.ViewState),
        (Name.Export, Name.ExportState),
    ):
        said = usage.get(category)
        if category in list(categories) and isinstance(said, Dictionary) and state in said:
            yield said[state] != Name.OFF


def _is_for_view(layer: Any) -> bool:
    intent = layer.get(Name.Intent, Name.View)
    return any(
        one in (Name.View, Name.All)
        for one in (list(intent) if isinstance(intent, Array) else [intent])
    )


def hide_layers(target: Pdf, hidden: list[Any]) -> None:
    """Hide layers that have been copied to the document `target`."""
    if hidden:
        target.Root.OCProperties = target.make_indirect(
            Dictionary(OCGs=Array(hidden), D=Dictionary(OFF=Array(hidden)))
        )
