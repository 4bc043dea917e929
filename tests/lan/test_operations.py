"""What a device sends becomes a job like any other, and the device is told what becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
import gzip
import hashlib
import zlib

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.core import Context
from homeassistant.helpers import device_registry as dr
from PIL import Image
import pypdfium2
import pytest

from custom_components.lianke.const import CONF_DEFAULT_OPTIONS, LAN_PRINTER_PATH
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.model import (
    Attributes,
    IppCollection,
    IppTag,
    IppValue,
    Operation,
    Status,
)
from custom_components.lianke.jobs.job import JobState
from custom_components.lianke.jobs.rules import HOLD_REASONS
from custom_components.lianke.lan.printer.ipp_job_states import state_of
from custom_components.lianke.lan.printer.server import async_get_server
from custom_components.lianke.printing.print_action import job_dict
from tests.clock import Clock, until
from tests.documents.rasters import (
    GRAY,
    RGB,
    pack_rows,
    page_rows,
    pwg,
    pwg_header,
    urf,
    urf_header,
)
from tests.household import INKJET, LABELS, LASER, ask, came_out, data_of, device_of, sent
from tests.lan.asked_for import CLIENTS, NOT_ANSWERED
from tests.lan.conftest import PDF, LanPrinter, Offer, jobs_of
from tests.simulator import Outcome, Simulator, make_pdf

LAST = values.boolean(True)
TIMES = ("up", "state-change", "config-change")


def media_col(width: int, height: int, **members: str) -> Attributes:
    """Return a media-col of a size in 0.01 mm; members have _ for -."""
    return {
        "media-col": values.collection(
            {
                "media-size": values.collection(
                    {"x-dimension": values.integer(width), "y-dimension": values.integer(height)}
                ),
                **{name.replace("_", "-"): values.keyword(word) for name, word in members.items()},
            }
        )
    }


def collections(found: Iterable[IppValue]) -> list[IppCollection]:
    return [value.content for value in found if isinstance(value.content, Mapping)]


async def test_a_pdf_comes_out_as_asked(lan: LanPrinter) -> None:
    number = await lan.print(
        job={
            "copies": values.integer(2),
            "sides": values.keyword("two-sided-long-edge"),
            "page-ranges": values.number_range(2, 3),
            "print-quality": values.enum(5),
            "print-color-mode": values.keyword("monochrome"),
            "print-scaling": values.keyword("fit"),
            "orientation-requested": values.enum(4),
            **media_col(14800, 21000, media_source="manual", media_type="labels"),
        }
    )
    (printed,) = await came_out(lan.simulator)
    assert printed.name == "数学作业.pdf"
    assert printed.path.read_bytes() == PDF
    wanted = {
        "dmCopies": "2",
        "dmDuplex": "2",
        "jpPageRange": "2-3",
        "dmPrintQuality": "-3",
        "dmColor": "1",
        "jpScale": "fit",
        "dmOrientation": "2",
        "dmPaperSize": "11",
        "dmDefaultSource": "4",
        "dmMediaType": "258",
    }
    assert wanted.items() <= printed.options.items()
    reply = await lan.ended(number)
    assert reply.one("job-state") == 9
    assert reply.one("job-state-reasons") == "job-completed-successfully"
    assert reply.one("job-name") == "数学作业.pdf"
    assert reply.one("job-originating-user-name") == "iPhone von Anna"
    assert reply.one("job-impressions") == 2


async def test_a_jpeg_is_sent_as_it_is(
    lan: LanPrinter, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("picture") / "x.jpg"
    Image.new("RGB", (60, 40), "red").save(path)
    await lan.print(
        path.read_bytes(),
        document_format=values.mime_type("image/jpeg"),
        job_name=values.name("Urlaub"),
    )
    (printed,) = await came_out(lan.simulator)
    assert printed.name == "Urlaub.jpg"
    assert printed.path.read_bytes() == path.read_bytes()


async def test_a_compressed_document(lan: LanPrinter) -> None:
    packer = zlib.compressobj(wbits=-15)
    for word, packed in (
        ("gzip", gzip.compress(PDF)),
        ("deflate", packer.compress(PDF) + packer.flush()),
        ("deflate", zlib.compress(PDF)),
    ):
        await lan.print(packed, compression=values.keyword(word), job_name=values.name(str(packed)))
    for printed in await came_out(lan.simulator, 3):
        assert printed.path.read_bytes() == PDF


async def test_raster_pages_come_out_as_a_pdf(lan: LanPrinter) -> None:
    width, height = 248, 351
    lan.set_option(CONF_DEFAULT_OPTIONS, {"orientation": "landscape"})
    for step in (GRAY, RGB):
        rows = pack_rows(page_rows(width, height, step), step)
        for header, whole in ((pwg_header, pwg), (urf_header, urf)):
            page = header(width, height, step, 300) + rows
            kind = values.mime_type("image/urf" if whole is urf else "image/pwg-raster")
            # That is how the device has drawn them.
            lying: Attributes = {"orientation-requested": values.enum(4)} if step is RGB else {}
            await lan.print(whole(page, page), lying, document_format=kind)
    for printed in await came_out(lan.simulator, 4):
        assert printed.name == "数学作业.pdf"
        assert printed.options["dmOrientation"] == "1"
        assert printed.pages == 2
        document = pypdfium2.PdfDocument(printed.path)
        assert document[1].get_size() == pytest.approx((width * 0.24, height * 0.24), abs=0.01)
        document.close()


async def test_what_is_chunked_arrives(lan: LanPrinter) -> None:
    """In pieces of any size, the attributes cut anywhere, and only after a "100 Continue"."""
    body = lan.message(Operation.PRINT_JOB) + PDF

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    assert await lan.stream(pieces(), Expect="100-continue") == Status.OK
    (printed,) = await came_out(lan.simulator)
    assert printed.path.read_bytes() == PDF


async def test_a_job_made_first_gets_its_document_later(lan: LanPrinter) -> None:
    number = await lan.create({"copies": values.integer(3)}, job_name=values.name("Brief"))
    created = await lan.job(number)
    assert created.one("job-state") == 3
    assert created.one("job-state-reasons") == "job-data-insufficient"
    assert (await lan.ask(Operation.GET_JOBS)).jobs
    reply = await lan.send(number)
    assert reply.status == Status.OK
    assert reply.one("job-id") == number
    (printed,) = await came_out(lan.simulator)
    assert printed.options["dmCopies"] == "3"
    # Sent once more, as after an answer that was lost: it is not printed twice.
    reply = await lan.send(number)
    assert reply.status == Status.MULTIPLE_DOCUMENTS_NOT_SUPPORTED
    for operation in (Operation.SEND_DOCUMENT, Operation.CLOSE_JOB):
        reply = await lan.ask(operation, job_id=values.integer(number), last_document=LAST)
        assert reply.status == Status.OK
    await lan.ended(number)
    await came_out(lan.simulator)


async def test_documents_that_come_in_the_wrong_order(lan: LanPrinter) -> None:
    """Each is printed once, for its own job and in the order of arrival, or it is refused."""
    assert (await lan.send(12345)).status == Status.NOT_FOUND
    first, second, third = [await lan.create({"copies": values.integer(n)}) for n in (2, 3, 4)]
    assert (await lan.send(second, PDF + b"\n")).status == Status.OK
    # A first document that is said not to be the last: the next one is refused, and only ends the job if it is empty.
    job_id, more = values.integer(first), values.boolean(False)
    one = await lan.ask(Operation.SEND_DOCUMENT, document=PDF, job_id=job_id, last_document=more)
    assert one.status == Status.OK
    for document, status in (
        (PDF + b"\n\n", Status.MULTIPLE_DOCUMENTS_NOT_SUPPORTED),
        (b"", Status.OK),
    ):
        two = await lan.ask(
            Operation.SEND_DOCUMENT, document=document, job_id=job_id, last_document=LAST
        )
        assert two.status == status
    # After its job was closed.
    assert (await lan.ask(Operation.CLOSE_JOB, job_id=values.integer(third))).status == Status.OK
    assert (await lan.send(third)).status == Status.NOT_POSSIBLE
    printed = await came_out(lan.simulator, 2)
    assert [one.options["dmCopies"] for one in printed] == ["3", "2"]
    assert [one.path.read_bytes() for one in printed] == [PDF + b"\n", PDF]


async def test_a_document_while_the_first_arrives(lan: LanPrinter) -> None:
    """It is refused, and does not take the place of the first."""
    number = await lan.create()
    going = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        job_id = values.integer(number)
        yield lan.message(Operation.SEND_DOCUMENT, job_id=job_id, last_document=LAST) + PDF[:99]
        await going.wait()
        yield PDF[99:]

    sending = asyncio.create_task(lan.stream(slow()))
    pending = async_get_server(lan.hass).pending[lan.token]
    await until(lambda: [job.is_receiving for job in pending.all] == [True])
    refused = await lan.send(number, PDF + b"\n")
    assert refused.status == Status.MULTIPLE_DOCUMENTS_NOT_SUPPORTED
    going.set()
    assert await sending == Status.OK
    (printed,) = await came_out(lan.simulator)
    assert printed.path.read_bytes() == PDF


async def test_a_job_without_a_document_ends(lan: LanPrinter) -> None:
    number = await lan.create()
    job_id = values.integer(number)
    reply = await lan.ask(Operation.SEND_DOCUMENT, job_id=job_id, last_document=LAST)
    assert reply.status == Status.BAD_REQUEST
    ended = await lan.job(number)
    assert (ended.one("job-state"), ended.one("job-state-reasons")) == (8, "aborted-by-system")
    reply = await lan.send(number)
    assert reply.status == Status.NOT_POSSIBLE
    reply = await lan.ask(Operation.CANCEL_JOB, job_id=job_id)
    assert reply.status == Status.NOT_POSSIBLE


async def test_a_printer_that_is_off_takes_jobs(lan: LanPrinter) -> None:
    """They wait here, and the device is told why; cancelled there, they are cancelled here."""
    await lan.switch_off()
    printer = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert printer.one("printer-state", IppTag.PRINTER) == 3
    assert printer.one("printer-state-reasons", IppTag.PRINTER) == "offline-report"
    assert printer.one("printer-is-accepting-jobs", IppTag.PRINTER) is True
    number = await lan.print()
    reply = await lan.job(number)
    assert (reply.one("job-state"), reply.one("job-state-reasons")) == (3, "printer-stopped")
    assert reply.one("job-state-message")
    printer = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert printer.one("queued-job-count", IppTag.PRINTER) == 1
    (job,) = jobs_of(lan)
    assert job.state is JobState.HELD
    assert job.source == "iPhone von Anna · 127.0.0.1"
    assert job_dict(job)["source"] == job.source
    assert (await lan.ask(Operation.CANCEL_JOB, job_id=values.integer(number))).status == Status.OK
    assert (await lan.job(number)).one("job-state") == 7
    assert jobs_of(lan)[0].state is JobState.CANCELED
    assert sent(lan.simulator) == 0


async def test_cancelled_here_it_is_cancelled_there(lan: LanPrinter) -> None:
    await lan.switch_off()
    number = await lan.print()
    await lan.data.queue.async_cancel(jobs_of(lan)[0].job_id)
    reply = await lan.job(number)
    assert (reply.one("job-state"), reply.one("job-state-reasons")) == (7, "job-canceled-by-user")


async def test_a_failure_is_told(lan: LanPrinter) -> None:
    lan.simulator.cloud.plan(lan.simulator.box.printer(1), Outcome(code=502, msg="文件转换失败"))
    reply = await lan.ended(await lan.print())
    assert (reply.one("job-state"), reply.one("job-state-reasons")) == (8, "aborted-by-system")


async def test_an_unknown_member_costs_none_of_the_others(
    offer: Offer, simulator: Simulator
) -> None:
    """Photo paper of a size that is named comes out, whatever else is said of it."""
    lan = await offer(INKJET)
    asked = media_col(10160, 15240, media_type="photographic", media_source="auto")
    (known_members,) = collections(asked["media-col"])
    source = values.keyword("tray-99")
    strange: Attributes = {
        "media-col": values.collection(
            {
                "media-color": values.keyword("white"),
                "media-thickness": values.integer(200),
                **known_members,
                "media-source": source,
            }
        )
    }
    wanted = {
        "media-color": values.UNSUPPORTED,
        "media-thickness": values.UNSUPPORTED,
        "media-source": source,
    }
    fidelity = values.boolean(True)
    reply = await lan.ask(Operation.PRINT_JOB, strange, PDF, ipp_attribute_fidelity=fidelity)
    assert reply.status == Status.ATTRIBUTES_NOT_SUPPORTED
    assert reply.unsupported == {"media-col": values.collection(wanted)}
    assert sent(simulator) == 0
    reply = await lan.ask(Operation.PRINT_JOB, strange, PDF)
    assert reply.status == Status.OK_SUBSTITUTED
    assert reply.unsupported == {"media-col": values.collection(wanted)}
    (printed,) = await came_out(simulator)
    known = data_of(lan.entry).storage.printers[lan.key]
    photo = next(paper for paper in known.papers if paper.width == 1016)
    assert printed.options["dmPaperSize"] == str(photo.paper_id)
    assert printed.options["dmMediaType"] == "260"


@pytest.mark.parametrize(
    ("by", "asked"), [("size", {"orientation-requested": values.enum(3)}), ("name", {})]
)
async def test_a_lying_size_is_a_paper_that_is_turned(
    offer: Offer, simulator: Simulator, by: str, asked: Attributes
) -> None:
    """A lying photo of 15 by 10 cm comes out on 4 by 6 inches, and fills it."""
    lan = await offer(INKJET)
    size: Attributes = (
        media_col(15000, 10000)
        if by == "size"
        else {"media": values.keyword("om_small-photo_150x100mm")}
    )
    fidelity = values.boolean(True)
    reply = await lan.ask(
        Operation.PRINT_JOB, {**size, **asked}, PDF, ipp_attribute_fidelity=fidelity
    )
    assert reply.status == Status.OK
    # Pages that a device has drawn lying lie, too.
    rows = pack_rows(page_rows(1772, 1181, RGB), RGB)
    page = pwg_header(1772, 1181, RGB, 300) + rows
    await lan.print(pwg(page), size, document_format=values.mime_type("image/pwg-raster"))
    for printed in await came_out(simulator, 2):
        assert printed.options["dmPaperSize"] == "257"
        assert printed.options["dmOrientation"] == "2"


async def test_a_lying_size_of_a_printer_that_turns_nothing(lan: LanPrinter) -> None:
    """The paper is right; the orientation, which its driver does not know, is the printer's own."""
    storage = lan.data.storage
    known = storage.printers[lan.key]
    assert known.capabilities is not None
    upright = replace(known.capabilities, orientations=frozenset({1}))
    storage.printers[lan.key] = replace(known, capabilities=upright)
    await lan.print(job=media_col(21000, 14800))
    (printed,) = await came_out(lan.simulator)
    assert printed.options["dmPaperSize"] == "11"
    assert printed.options["dmOrientation"] == "1"


