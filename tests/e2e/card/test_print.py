"""Printing from the card: drop, preview, print once, options, failures in plain words."""

import asyncio
from functools import partial
import os
from pathlib import Path

from playwright.async_api import Route, expect
import pytest

from tests.e2e.card.acts import PNG, slow_paper
from tests.simulator import make_pdf

from .marks import on_stage
from .stage import INKJET, LASER, Screen, Stage, change_options, press

pytestmark = on_stage("card at work")

PDF = "application/pdf"
TEXT = "text/plain"


@pytest.mark.smoke
async def test_drop_preview_and_print_once(stage: Stage) -> None:
    before = len(await stage.printed())
    content = make_pdf(6, "Homework")
    async with stage.screen() as screen:
        await screen.drop(("作业 homework.pdf", PDF, content))
        await screen.shows("作业 homework.pdf")
        await screen.card.get_by_label("Two-sided").select_option(label="Long edge")
        await press(screen.card.get_by_role("button", name="Preview"))
        await expect(screen.card.locator(".previews img")).to_have_count(6)
        picture = screen.card.locator(".previews img").first
        assert await picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") > 100
        await screen.shows("6 pages")
        assert len(await stage.printed()) == before

        button = screen.card.get_by_role("button", name="Print", exact=True)
        row = screen.row("作业 homework.pdf")
        async with slow_paper(stage):
            await button.evaluate("(button) => { button.click(); button.click(); }")
            await expect(row).to_contain_text("Sending to the printer")
        await expect(row).to_contain_text("Completed · 6 pages")
        await expect(screen.card.locator("[aria-live]")).to_contain_text("Completed")
        await screen.shows("Drop a file here")
    (printed,) = (await stage.printed())[before:]
    assert Path(printed["path"]).read_bytes() == content
    assert printed["options"]["dmDuplex"] == "2"
    titles = [job["title"] for job in (await stage.view())["jobs"]]
    assert titles.count("作业 homework") + titles.count("作业 homework.pdf") == 1


async def test_phone_shows_what_becomes_of_a_print(stage: Stage) -> None:
    """The form was long, Print far below the card's head: without it, the job is not above the screen."""
    async with stage.screen(width=390, height=600, touch=True) as screen:
        # Something below the card, as on a dashboard: the page stays where it was scrolled to.
        await screen.page.locator("lianke-card").first.evaluate(
            "(card) => { card.style.display = 'block'; card.style.marginBottom = '1500px'; }"
        )
        await screen.drop(("in the hall.pdf", PDF, make_pdf(2)))
        await press(screen.card.get_by_role("button", name="Preview"))
        await expect(screen.card.locator(".previews img")).to_have_count(2)
        button = screen.card.get_by_role("button", name="Print", exact=True)
        await button.evaluate("(button) => button.scrollIntoView({ block: 'start' })")
        await expect(screen.card.get_by_text(LASER).first).not_to_be_in_viewport()
        await button.evaluate("(button) => button.click()")
        await expect(screen.row("in the hall.pdf")).to_contain_text("Completed")
        await expect(screen.row("in the hall.pdf")).to_be_in_viewport(ratio=1)
        await expect(screen.card.get_by_text(LASER).first).to_be_in_viewport(ratio=1)


async def test_phone_shows_a_print_that_lies_below_others_that_wait(stage: Stage) -> None:
    """With the printer's head at the upper edge, it was below the lower one."""
    choose = partial(change_options, stage.home, stage.entry_id, "approval")
    await choose(approval_printers=[LASER])
    device = {"device_id": stage.devices[LASER]}
    tokens = await stage.home_user_tokens("bela", "system-users")
    try:
        for number in range(7):
            data = {**device, "text": "x", "title": f"waits {number}", "release_code": "2468"}
            await stage.home.call("lianke", "print", data)
        async with stage.screen(width=390, height=600, touch=True, tokens=tokens) as screen:
            await screen.drop(("last of all.pdf", PDF, make_pdf(2)))
            await press(screen.card.get_by_role("button", name="Print", exact=True))
            row = screen.row("last of all.pdf")
            await expect(row).to_contain_text("Waiting for approval")
            await expect(screen.row("waits")).to_have_count(7)
            await expect(row).to_be_in_viewport(ratio=1)
    finally:
        await choose(approval_printers=[])
        for job in (await stage.view())["jobs"]:
            # Others may have left some at another printer.
            if job["title"].startswith(("waits", "last of all")):
                await stage.home.call("lianke", "cancel_job", {**device, "job_id": job["job_id"]})


