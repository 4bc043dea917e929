"""An entry in a to-do list sets automations off, and is of whoever made it: its triggers hand no context on."""

from typing import Any, override

from homeassistant.auth.models import User
from homeassistant.components.todo.const import TodoItemStatus, TodoListEntityFeature
from homeassistant.components.todo.entity import TodoItem, TodoListEntity
import pytest

from tests.documents.entities import add
from tests.household import House
from tests.people.steps import automation, call, printed, set_up, to_approve, whose


class Kept(TodoListEntity):
    """A list that is saved to a file before anybody is told, as Home Assistant's own are, or told of at once."""

    _attr_should_poll = False
    _attr_supported_features = (
        TodoListEntityFeature.CREATE_TODO_ITEM
        | TodoListEntityFeature.UPDATE_TODO_ITEM
        | TodoListEntityFeature.DELETE_TODO_ITEM
    )
    entity_id = "todo.kept"

    def __init__(self, *, is_saved: bool) -> None:
        self._attr_todo_items = [
            TodoItem(uid="1", summary="Milk", status=TodoItemStatus.NEEDS_ACTION)
        ]
        self._is_saved = is_saved

    async def _set(self, items: list[TodoItem]) -> None:
        if self._is_saved:
            await self.hass.async_add_executor_job(lambda: None)
        self._attr_todo_items = items
        self.async_write_ha_state()

    @override
    async def async_create_todo_item(self, item: TodoItem) -> None:
        item.uid = "2"
        await self._set([*(self._attr_todo_items or ()), item])

    @override
    async def async_update_todo_item(self, item: TodoItem) -> None:
        await self._set([item])

    @override
    async def async_delete_todo_items(self, uids: list[str]) -> None:
        await self._set([])


@pytest.mark.parametrize("is_saved", [False, True])
@pytest.mark.parametrize(
    ("trigger", "action", "data"),
    [
        ("item_added", "add_item", {"item": "Eggs"}),
        ("item_completed", "update_item", {"item": "1", "status": "completed"}),
        ("item_removed", "remove_item", {"item": ["1"]}),
    ],
)
async def test_what_a_list_sets_off_is_of_who_changed_it(
    house: House,
    anna: User,
    boss: User,
    trigger: str,
    action: str,
    data: dict[str, Any],
    *,
    is_saved: bool,
) -> None:
    await add(house.hass, "todo", [Kept(is_saved=is_saved)])
    when = {"trigger": f"todo.{trigger}", "target": {"entity_id": "todo.kept"}}
    await set_up(house, automation=[automation("prints", when, printed(house))])
    house.set_options({"approval_users": [anna.id], "approvers": [boss.id]})
    await house.hass.async_create_task(
        call(house.hass, anna, f"todo.{action}", entity_id="todo.kept", **data)
    )
    await house.hass.async_block_till_done()
    assert whose(house) == [to_approve(anna)]
