"""What people say to Assist about printers, as the blueprint Voice understands it."""

from collections.abc import AsyncGenerator
from typing import Any

from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.translation import async_load_integrations
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.lianke.const import DOMAIN
from tests.clock import Clock, rest, until
from tests.documents.entities import ITEMS, Shopping, add
from tests.flows.automations import use
from tests.household import House, show_state
from tests.simulator import Fault, Simulator

LIST = "todo.shopping"
# What is answered while the list is empty, the printer is idle and nobody has printed anything.
QUIET = {
    "en": {
        "list": "The list is empty.",
        "status": "The printer: Idle.",
        "paper": "The printer reports no lack of paper.",
        "reason": "Nothing waits. The printer: Idle.",
        "mine": "You have printed nothing here.",
        "again": "You have printed nothing here that could be printed again.",
        "cancel": "You have nothing here that can be canceled.",
    },
    "zh-Hans": {
        "list": "清单是空的。",
        "status": "打印机状态：空闲。",
        "paper": "打印机没有报告缺纸。",
        "reason": "没有任务在等待。打印机状态：空闲。",
        "mine": "您还没有在这里打印过。",
        "again": "这里没有可以再打印一次的任务。",
        "cancel": "您在这里没有可以取消的任务。",
    },
}
SAID = {
    "en": {
        "list": """
            Print the shopping list. | Please print out my shopping list
            Could you print the shopping list for me?
            Can you please print our shopping list out? | Put the shopping list on paper
            I need the shopping list on paper
        """,
        "status": """
            What's the printer doing? | How is the printer? | Is the printer ready? | Is the printer busy
            What is the status of the printer? | printer status
        """,
        "paper": """
            Is there paper? | Is there any paper left in the printer?
            Does the printer still have enough paper?
            Has the printer run out of paper? | Is the printer out of paper? | Does the printer need paper?
        """,
        "reason": "Why is nothing being printed? | What is the printer waiting for? | What's wrong with the printer?",
        "mine": """
            Is my print done? | Has my document been printed yet? | Did my print come out? | Where is my print?
            What happened to my print job?
        """,
        "again": """
            Print that again | Please print it again twice | Print that once more | Print another copy
            Print two more copies of that | Reprint the last page | Print the last document again
        """,
        "cancel": """
            Cancel my print | Cancel the print job | Don't print that | Stop printing
            Cancel the latest print | Cancel the print of the menu | Stop printing the menu
        """,
        "": """
            Print the recipe | Cancel the timer | Cancel that | Play that again | Is there milk?
            Add printer paper to the shopping list | What's on my shopping list? | Print | Buy paper
            Is the door ready? | Where is my phone? | Say that once more | Turn off the printer
        """,
    },
    "zh-Hans": {
        "list": """
            把购物清单打印出来 | 请打印购物清单 | 请帮我把购物清单打出来 | 帮我打印一下购物清单
            麻烦你帮我打印一份购物清单
            购物清单打印出来 | 我要打印购物清单 | 给我打一张购物清单吧
        """,
        "status": """
            打印机在干嘛？ | 打印机现在怎么样了 | 打印机忙不忙 | 打印机开着吗 | 打印机能用吗
            看看打印机的状态 | 打印机准备好了吗
        """,
        "paper": """
            打印机有没有纸 | 打印机里还有没有纸了 | 打印机还有纸吗？ | 打印机缺纸了吗 | 打印机是不是没纸了
            还有打印纸吗
        """,
        "reason": "怎么还没打印 | 打印机为什么没打印出来 | 打印机在等什么 | 打印机怎么回事",
        "mine": """
            打印好了吗？ | 打完了没有 | 打印出来了吗 | 我打的东西好了吗 | 我打印的文件怎么样了
            我的打印任务到哪了
        """,
        "again": """
            打印上一份 | 再打印一次 | 再打一份 | 帮我再打印两份 | 重新打印一遍 | 重打刚才的
            把刚才的文件再打印三份 | 请把那个再打一遍
        """,
        "cancel": """
            取消打印 | 取消打印任务 | 帮我取消我的打印 | 先别打印了 | 把刚才的打印取消掉 | 取消最新的打印
            取消菜单的打印 | 别打印菜单了
        """,
        "": """
            打印菜谱 | 取消定时器 | 取消打印机的定时器 | 再来一份 | 再放一次 | 还有纸吗 | 饭做好了吗
            把打印纸加到购物清单
            购物清单里有什么 | 我要买打印纸 | 关掉打印机 | 打印 | 取消 | 别打印机
        """,
    },
}