async def test_file_that_is_dragged_over_the_card_is_told_where_to_go(
    stage: Stage, tmp_path: Path
) -> None:
    before, meanwhile = "把文件拖到这里", "松开即可添加"
    path = tmp_path / "dragged.pdf"
    path.write_bytes(make_pdf(1))
    async with stage.screen(language="zh-Hans", alone=True) as screen:
        await screen.shows(before)
        zone = screen.card.locator(".drop")
        box = await zone.bounding_box()
        assert box is not None
        session = await screen.page.context.new_cdp_session(screen.page)

        async def drag(kind: str, x: float, y: float) -> None:
            data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
            event = {"type": kind, "x": x, "y": y, "data": data}
            await session.send("Input.dispatchDragEvent", event)

        async def hover(x: float, y: float, words: str) -> None:
            # A file that is held still is told again and again, too.
            async def say() -> str:
                await drag("dragOver", x, y)
                return await zone.inner_text()

            await stage.until(say, lambda text: words in text)

        over = (box["x"] + 20, box["y"] + 20)
        await drag("dragEnter", *over)
        await hover(*over, meanwhile)
        await hover(2, 2, before)
        await hover(*over, meanwhile)
        await drag("drop", *over)
        await screen.shows("dragged.pdf")


def watch_posts(screen: Screen) -> list[str]:
    """Return a list that fills with what the page posts from now on."""
    posts: list[str] = []
    screen.page.on(
        "request",
        lambda request: posts.append(request.url) if request.method == "POST" else None,
    )
    return posts


async def documents_sent(stage: Stage) -> dict[str, int]:
    """Return how often the cloud was sent a document, by the way in which it was."""
    requests = (await stage.cloud.get(""))["requests"]
    return {name: count for name, count in requests.items() if name.startswith("POST /print/")}


async def test_dropping_shows_the_first_page_and_sends_the_cloud_nothing(stage: Stage) -> None:
    before = len(await stage.printed())
    content = make_pdf(20, "At once")
    async with stage.screen(alone=True) as screen:
        await screen.shows("Drop a file here")
        sent = await documents_sent(stage)
        posts = watch_posts(screen)
        previews = screen.card.locator(".previews")
        # The first starts the process that draws, the second finds it running.
        for name in ("cold.pdf", "warm.pdf"):
            await screen.drop((name, PDF, content))
            await screen.card.get_by_role("img", name=f"Page 1 of {name}").first.evaluate(
                "(img) => img.decode()"
            )
        await expect(previews).to_have_count(2)
        await expect(previews.last).to_contain_text("and 19 more")
        await expect(screen.card.locator("li.file").last).to_contain_text("20 pages")
        # Others are not uploaded unasked.
        await screen.drop(("letter.txt", "text/plain", b"Dear"), ("empty.pdf", PDF, b""))
        await screen.shows("The file is empty.")
        await press(screen.card.get_by_role("button", name="Remove cold.pdf"))
        await press(screen.card.get_by_role("button", name="Remove letter.txt"))
        await expect(previews).to_have_count(1)
        assert len(posts) == 2
        assert await documents_sent(stage) == sent
        assert len(await stage.printed()) == before
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("warm.pdf")).to_contain_text("Completed · 20 pages")
        assert len(posts) == 2
    (printed,) = (await stage.printed())[before:]
    assert Path(printed["path"]).read_bytes() == content