async def test_every_paper_is_ready(offer: Offer, simulator: Simulator) -> None:
    """Each with a source of its own, since iPhones show one size of a source; what they choose comes out."""
    lan = await offer(INKJET)
    printer = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert printer.many("media-ready") == printer.many("media-supported")
    ready = printer.printer["media-col-ready"]
    default = printer.printer["media-col-default"]
    assert ready[0] == default[0]
    names = printer.many("media-ready")
    assert len(ready) == len(names) > 3
    sources = [col["media-source"][0].content for col in collections(ready)]
    assert len(set(sources)) == len(ready)
    at = names.index("na_index-4x6_4x6in")
    fidelity = values.boolean(True)
    chosen: Attributes = {"media-col": (ready[at],)}
    reply = await lan.ask(Operation.PRINT_JOB, chosen, PDF, ipp_attribute_fidelity=fidelity)
    assert reply.status == Status.OK
    (printed,) = await came_out(simulator)
    assert printed.options["dmPaperSize"] == "257"
    assert sources[at] not in printer.many("media-source-supported")


async def test_what_clients_ask_for_is_there(offer: Offer) -> None:
    for printer, kinds in (
        (LASER, ["document"]),
        (LABELS, ["label"]),
        (INKJET, ["document", "photo"]),
    ):
        lan = await offer(printer)
        for name, client in CLIENTS.items():
            wanted = values.keyword(*client.names)
            reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES, requested_attributes=wanted)
            assert {*reply.printer} == client.names - {*NOT_ANSWERED}, f"{name}: {client.source}"
            assert all(reply.printer.values())
        assert (await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)).many("printer-kind") == kinds
    assert set(NOT_ANSWERED) <= {name for client in CLIENTS.values() for name in client.names}


