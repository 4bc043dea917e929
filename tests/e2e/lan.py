"""A device of the home network that prints on a whole Home Assistant."""

from collections.abc import AsyncIterator, Iterable

from aiohttp import ClientSession

from custom_components.lianke.const import LAN_PRINTER_PATH
from custom_components.lianke.ipp import model as values
from custom_components.lianke.ipp.codec import decode, encode
from custom_components.lianke.ipp.model import (
    IppGroup,
    IppMessage,
    IppTag,
    IppValue,
    Operation,
    Status,
)

from .hass import RealHomeAssistant
from .home import PRINTER


async def offer(home: RealHomeAssistant, entry_id: str) -> str:
    """Offer the laser printer to the home network in the options, as a user does; return its address."""
    flow = await home.start_options(entry_id)
    flow = await home.submit_options(flow, {"next_step_id": "lan_printers"})
    # If there are scanners, the form has another field for them.
    field = next(one for one in flow["data_schema"] if one["name"] == "lan_printers")
    choices = field["selector"]["select"]["options"]
    key = next(choice["value"] for choice in choices if choice["label"] == PRINTER)
    flow = await home.submit_options(flow, {"lan_printers": [key]})
    address = str(flow["description_placeholders"]["addresses"]).split("`")[1]
    flow = await home.submit_options(flow, {})
    assert flow["type"] == "create_entry", flow
    return f"{home.url}{LAN_PRINTER_PATH}/{address.rpartition('/')[2]}"


async def send(
    session: ClientSession, url: str, document: Iterable[bytes], name: str, user: str
) -> int:
    """Send a document and return the job's number."""
    attributes = {
        "attributes-charset": (IppValue(IppTag.CHARSET, "utf-8"),),
        "attributes-natural-language": (IppValue(IppTag.LANGUAGE, "en"),),
        "printer-uri": values.uri(url.replace("http", "ipp", 1)),
        "requesting-user-name": values.name(user),
        "job-name": values.name(name),
    }
    head = encode(
        IppMessage(
            code=Operation.PRINT_JOB,
            request_id=1,
            groups=(IppGroup(tag=IppTag.OPERATION, attributes=attributes),),
        )
    )

    async def body() -> AsyncIterator[bytes]:
        yield head
        for part in document:
            yield part

    headers = {"Content-Type": "application/ipp"}
    async with session.post(url, data=body(), headers=headers) as answer:
        assert answer.status == 200
        message, _ = decode(await answer.read())
    assert message.code == Status.OK, message
    number = message.group(IppTag.JOB)["job-id"][0].content
    assert isinstance(number, int)
    return number
