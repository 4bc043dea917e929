"""Redacts texts that users pass on: secrets, and what shows who they are, where they live or what they print."""

from collections.abc import Mapping
from ipaddress import ip_address
import re
from typing import Any

from homeassistant.components.diagnostics import REDACTED
from homeassistant.const import CONF_API_KEY, CONF_DEVICE_ID, CONF_WEBHOOK_ID

from ..const import CONF_DEVICE_KEY
from ..runtime import LiankeConfigEntry

# Patterns that are redacted in every text: web, email, MAC and IPv4 addresses, and file names.
_SHAPES = re.compile(
    r"https?://[^\s\"'<>]{1,2000}"
    r"|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64}"
    r"|\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"
    r"|(?:[^\s/\\\"'“”‘’《》:：,，()（）.]{0,200}\.){1,20}"
    r"(?:pdf|docx?|xlsx?|pptx?|txt|csv|md|html?|jpe?g|png|bmp|gif|tiff?|webp|heic|ofd|prn|wps|et|dps)\b",
    re.IGNORECASE,
)
_MAYBE_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,45}(?:%\w{1,16})?(?![\w:])")
# Minimum characters of a title that is redacted, since a shorter title may be an ordinary word of the report.
_MIN_TITLE = 3


def without_titles(entry: LiankeConfigEntry, text: str) -> str:
    """Return a text with the titles of documents redacted, since the service's messages may quote titles."""
    titles = {
        part
        for job in entry.runtime_data.queue.jobs()
        for title in (job.spec.title, job.current_delivery.document.name)
        for part in (title, title.rpartition(".")[0])
        if len(part) >= _MIN_TITLE
    }
    # Replace longer titles first, since a shorter title may be a part of a longer one.
    for title in sorted(titles, key=len, reverse=True):
        text = text.replace(title, REDACTED)
    return text


def secrets_of(entry: LiankeConfigEntry) -> list[str]:
    """Return the entry's secrets, which may occur in any text of a report."""
    return [
        str(entry.data[name])
        for name in (CONF_API_KEY, CONF_DEVICE_ID, CONF_DEVICE_KEY, CONF_WEBHOOK_ID)
    ]


def scrubbed(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: scrubbed(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item, secrets) for item in value]
    if isinstance(value, str) and value != REDACTED:
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        value = _MAYBE_IPV6.sub(_without_ipv6, _SHAPES.sub(REDACTED, value))
    return value


def _without_ipv6(found: re.Match[str]) -> str:
    """Redact an IPv6 address; keep any other text that resembles an address, such as a time of day."""
    try:
        ip_address(found[0])
    except ValueError:
        return found[0]
    return REDACTED