async def test_its_address_names_the_port(lan: LanPrinter) -> None:
    for host, named in (("ha.local", "ha.local:80"), ("[fd00::5]:8123", "[fd00::5]:8123")):
        lan.headers["Host"] = host
        reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
        address = reply.one("printer-uri-supported", IppTag.PRINTER)
        assert address == f"ipp://{named}{LAN_PRINTER_PATH}/{lan.token}"


async def test_when_something_changed(clock: Clock, lan: LanPrinter) -> None:
    """The state when the printer was switched off, what is offered when its name changed; each alone."""

    async def changed() -> list[int]:
        reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
        times = [reply.one(f"printer-{name}-time", IppTag.PRINTER) for name in TIMES]
        return [time for time in times if isinstance(time, int)]

    up, state, config = await changed()
    assert (state, config) == (1, 1)
    clock.tick(50)
    await lan.switch_off()
    clock.tick(1000)
    later, state, config = await changed()
    assert up + 49 <= state < up + 500
    assert later >= up + 1050
    assert config == 1
    device = device_of(lan.hass, LASER)
    dr.async_get(lan.hass).async_update_device(device, name_by_user="Drucker")
    now, same, config = await changed()
    assert same == state
    assert later <= config <= now


async def test_jobs_that_cannot_be_listed(lan: LanPrinter) -> None:
    asked = values.keyword("fetchable")
    reply = await lan.ask(Operation.GET_JOBS, which_jobs=asked)
    assert reply.status == Status.ATTRIBUTES_NOT_SUPPORTED
    assert reply.unsupported == {"which-jobs": asked}