def sentences(language: str) -> list[tuple[str, str]]:
    return [
        (kind, sentence.strip())
        for kind, lines in SAID[language].items()
        for line in lines.strip().splitlines()
        for sentence in line.split("|")
    ]


@pytest.fixture
async def house(
    hass: HomeAssistant, simulator: Simulator, setup: MockConfigEntry
) -> AsyncGenerator[House]:
    """Return a house in which the blueprint listens, until the end of the test."""
    await add(hass, "todo", [Shopping(ITEMS)])
    house = House(hass=hass, simulator=simulator, entry=setup)
    house.set_options({"keep_printed_hours": 1})
    yield house
    for automation in hass.states.async_entity_ids("automation"):
        data = {ATTR_ENTITY_ID: automation}
        await hass.services.async_call("automation", "turn_off", data, blocking=True)


async def listen(house: House, language: str) -> None:
    await house.hass.config.async_update(language=language)
    # The names of the states in that language, which are else read in the background.
    await async_load_integrations(house.hass, {DOMAIN, "sensor"})
    await use(house.hass, "voice", printer=house.device(), list=LIST)


async def say(house: House, sentence: str, language: str = "en", user: User | None = None) -> str:
    """Say a sentence to Assist and return its reply."""
    answer = await house.hass.services.async_call(
        "conversation",
        "process",
        {"text": sentence, "language": language},
        blocking=True,
        return_response=True,
        context=Context(user_id=user.id if user else None),
    )
    await house.hass.async_block_till_done()
    assert answer is not None
    response: dict[str, Any] = answer["response"]  # type: ignore[assignment] # any JSON
    return str(response["speech"].get("plain", {}).get("speech"))


async def print_as(house: House, user: User | None, title: str) -> None:
    context = Context(user_id=user.id if user else None)
    data = {"device_id": house.device(), "text": title, "title": title}
    await house.ask("print", context, **data)
    await rest(house.hass)


async def person(house: House, name: str) -> User:
    return await house.hass.auth.async_create_user(name, group_ids=[GROUP_ID_USER])


@pytest.mark.long
@pytest.mark.parametrize("language", QUIET)
async def test_what_people_say_is_understood_and_nothing_else(house: House, language: str) -> None:
    await listen(house, language)
    house.hass.states.async_set(LIST, "0")
    wrong = {}
    for kind, sentence in sentences(language):
        told = await say(house, sentence, language)
        if told != QUIET[language].get(kind, "") if kind else told in QUIET[language].values():
            wrong[sentence] = told
    assert wrong == {}
    assert house.queue.jobs() == []
    assert house.sent == 0


@pytest.mark.long
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("language", "again", "twice", "mine", "told"),
    [
        (
            "en",
            "Print that again",
            "Print two more copies",
            "Is my print done?",
            ("Hers is on its way to the printer once more.", "Hers is printed."),
        ),
        (
            "zh-Hans",
            "打印上一份",
            "再打印两份",
            "打印好了吗",
            ("好的，Hers已再次交给打印机。", "Hers已经打印好了。"),
        ),
    ],
)
async def test_again_is_what_the_speaker_has_printed(
    house: House, language: str, again: str, twice: str, mine: str, told: tuple[str, str]
) -> None:
    await listen(house, language)
    anna, ben = await person(house, "Anna"), await person(house, "Ben")
    for user, title in ((anna, "Hers"), (ben, "His"), (None, "An automation's")):
        await print_as(house, user, title)
        await until(lambda: house.queue.jobs()[0].can_print_again)
    for sentence, copies in ((again, 1), (twice, 2)):
        assert await say(house, mine, language, anna) == told[1]
        assert await say(house, sentence, language, anna) == told[0]
        await until(lambda: house.queue.jobs()[0].can_print_again)
        newest = house.queue.jobs()[0]
        assert (newest.spec.title, newest.copies) == ("Hers", copies)
        assert newest.spec.asker.user_id == anna.id
    # Somebody whom nobody knows has printed nothing, whatever automations have.
    assert await say(house, again, language) == QUIET[language]["again"]
    assert len(house.printed) == 5


