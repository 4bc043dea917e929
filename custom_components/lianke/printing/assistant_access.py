"""Find the printers, scanners and entities that are exposed to an assistant, and give each a unique name."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    intent,
)
from homeassistant.helpers.llm import LLMContext

from ..devices import status_entity
from ..runtime import LiankeConfigEntry, async_loaded_entries

# Ids of devices or entities by their names and aliases.
type IdsByName = dict[str, str]


class _Named(NamedTuple):
    """A device or an entity."""

    id: str
    names: tuple[str, ...]
    # Names of its areas, then of its box: places that distinguish it from others with the same name.
    places: tuple[str, ...]


def match_name(names: IdsByName, value: object) -> object:
    """Return the name that equals the text regardless of case, or the text itself if there is no such name."""
    if not isinstance(value, str) or value in names:
        return value
    wanted = value.strip().casefold()
    return next((name for name in names if name.casefold() == wanted), value)


def exposed_printers(hass: HomeAssistant, llm_context: LLMContext | None) -> IdsByName:
    """Return the printers that are exposed to an assistant; all printers if the context is None."""
    return exposed_devices(
        hass,
        llm_context,
        (
            (entry, status_entity(hass, entry, key))
            for entry in async_loaded_entries(hass)
            for key in entry.runtime_data.storage.printers
        ),
    )


def exposed_devices(
    hass: HomeAssistant,
    llm_context: LLMContext | None,
    entities: Iterable[tuple[LiankeConfigEntry, str | None]],
) -> IdsByName:
    """Return the devices whose main entity is exposed; `entities` has each device's main entity."""
    registry, devices = er.async_get(hass), dr.async_get(hass)
    found: list[_Named] = []
    for entry, entity_id in entities:
        entity = registry.async_get(entity_id or "")
        if entity is None or entity.device_id is None:
            continue
        state = hass.states.get(entity.entity_id)
        if state is not None and (
            llm_context is None or is_exposed(hass, llm_context, state.entity_id)
        ):
            device = devices.async_get(entity.device_id)
            areas = (entity.area_id, None if device is None else device.area_id)
            places = (*_areas(hass, areas), entry.title)
            found.append(_Named(entity.device_id, _names(hass, entity, state), places))
    return _told_apart(found)


def exposed_entities(
    hass: HomeAssistant, llm_context: LLMContext, domains: Sequence[str]
) -> IdsByName:
    registry = er.async_get(hass)
    found: list[_Named] = []
    for state in hass.states.async_all(domains):
        if is_exposed(hass, llm_context, state.entity_id):
            entity = registry.async_get(state.entity_id)
            places = () if entity is None else _areas(hass, (entity.area_id,))
            found.append(_Named(state.entity_id, _names(hass, entity, state), places))
    return _told_apart(found)


def _told_apart(found: list[_Named]) -> IdsByName:
    """Return the ids by unique names: to a name that several share, append a place or a number: "Printer (Office)"."""
    bearers: defaultdict[str, dict[str, _Named]] = defaultdict(dict)
    for one in found:
        for name in one.names:
            bearers[name.casefold()][one.id] = one
    names: IdsByName = {}
    bearing = ((one, name) for one in found for name in one.names)
    # Begin with the names that are not shared: such a name may equal a shared name with a place appended.
    for one, name in sorted(bearing, key=lambda pair: len(bearers[pair[1].casefold()]) > 1):
        others = [other for other in bearers[name.casefold()].values() if other.id != one.id]
        taken = {place for other in others for place in other.places}
        place = next((place for place in one.places if place not in taken), None)
        shown = name if not others else f"{name} ({place})"
        number = 1
        while others and (place is None or names.get(shown, one.id) != one.id):
            place, number = str(number), number + 1
            shown = f"{name} ({place})"
        names.setdefault(shown, one.id)
    return names


def _areas(hass: HomeAssistant, area_ids: Iterable[str | None]) -> tuple[str, ...]:
    registry = ar.async_get(hass)
    found = (registry.async_get_area(area_id) for area_id in area_ids if area_id)
    return tuple(area.name for area in found if area is not None)


def _names(hass: HomeAssistant, entity: er.RegistryEntry | None, state: State) -> tuple[str, ...]:
    return tuple(filter(None, intent.async_get_entity_aliases(hass, entity, state=state)))


def is_exposed(hass: HomeAssistant, llm_context: LLMContext, entity_id: str) -> bool:
    return async_should_expose(hass, llm_context.assistant, entity_id)