async def test_no_job_that_waits_is_lost_to_cups(lan: LanPrinter) -> None:
    """It takes a job that is held for one that is over, whatever it is held for."""
    await lan.switch_off()
    await lan.print()
    (job,) = jobs_of(lan)
    told = {
        reason: state_of(job.changed(hold_reason=None if reason == "none" else reason))
        for reason in HOLD_REASONS
    }
    assert {state for state, _ in told.values()} == {3, 6}
    assert told["getting_ready"] == told["box_offline"] == (3, "printer-stopped")
    assert told["quiet_hours"] == (3, "job-hold-until-specified")
    assert told["approval"] == (3, "job-held-for-authorization")
    assert told["turn_paper"] == (6, "job-suspended")
    assert told["cloud_unreachable"] == (3, "resources-are-not-ready")


async def test_what_every_printer_can_do(lan: LanPrinter) -> None:
    """Many clients name what goes without saying; any other value of it is refused."""
    asked: Attributes = {
        "job-hold-until": values.keyword("no-hold"),
        "job-sheets": values.keyword("none"),
        "number-up": values.integer(1),
        "print-color-mode": values.keyword("auto"),
    }
    fidelity = values.boolean(True)
    reply = await lan.ask(Operation.PRINT_JOB, asked, PDF, ipp_attribute_fidelity=fidelity)
    assert reply.status == Status.OK
    await came_out(lan.simulator)
    printer = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert all(asked[name][0] in printer.printer[f"{name}-supported"] for name in asked)
    other: Attributes = {
        "job-hold-until": values.keyword("night"),
        "job-sheets": values.keyword("standard"),
        "number-up": values.boolean(True),
    }
    reply = await lan.ask(Operation.VALIDATE_JOB, other)
    assert reply.unsupported == other


