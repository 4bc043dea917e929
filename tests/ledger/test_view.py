"""What a change sees: all records as they will be, with what it has written itself."""

from pathlib import Path

from homeassistant.core import HomeAssistant

from custom_components.lianke.ledger import View
from tests.ledger.things import HERE, THERE, Thing, opened, put, states


async def test_a_change_sees_what_it_has_written_itself(hass: HomeAssistant, root: Path) -> None:
    seen: list[list[str]] = []

    def change(view: View) -> None:
        view.put(HERE, "b", Thing("b", "new"))
        view.delete(HERE, "gone")
        view.put(HERE, "short", Thing("short"))
        view.delete(HERE, "short")
        view.put(THERE, "c", Thing("c"))
        seen.append([f"{one.name} {one.state}" for one in view.all(HERE)])
        assert (view.get(HERE, "gone"), view.get(HERE, "short")) == (None, None)
        assert view.get(HERE, "b") == Thing("b", "new")
        assert view.get(THERE, "b") is None

    async with opened(hass, root) as ledger:
        for name in ("gone", "a"):
            await ledger.commit(put(HERE, name, "held"))
        await ledger.commit(change)
        # In the order in which they came.
        assert seen == [["a held", "b new"]]
        assert states(ledger) == {"a": "held", "b": "new"}
        assert states(ledger, THERE) == {"c": "held"}
