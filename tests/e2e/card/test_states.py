"""What the card shows of printers and jobs, and what can be done about them."""

from pathlib import Path
import re
from typing import Any

from aiohttp import ClientSession
from playwright.async_api import expect

from tests.e2e.card.acts import bind_other_box, send, slow_paper
from tests.e2e.lan import offer, send as send_over_lan
from tests.ledgers import rewrite, rows
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import LABEL, LASER, Stage, change_options, press

pytestmark = on_stage("card at work")


# A printer that was off needs a minute of readiness before it is sent anything. So each test that
# disturbs one has one of its own, and nobody disturbs the laser.


async def test_printer_unplugged_is_grey_and_jobs_wait(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(stage.full(LABEL)) as screen:
        await screen.shows("Idle")
        await stage.cloud.change_printer(stage.cloud.device_id, 2, plugged=False)
        await screen.shows("Not connected")
        await expect(screen.card.locator(".head .badge")).to_have_class(re.compile(r"\boff\b"))
        for name in ("wait 1", "wait 2", "wait 3"):
            await send(stage, name, printer=LABEL)
        await screen.shows("3 jobs print when the printer is on")
        await expect(screen.card.locator(".head")).to_contain_text(
            re.compile(r"Not connected .*; jobs wait until .*\d:\d\d")
        )
        await expect(screen.row("wait 1")).to_contain_text("Waiting: Not connected")

        await screen.press(screen.card.get_by_role("button", name="Cancel wait 2"))
        await expect(screen.row("wait 2")).to_contain_text("Canceled")
        await screen.shows("2 jobs print when the printer is on")
        await screen.press(screen.card.get_by_role("button", name="Discard 2 jobs"))
        await screen.shows("Discard the 2 jobs that wait for the printer?")
        await screen.press(screen.card.get_by_role("button", name="Keep", exact=True))
        await expect(screen.row("wait 1")).to_contain_text("Waiting")
        await screen.press(screen.card.get_by_role("button", name="Discard 2 jobs"))
        question = screen.card.get_by_role("group", name="Discard the 2 jobs")
        await expect(question).to_be_visible()
        await screen.press(question.get_by_role("button", name="Discard 2 jobs"))
        for name in ("wait 1", "wait 3"):
            await expect(screen.row(name)).to_contain_text("Canceled")
        await stage.cloud.change_printer(stage.cloud.device_id, 2, plugged=True)
        await screen.shows("Idle")
    assert len(await stage.printed()) == before


async def test_switched_on_by_its_plug_and_prints_once(stage: Stage) -> None:
    plug = "input_boolean.plug"
    before = len(await stage.printed())
    await stage.cloud.change_printer(stage.cloud.device_id, 2, plugged=False)
    async with stage.screen(stage.full(LABEL, plug=plug), width=320, touch=True) as screen:
        await screen.shows("Not connected")
        button = screen.card.get_by_role("button", name="Switch on", exact=True)
        await expect(button).to_be_visible()
        await screen.drop(("label.pdf", "application/pdf", make_pdf(1, "label")))
        await screen.press(screen.card.get_by_role("button", name="Switch on and print"))
        await expect(screen.row("label.pdf")).to_contain_text("Waiting: Not connected")
        state = await stage.home.get(f"/api/states/{plug}")
        assert state["state"] == "on"
        await expect(screen.card.get_by_role("button", name="Switch on")).to_have_count(0)
        await stage.cloud.change_printer(stage.cloud.device_id, 2, plugged=True)
        await screen.shows("Idle")
        await expect(screen.row("label.pdf")).to_contain_text("Completed", timeout=90_000)
    assert len(await stage.printed()) == before + 1


async def test_out_of_paper_says_what_to_do(stage: Stage) -> None:
    # Nothing else is printed on this one: a printer that is back gets ready for a minute first.
    async with stage.screen(stage.full(LABEL)) as screen:
        await screen.shows("Idle")
        await stage.cloud.change_printer(stage.cloud.device_id, 2, paper=0)
        await stage.cloud.post("push", {"device_id": stage.cloud.device_id})
        await screen.shows("Out of paper")
        await screen.shows("Add paper.")
        await expect(screen.card.get_by_text("goes on by itself")).to_have_count(0)
        await expect(screen.card.locator(".head .badge")).to_have_class(re.compile(r"\bwarn\b"))
        await send(stage, "no paper", printer=LABEL)
        await expect(screen.row("no paper")).to_contain_text("Waiting: Out of paper")
        await screen.shows("Add paper. What waits for it then goes on by itself.")
        await screen.press(screen.card.get_by_role("button", name="Cancel no paper"))
        await expect(screen.row("no paper")).to_contain_text("Canceled")
        await stage.cloud.change_printer(stage.cloud.device_id, 2, paper=None)
        await stage.cloud.post("push", {"device_id": stage.cloud.device_id})
        await screen.shows("Idle")


async def test_box_offline(stage: Stage) -> None:
    box_id, entry_id, printer_id = await bind_other_box(stage)
    card = {"type": "custom:lianke-card", "devices": [printer_id]}
    async with stage.screen(card, {**card, "layout": "compact"}) as screen:
        await screen.shows("Idle")
        await stage.cloud.change_box(box_id, online=False)
        await screen.shows("Box offline")
        await screen.shows("Check the print box's power and network.")
        way = screen.card.get_by_role("link", name="Show the device")
        await expect(way).to_have_attribute("href", f"/config/devices/device/{printer_id}")
        compact = screen.page.locator("lianke-card").nth(1)
        await expect(compact).to_contain_text("Box offline")
        await stage.cloud.change_box(box_id, online=True)
        await screen.shows("Idle")
        # The entry goes, the card stays and says so, once Home Assistant's list of devices is without it.
        await stage.home.delete(f"/api/config/config_entries/entry/{entry_id}")
        await screen.shows("Printer not found")


async def test_cancel_while_it_prints(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Idle")
        await send(stage, "a long one", pages=60)
        row = screen.row("a long one")
        await expect(row).to_contain_text("Sending to the printer")
        await press(screen.card.get_by_role("button", name="Cancel a long one"))
        await expect(row).to_contain_text("Canceled")


async def test_idle_soon_after_the_last_of_several_jobs(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Idle")
        for title in ("quick 1", "quick 2"):
            await send(stage, title)
        head = screen.card.locator(".head")
        row = screen.row("quick 3")

        async def status() -> str:
            reported: str = (await stage.view())["printers"][stage.devices[LASER]]["status"]
            return reported

        async with slow_paper(stage):
            await send(stage, "quick 3", pages=9)
            await expect(row).to_contain_text("Sending to the printer")
            # Somebody else's news leads to a look while it prints: the printer says so itself.
            await stage.cloud.post("push", {"device_id": stage.cloud.device_id})
            await stage.until(status, lambda found: found == "printing")
        await expect(row).to_contain_text("Completed")
        # Within the time of a poll.
        await expect(head).to_contain_text("Idle", timeout=45_000)


async def test_failure_is_explained_and_printed_again(stage: Stage) -> None:
    before = len(await stage.printed())
    refusal = {"kind": "code", "code": 502, "msg": "文件损坏"}
    await stage.cloud.post("faults", {"endpoint": "POST /print/job", "times": 1, **refusal})
    async with stage.screen() as screen:
        await screen.shows("Idle")
        await send(stage, "fails first", pages=2)
        row = screen.row("fails first")
        await expect(row).to_contain_text("Failed")
        await expect(row).to_contain_text("文件损坏")
        await screen.press(row.get_by_role("button", name="Print fails first again"))
        await expect(screen.row("fails first").filter(has_text="Completed")).to_have_count(1)
    assert len(await stage.printed()) == before + 1


async def test_upload_without_an_answer_yet_is_being_checked(stage: Stage) -> None:
    """It was shown as an upload, with a full bar, until its answer came or was given up."""
    fault = {"endpoint": "POST /print/job", "times": 1, "kind": "delay", "seconds": 15}
    await stage.cloud.post("faults", fault)
    async with stage.screen(language="zh-Hans") as screen:
        await screen.shows("空闲")
        await send(stage, "answered late", pages=2)
        row = screen.row("answered late")
        await expect(row).to_contain_text("正在确认是否已送达…")
        await expect(row.locator(".bar")).to_have_count(0)
        await expect(row).to_contain_text("已完成")


async def test_unconfirmed_job_came_out(stage: Stage) -> None:
    before = len(await stage.printed())
    # Taken in full, then the connection breaks: for minutes nobody can say what became of it.
    await stage.cloud.post(
        "faults", {"endpoint": "POST /print/job", "times": 1, "kind": "reset_after_body"}
    )
    await send(stage, "in doubt", pages=2)

    async def is_given_up() -> bool:
        return record_of(stage, "in doubt")["deliveries"][0]["given_up_at"] is not None

    assert await stage.until(is_given_up, bool)
    await end_doubt(stage, "in doubt")
    async with stage.screen() as screen:
        row = screen.row("in doubt")
        await expect(row).to_contain_text("Unconfirmed")
        await press(row.get_by_role("button", name="Print in doubt again"))
        question = row.get_by_role("group")
        await expect(question).to_contain_text("could print it twice")
        await expect(question.get_by_role("button", name="Don't print")).to_be_focused()
        await screen.page.keyboard.press("Enter")
        await press(row.get_by_role("button", name="in doubt came out"))
        await expect(row).to_contain_text("Completed · 2 pages")
    assert len(await stage.printed()) == before


def ledger_of(stage: Stage) -> Path:
    """Return the folder of what Home Assistant keeps of jobs."""
    return stage.home.config / ".cache" / "lianke" / "jobs"


def record_of(stage: Stage, title: str) -> dict[str, Any]:
    """Return a job's record on disk."""
    (found,) = (
        record
        for record in rows(ledger_of(stage), "job", stage.entry_id)
        if record["spec"]["title"] == title
    )
    return found


async def end_doubt(stage: Stage, title: str) -> None:
    """Make a job on disk as unconfirmed as it becomes when minutes have brought no proof, and have it read."""
    # Home Assistant alone has the ledger open.
    await stage.home.stop()
    record = record_of(stage, title)
    record["deliveries"][0] |= {
        "state": "unconfirmed",
        "reason": "no_answer",
        "ended_at": record["changed_at"],
    }
    rewrite(ledger_of(stage), stage.entry_id, record)
    await stage.home.start()


async def test_hidden_titles(stage: Stage) -> None:
    await send(stage, "A private letter")
    async with stage.screen(stage.full(hide_titles=True)) as screen:
        await screen.shows("Completed")
        await screen.shows("Document")
        await expect(screen.card.get_by_text("private")).to_have_count(0)


async def test_where_a_job_came_from(stage: Stage) -> None:
    """A device of the home network, unless the card is to hide who prints what."""
    url = await offer(stage.home, stage.entry_id)
    async with ClientSession() as session:
        await send_over_lan(session, url, [make_pdf(1)], "Holiday", "iPhone von Anna")
    async with stage.screen(stage.full()) as screen:
        await expect(screen.row("Holiday")).to_contain_text("iPhone von Anna · 127.0.0.1")
        await expect(screen.row("Holiday")).to_contain_text("Completed")
    async with stage.screen(stage.full(hide_titles=True)) as screen:
        await screen.shows("Completed")
        await expect(screen.card.get_by_text("Anna")).to_have_count(0)


async def test_more_of_the_history(stage: Stage) -> None:
    async with stage.screen(stage.full(history=1)) as screen:
        for number in range(3):
            await send(stage, f"history {number}")
        await expect(screen.row("history 2")).to_contain_text("Completed")
        rows = screen.card.get_by_role("list", name="Recent").get_by_role("listitem")
        await expect(rows).to_have_count(1)
        await screen.press(screen.card.get_by_role("button", name="Show more"))
        await expect(screen.row("history 0")).to_contain_text("Completed")
        assert await rows.count() >= 3
        await press(screen.card.get_by_role("button", name="Show less"))
        await expect(rows).to_have_count(1)


async def test_change_of_an_unrelated_entity_renders_nothing(stage: Stage) -> None:
    async with stage.screen() as screen:
        await screen.shows("Idle")
        # The card is drawn again for each part of its texts that arrives; those of the actions are the last.
        await screen.page.wait_for_function(
            "(card) => card.hass.localize('component.lianke.services.print.name')",
            arg=await screen.card.element_handle(),
        )
        await screen.card.evaluate("(card) => card.updateComplete")
        await screen.card.evaluate(
            """(card) => {
              const proto = customElements.get("lianke-card").prototype;
              window.renders = 0;
              window.given = 0;
              const { render } = proto;
              proto.render = function () { window.renders += 1; return render.call(this); };
              const { set } = Object.getOwnPropertyDescriptor(proto, "hass");
              Object.defineProperty(proto, "hass", { set(hass) { window.given += 1; set.call(this, hass); } });
              window.mutations = 0;
              const watch = (root) => {
                new MutationObserver((list) => { window.mutations += list.length; }).observe(
                  root, { subtree: true, childList: true, characterData: true, attributes: true });
                for (const one of root.querySelectorAll("*")) if (one.shadowRoot) watch(one.shadowRoot);
              };
              watch(card.shadowRoot);
            }"""
        )
        for _ in range(10):
            await stage.home.call(
                "input_boolean", "toggle", {"entity_id": "input_boolean.unrelated"}
            )
        await screen.page.wait_for_function("window.given >= 5")
        assert await screen.page.evaluate("[window.renders, window.mutations]") == [0, 0]
        await send(stage, "something related")
        await screen.page.wait_for_function("window.renders > 0")


async def test_reader_sees_but_may_not_print(stage: Stage) -> None:
    tokens = await stage.home_user_tokens("reader", "system-read-only")
    async with stage.screen(tokens=tokens) as screen:
        await screen.shows("You can see this printer but may not print on it.")
        await screen.shows("Idle")
        assert await screen.card.locator("input[type=file]").count() == 0
        assert await screen.card.get_by_role("button", name=re.compile("Cancel|again")).count() == 0


async def test_print_again_is_switched_on_where_it_is_missed(stage: Stage) -> None:
    """The row says why there is none, and an administrator has what is printed from then on kept."""
    before = len(await stage.printed())
    try:
        async with stage.screen(width=320, touch=True) as screen:
            await screen.shows("Idle")
            await send(stage, "thrown away")
            row = screen.row("thrown away")
            await expect(row).to_contain_text("Completed")
            # It has come where Cancel was.
            await screen.press(row.get_by_role("button", name="Details of thrown away"))
            await expect(row).to_contain_text("Printed documents are not kept")
            assert await screen.axe() == []
            await press(row.get_by_role("button", name="Keep them for a week"))
            await expect(row).to_contain_text("from now on can be printed again")
            await send(stage, "kept from now on")
            row = screen.row("kept from now on")
            await expect(row).to_contain_text("Completed")
            assert await row.get_by_role("button", name="Print kept from now on again").count() == 0
            await screen.press(row.get_by_role("button", name="Details of kept from now on"))
            await press(row.get_by_role("button", name="Print kept from now on again"))
            await expect(row.filter(has_text="Completed")).to_have_count(2)
    finally:
        await change_options(stage.home, stage.entry_id, "settings", keep_printed_hours=0)
    assert len(await stage.printed()) == before + 3