async def test_what_cannot_be_done_as_asked(lan: LanPrinter) -> None:
    asked: Attributes = {
        "copies": values.integer(100),
        "media": values.keyword("iso_a3_297x420mm"),
        "print-color-mode": values.keyword("color"),
        "page-ranges": values.number_range(3, 2),
        "job-priority": values.integer(50),
        "sides": values.keyword("two-sided-short-edge"),
    }
    reply = await lan.ask(
        Operation.PRINT_JOB, asked, PDF, ipp_attribute_fidelity=values.boolean(True)
    )
    assert reply.status == Status.ATTRIBUTES_NOT_SUPPORTED
    refused = {"copies", "media", "print-color-mode", "page-ranges", "job-priority"}
    assert set(reply.unsupported) == refused
    assert reply.unsupported["job-priority"] == values.UNSUPPORTED
    assert sent(lan.simulator) == 0
    reply = await lan.ask(Operation.PRINT_JOB, asked, PDF)
    assert reply.status == Status.OK_SUBSTITUTED
    assert set(reply.unsupported) == refused
    (printed,) = await came_out(lan.simulator)
    assert printed.options["dmCopies"] == "1"
    assert printed.options["dmDuplex"] == "3"


async def test_a_label_printer_offers_its_labels(offer: Offer, simulator: Simulator) -> None:
    lan = await offer(LABELS)
    reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert reply.many("media-supported") == [
        "om_60x40mm_60x40mm",
        "om_100x100mm_100x100mm",
        "om_100x150mm_100x150mm",
    ]
    assert reply.many("sides-supported") == ["one-sided"]
    await lan.print(make_pdf(1), {"media": values.keyword("om_100x150mm_100x150mm")})
    (printed,) = await came_out(simulator)
    assert printed.options["dmPaperSize"] == "302"