CANCELED = {
    "en": {
        "own": "Cancel the print",
        "list": ("Print the shopping list", "购物清单 is canceled."),
        "which": "Which one? You have 2 here: Letter, Menu. Say: cancel the print of …, or: cancel the newest print.",
        "named": ("Cancel the print of the menu", "Menu is canceled."),
        "other": (
            "Cancel the print of the latest news",
            "None of your prints here is called latest news. There are: Letter, Menu.",
        ),
        "newest": ("Cancel the newest print", "Letter is canceled."),
        "mine": ("Is my print ready?", "Letter is not printed yet. Waits for the printer: Out of paper."),
        "again": ("Print that again", "Letter is not printed yet. Waits for the printer: Out of paper."),
    },
    "zh-Hans": {
        "own": "取消打印",
        "list": ("打印购物清单", "已取消购物清单。"),
        "which": "您在这里有 2 个任务：Letter、Menu。要取消哪一个？请说“取消某某的打印”，或者“取消最新的打印”。",
        "named": ("取消 menu 的打印", "已取消Menu。"),
        "other": ("取消最新海报的打印", "您在这里没有叫“最新海报”的任务。有：Letter、Menu。"),
        "newest": ("取消最新的打印", "已取消Letter。"),
        "mine": ("打印出来了吗", "Letter还没有打印。正在等待打印机：缺纸。"),
        "again": ("再打印一次", "Letter还没有打印。正在等待打印机：缺纸。"),
    },
}  # fmt: skip


@pytest.mark.parametrize("language", CANCELED)
async def test_a_speaker_cancels_only_what_is_theirs(
    house: House, clock: Clock, language: str
) -> None:
    await listen(house, language)
    anna, ben = await person(house, "Anna"), await person(house, "Ben")
    show_state(house.box.printer(1), "outOfPaper")
    await house.poll()
    for user, title in ((anna, "Menu"), (anna, "Letter"), (ben, "His"), (None, "Automatic")):
        await print_as(house, user, title)
    said: dict[str, Any] = CANCELED[language]
    for user in (anna, None):
        wanted = said["which"] if user else QUIET[language]["cancel"]
        assert await say(house, said["own"], language, user) == wanted
    # What waits is not printed once more.
    for kind in ("mine", "again", "other"):
        sentence, told = said[kind]
        assert await say(house, sentence, language, anna) == told
    assert [job.state for job in house.queue.jobs()] == ["held"] * 4
    for kind in ("newest", "named"):
        sentence, told = said[kind]
        assert await say(house, sentence, language, anna) == told
        if kind == "newest":
            await print_as(house, anna, "Letter")
    assert await say(house, said["own"], language, anna) == said["newest"][1]
    assert await say(house, said["own"], language, anna) == QUIET[language]["cancel"]
    left = [job.spec.title for job in house.queue.jobs() if job.state == "held"]
    assert left == ["Automatic", "His"]
    # The list that a loudspeaker has printed is canceled there.
    sentence, told = said["list"]
    await say(house, sentence, language)
    assert await say(house, said["own"], language) == told
    assert house.sent == 0


AWAY = {
    "en": (
        ("What is the printer doing?", "The printer: unknown since {}, perhaps because the cloud cannot be reached."),
        ("Is there paper?", "The printer: unknown since {}, perhaps because the cloud cannot be reached."),
        ("Print the shopping list", "The list is not printed yet. Waits for the printer: Cloud not reachable."),
        ("Cancel the print", "购物清单 is canceled."),
    ),
    "zh-Hans": (
        ("打印机在干嘛", "打印机状态：{} 起未知，可能是连不上云端。"),
        ("打印机有没有纸", "打印机状态：{} 起未知，可能是连不上云端。"),
        ("把购物清单打印出来", "清单还没有打印。正在等待打印机：无法连接云端。"),
        ("取消打印", "已取消购物清单。"),
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("language", AWAY)
async def test_while_the_cloud_is_away_nothing_is_claimed(house: House, language: str) -> None:
    await listen(house, language)
    house.cloud.fail("*", Fault(kind="http"), times=None)
    for _ in range(2):
        await house.coordinator.async_refresh()
    await rest(house.hass)
    since = house.hass.states.get("sensor.kyocera_ma2000w_gx")
    assert since is not None
    assert since.state == "unknown"
    at = f"{dt_util.as_local(since.last_changed):%H:%M}"
    for sentence, told in AWAY[language]:
        assert await say(house, sentence, language) == told.format(at)
    assert house.printed == []