async def test_options_are_those_of_the_printer_and_remembered(stage: Stage) -> None:
    async with stage.screen(stage.full(), stage.full(INKJET)) as screen:
        await screen.drop(("one.pdf", PDF, make_pdf(1)))
        paper = screen.card.get_by_label("Paper")
        await expect(paper.locator("option").first).to_have_text("Default (A4)")
        assert await paper.locator("option").all_inner_texts() == [
            "Default (A4)",
            "A4",
            "A5",
            "B5 (JIS)",
            "Letter",
            "信封 DL",
        ]
        # The laser has no color to choose, the ink-jet a second side only by hand.
        await expect(screen.card.get_by_label("Color")).to_have_count(0)
        by_hand = screen.card.get_by_label("Two-sided").get_by_text("by hand")
        await expect(by_hand).to_have_count(0)
        await paper.select_option(label="A5")
        await screen.card.get_by_label("Copies").fill("3")
        await screen.card.get_by_label("Copies").blur()
        await screen.press(screen.card.get_by_text("More options"))
        await expect(screen.card.get_by_label("Tray").locator("option").nth(2)).to_have_text(
            "纸盒 1"
        )

        other = screen.page.locator("lianke-card").nth(1)
        await other.locator("input[type=file]").set_input_files(
            {"name": "photo.png", "mimeType": "image/png", "buffer": PNG}
        )
        await expect(other.get_by_label("Color")).to_have_count(1)
        sides = other.get_by_label("Two-sided").locator("option")
        await expect(sides).to_have_count(4)
        assert (await sides.all_inner_texts())[1:] == [
            "Off",
            "By hand, long edge",
            "By hand, short edge",
        ]
        await expect(other.get_by_label("Paper")).to_have_value("")

        await screen.page.reload()
        await screen.drop(("two.pdf", PDF, make_pdf(1)))
        await expect(screen.card.get_by_label("Paper")).to_have_value("1")
        await expect(screen.card.get_by_label("Copies")).to_have_value("")


async def test_upload_that_breaks_is_told_and_tried_again(stage: Stage, tmp_path: Path) -> None:
    before = len(await stage.printed())
    tolerated = ("ERR_FAILED", "status of 413", "status of 500", "ERR_UPLOAD_FILE_CHANGED")
    async with stage.screen(alone=True, tolerated=tolerated) as screen:
        await screen.drop(("fragile.txt", TEXT, b"Dear"))
        answers = ["abort", 413, 500]

        async def spoil(route: Route) -> None:
            if not answers:
                await route.continue_()
                return
            answer = answers.pop(0)
            if isinstance(answer, int):
                await route.fulfill(status=answer, body="no")
            else:
                await route.abort()

        await screen.page.route("**/api/file_upload", spoil)
        button = screen.card.get_by_role("button", name="Print", exact=True)
        for words in ("The upload was cut off", "refuses a file of this size", "HTTP 500"):
            await screen.press(button)
            await expect(screen.card.get_by_role("alert")).to_contain_text(words)
        await screen.press(button)
        await expect(screen.row("fragile.txt")).to_contain_text("Completed")
        # The browser reads nothing of a file that is saved again after it was chosen.
        path = tmp_path / "notes.txt"
        path.write_text("Dear")
        await screen.card.locator("input[type=file]").first.set_input_files(path)
        await screen.shows("notes.txt")
        os.utime(path, (0, 0))
        await screen.press(button)
        await expect(screen.card.get_by_role("alert")).to_contain_text("was changed or moved")
    assert len(await stage.printed()) == before + 1