async def test_a_photo_lies_on_the_paper_for_photos(offer: Offer, simulator: Simulator) -> None:
    """Paper of 10 by 15 cm is sold as paper of 4 by 6 inches as well: it is not printed on A4."""
    lan = await offer(INKJET)
    for number, asked in enumerate(
        (
            {"media": values.keyword("om_small-photo_100x150mm")},
            {"media": values.keyword("om_100x150mm_100x150mm")},
            {"media": values.keyword("na_index-4x6_4x6in")},
            media_col(10000, 15000),
            media_col(10160, 15240),
        )
    ):
        reply = await lan.ask(Operation.PRINT_JOB, asked, make_pdf(1, str(number)))
        assert reply.status == Status.OK
    papers = {str(one["paper_id"]): one for one in simulator.box.network_printer().papers.values()}
    for printed in await came_out(simulator, 5):
        assert papers[printed.options["dmPaperSize"]]["physical_width"] == 1016


async def test_a_colour_printer_says_so(offer: Offer) -> None:
    lan = await offer(INKJET)
    reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    assert reply.one("color-supported", IppTag.PRINTER) is True
    assert reply.many("print-color-mode-supported") == ["auto", "color", "monochrome"]
    assert "na_index-4x6_4x6in" in reply.many("media-supported")
    assert "SRGB24" in reply.many("urf-supported")
    assert reply.many("marker-levels") == [72, 40, 55, 8]
    assert reply.many("marker-low-levels") == [15] * 4
    assert reply.many("marker-high-levels") == [100] * 4
    assert "media-col-database" not in reply.printer
    reply = await lan.ask(
        Operation.GET_PRINTER_ATTRIBUTES,
        requested_attributes=values.keyword("media-col-database"),
    )
    assert set(reply.printer) == {"media-col-database"}


async def test_the_printers_state_is_told(lan: LanPrinter) -> None:
    printer = lan.simulator.box.printer(1)
    for name, value, state, reason in (
        ("raw_state", "paperJam", 5, "media-jam-error"),
        ("raw_state", "headOpened", 5, "cover-open-error"),
        ("raw_state", "pause", 5, "paused"),
        ("raw_state", None, 3, "none"),
        ("paper", 0, 5, "media-empty-error"),
        ("plugged", False, 3, "offline-report"),
    ):
        setattr(printer, name, value)
        await lan.data.coordinator.async_refresh()
        async with asyncio.timeout(60):
            while True:
                reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
                if reply.one("printer-state-reasons", IppTag.PRINTER) == reason:
                    break
                await asyncio.sleep(0.05)
        assert reply.one("printer-state", IppTag.PRINTER) == state
        assert reply.one("printer-state-message", IppTag.PRINTER)
        assert reply.one("printer-is-accepting-jobs", IppTag.PRINTER) is True


async def test_the_event_names_the_device(lan: LanPrinter) -> None:
    await lan.ended(await lan.print())
    states = [state for state in lan.hass.states.async_all("event") if "source" in state.attributes]
    assert [state.attributes["source"] for state in states] == ["iPhone von Anna · 127.0.0.1"]


async def test_the_picture_of_the_printer(lan: LanPrinter) -> None:
    reply = await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)
    icon = reply.one("printer-icons", IppTag.PRINTER)
    assert isinstance(icon, str)
    async with lan.session.get(icon) as answer:
        assert answer.status == 200
        assert (await answer.read()).startswith(b"\x89PNG")


async def test_numbers_of_jobs_outlive_a_restart(lan: LanPrinter) -> None:
    await lan.switch_off()
    number = await lan.print()
    assert await lan.hass.config_entries.async_reload(lan.entry.entry_id)
    assert (await lan.job(number)).one("job-name") == "数学作业.pdf"


def code(sent_code: bytes, encryption: str | None = None) -> Attributes:
    encrypted = (
        {} if encryption is None else {"job_password_encryption": values.keyword(encryption)}
    )
    return {"job_password": values.octets(sent_code), **encrypted}


async def test_a_code_of_the_print_dialog(lan: LanPrinter) -> None:
    offered = (await lan.ask(Operation.GET_PRINTER_ATTRIBUTES)).printer
    assert offered["job-password-encryption-supported"] == values.keyword("none", "sha2-256")
    assert offered["job-password-supported"] == values.integer(64)
    hashed = hashlib.sha256(b"4711").digest()
    codes = [code(b"4711"), code(b"4711", "none"), code(hashed, "sha2-256")]
    for one in codes:
        answer = await lan.ask(Operation.PRINT_JOB, None, PDF, **one)
        assert answer.one("job-state") == 3
        assert answer.one("job-state-reasons") == "job-release-wait"
        job = jobs_of(lan)[0]
        assert (job.current_delivery.hold_reason, job.needs_code) == ("release", True)
    await lan.send(await lan.create(None, **codes[2]))
    assert all(one.needs_code for one in jobs_of(lan))
    assert not sent(lan.simulator)
    user = await lan.hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
    for job in jobs_of(lan):
        data = {"job_id": job.job_id, "code": "4711"}
        await ask(lan.hass, "continue_job", Context(user_id=user.id), **data)
    await came_out(lan.simulator, 4)


async def test_codes_that_cannot_be_used(lan: LanPrinter) -> None:
    for wrong in (
        code(b"4711", "md5"),
        code(b"471"),
        code(b"1" * 65),
        code(b""),
        code(b"", "sha2-256"),
    ):
        for operation in (Operation.VALIDATE_JOB, Operation.PRINT_JOB, Operation.CREATE_JOB):
            answer = await lan.ask(operation, None, PDF, **wrong)
            assert answer.status == Status.ATTRIBUTES_NOT_SUPPORTED
            assert "job-password" in answer.unsupported
    assert not sent(lan.simulator)
    assert not jobs_of(lan)