async def test_connection_lost_while_handing_over_prints_once(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(tolerated=("Connection lost",)) as screen:
        await screen.drop(("lost.pdf", PDF, make_pdf(1)))
        # The connection breaks in the moment the action is called: its answer never arrives.
        await screen.card.evaluate(
            """(card) => {
              const { connection } = document.querySelector("home-assistant").hass;
              const send = connection.sendMessagePromise;
              connection.sendMessagePromise = function (message) {
                const answer = send.call(this, message);
                if (message.service === "print") {
                  connection.sendMessagePromise = send;
                  setTimeout(() => connection.reconnect(true), 0);
                }
                return answer;
              };
            }"""
        )
        await screen.press(screen.card.get_by_role("button", name="Print", exact=True))
        await expect(screen.row("lost.pdf")).to_contain_text("Completed")
        # The job itself told that it was taken; nothing is left to print again.
        await screen.shows("Drop a file here")
        await asyncio.sleep(1)
    assert len(await stage.printed()) == before + 1


async def test_files_that_come_while_others_are_sent_wait_for_the_next_print(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen(alone=True) as screen:
        await screen.shows("Drop a file here")
        under_way = asyncio.Event()
        go_on = asyncio.Event()

        async def hold(route: Route) -> None:
            under_way.set()
            await go_on.wait()
            await route.continue_()

        await screen.page.route("**/api/file_upload", hold)
        await screen.drop(("first one.pdf", PDF, make_pdf(1)))
        await screen.card.get_by_label("Copies").press_sequentially("2")
        button = screen.card.get_by_role("button", name="Print", exact=True)
        await screen.press(button)
        await under_way.wait()
        await screen.drop(("dropped late.pdf", PDF, make_pdf(1)))
        await screen.shows("dropped late.pdf")
        await screen.card.get_by_label("Add a file").set_input_files(
            {"name": "unwanted.pdf", "mimeType": PDF, "buffer": make_pdf(1)}
        )
        await screen.shows("unwanted.pdf")
        await press(screen.card.get_by_role("button", name="Remove unwanted.pdf"))
        await expect(screen.card.get_by_text("unwanted.pdf")).to_have_count(0)
        go_on.set()
        await expect(screen.row("first one.pdf")).to_contain_text("Completed")
        # It is still there, not sent, and the copies of the first are not its own.
        await expect(screen.card.get_by_label("Copies")).to_have_value("")
        assert len(await stage.printed()) == before + 1
        await screen.press(button)
        await expect(screen.row("dropped late.pdf")).to_contain_text("Completed")
    first, late = (await stage.printed())[before:]
    assert first["options"]["dmCopies"] == "2"
    assert late["options"].get("dmCopies") in {None, "1"}


async def test_file_that_is_removed_before_its_upload_begins_does_not_print(stage: Stage) -> None:
    before = len(await stage.printed())
    async with stage.screen() as screen:
        await screen.drop(("regretted.txt", TEXT, b"Dear"))
        # The login has to be renewed first, which takes a while.
        await screen.page.evaluate(
            """() => {
              const { auth } = document.querySelector("home-assistant").hass;
              auth.data.expires = 0;
              const renew = auth.refreshAccessToken;
              auth.refreshAccessToken = async function () {
                await new Promise((resolve) => { window.goOn = resolve; });
                auth.refreshAccessToken = renew;
                return renew.call(this);
              };
            }"""
        )
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await screen.shows("Uploading")
        await press(screen.card.get_by_role("button", name="Remove regretted.txt"))
        await screen.page.evaluate("window.goOn()")
        await screen.shows("Drop a file here")
        await asyncio.sleep(2)
        await expect(screen.row("regretted.txt")).to_have_count(0)
    assert len(await stage.printed()) == before


async def test_progress_of_the_upload_is_real(stage: Stage) -> None:
    async with stage.screen(alone=True) as screen:
        await screen.shows("Drop a file here")
        session = await screen.page.context.new_cdp_session(screen.page)
        await session.send("Network.enable")

        async def limit(bytes_a_second: int) -> None:
            conditions = {"offline": False, "latency": 0, "downloadThroughput": -1}
            await session.send(
                "Network.emulateNetworkConditions",
                conditions | {"uploadThroughput": bytes_a_second},
            )

        # Looked at from before there is anything to see.
        await screen.card.evaluate(
            """(card) => {
              window.seen = [];
              const look = () => {
                const { shadowRoot } = card.shadowRoot.querySelector("lianke-printer");
                const form = shadowRoot.querySelector("lianke-print-form")?.shadowRoot;
                const text = form?.textContent.match(/Uploading ([\\d.]+) (kB|MB) of 1.5 MB/);
                if (text) window.seen.push(Number(text[1]) * (text[2] === "MB" ? 1000 : 1));
                requestAnimationFrame(look);
              };
              look();
            }"""
        )
        # The upload begins with the drop, and is told from Print on. It would take more than a minute, however slow
        # this machine is; once enough was seen, it goes on as fast as it can.
        await limit(20_000)
        await screen.drop(("slow.pdf", PDF, make_pdf(1) + b"\n%" + b"x" * 1_500_000))
        await press(screen.card.get_by_role("button", name="Print", exact=True))
        await screen.page.wait_for_function("new Set(window.seen).size > 3")
        await limit(-1)
        await expect(screen.row("slow.pdf")).to_contain_text("Completed")
        seen = await screen.page.evaluate("window.seen")
        assert seen == sorted(seen)
        assert seen[0] < 1500
        assert max(seen) <= 1500
