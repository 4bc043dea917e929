"""Announce printers and scanners to the home network through Home Assistant's shared zeroconf (Bonjour)."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
import logging
from typing import Final, NamedTuple

from homeassistant.components import network, zeroconf
from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.util.network import is_link_local, is_local, is_loopback
from zeroconf import BadTypeInNameException, Error
from zeroconf.asyncio import AsyncServiceInfo

from ..const import DOMAIN, ScanColor, ScanSource
from ..escl.messages import ESCL_VERSION, SCAN_FORMATS
from ..ipp.model import shortened
from ..runtime import LiankeConfigEntry
from ..scanner.hub import SIGNAL_SCANNERS, async_get_hub, scanner_device
from ..scanner.scanner_abilities import ScannerAbilities
from .printer.printer_attributes import ANY_FORMAT, DOCUMENT_FORMATS, MOPRIA_VERSION, urf_keywords
from .printer.profile import Profile, largest_paper, location_of, make_printer_profile, printer_uuid
from .printer.server import ICON_NAME, OfferedPrinter, async_get_server, offered_printers
from .scanner.network_scanner import OfferedScanner, colors_of, has_source, offered_scanners

_LOGGER = logging.getLogger(__name__)

ZEROCONF: Final = "zeroconf"
IPP: Final = "_ipp._tcp.local."
IPPS: Final = "_ipps._tcp.local."
USCAN: Final = "_uscan._tcp.local."
USCANS: Final = "_uscans._tcp.local."
# AirPrint looks for `_universal`, IPP Everywhere for `_print`.
SUBTYPES: Final = ("_universal._sub.", "_print._sub.")
# Maximum bytes of a service's name, which is a single DNS label.
MAX_SERVICE_NAME_BYTES: Final = 63
# Maximum bytes of a value in the TXT record. An entry, which is the key with its value, may have 255 bytes.
MAX_TXT_VALUE_BYTES: Final = 200
_COLOR_SPACES: Final = {
    ScanColor.COLOR: "color",
    ScanColor.GRAY: "grayscale",
    ScanColor.MONO: "binary",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """The data with which a printer or scanner is announced. Only a change of this data causes a new announcement."""

    kind: str
    name: str
    host: str
    port: int
    addresses: tuple[str, ...]
    text: tuple[tuple[str, str], ...]
    subtypes: tuple[str, ...] = ()

    def services(self, name: str | None = None) -> list[AsyncServiceInfo]:
        """Build the main service; or, with the `name` that zeroconf gave this service, the services of its subtypes."""
        instance = name or f"{self.name}.{self.kind}"
        kinds = [self.kind] if name is None else [f"{sub}{self.kind}" for sub in self.subtypes]
        services = []
        for kind in kinds:
            service = AsyncServiceInfo(
                kind,
                instance,
                port=self.port,
                properties=dict(self.text),
                server=self.host,
                parsed_addresses=list(self.addresses),
            )
            if kind != self.kind:
                # Zeroconf's registry tells services apart by this key alone, and all types share one instance name.
                service.key = f"{kind}{service.key}"
            services.append(service)
        return services


class WebServerAddress(NamedTuple):
    """The address at which the home network reaches Home Assistant's web server."""

    port: int
    addresses: tuple[str, ...]
    secure: bool

    @property
    def page(self) -> str:
        """The URL of this integration's page in Home Assistant."""
        address = self.addresses[0]
        host = address if ":" not in address else f"[{address}]"
        scheme = "https" if self.secure else "http"
        return f"{scheme}://{host}:{self.port}/config/integrations/integration/{DOMAIN}"

    def announcement(
        self, kind: str, name: str, host: str, text: dict[str, str], subtypes: tuple[str, ...] = ()
    ) -> Announcement:
        """Make an announcement. `host` completes the host name, `lianke-HOST.local.`, and must be unique."""
        return Announcement(
            kind=kind,
            name=_label(name),
            host=f"{DOMAIN}-{host}.local.",
            port=self.port,
            addresses=self.addresses,
            text=tuple((key, shortened(value, MAX_TXT_VALUE_BYTES)) for key, value in text.items()),
            subtypes=subtypes,
        )


async def async_web_server_address(hass: HomeAssistant) -> WebServerAddress | None:
    """Return the web server's address in the home network, None if the home network cannot reach the server."""
    if (server := hass.config.api) is None:
        return None
    addresses = _home_addresses(
        await network.async_get_announce_addresses(hass), hass.http.server_host or ()
    )
    return WebServerAddress(server.port, addresses, server.use_ssl) if addresses else None


class Announcer:
    """Keeps the announcements of one box in step with its options, printers and scanners."""

    def __init__(self, hass: HomeAssistant, entry: LiankeConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._announced: dict[str, tuple[Announcement, list[AsyncServiceInfo]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_due = False

    @callback
    def start(self) -> None:
        """Follow everything that may change an announcement, until the entry is unloaded."""
        hass, entry = self._hass, self._entry
        for stop in (
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._on_entry),
            entry.runtime_data.coordinator.async_add_listener(self._update),
            hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._update),
            hass.config_entries.flow.async_subscribe_flow(self._on_discovery),
            async_dispatcher_connect(hass, SIGNAL_SCANNERS, self._update),
            self._async_stop,
        ):
            entry.async_on_unload(stop)
        self._update()

    @callback
    def _on_discovery(self, change: str, _flow_id: str) -> None:
        # Dismiss later, so that all other listeners learn of the new flow before it ends.
        if change != "removed":
            self._hass.loop.call_soon(self._dismiss_discoveries)

    @callback
    def _dismiss_discoveries(self) -> None:
        """Dismiss the discovery flows that Home Assistant's IPP integration starts for our own printers."""
        ours = {str(printer_uuid(offered.token)) for offered in offered_printers(self._entry)}
        self._hass.config_entries.flow.async_dismiss_discovery_flows(
            ZeroconfServiceInfo, lambda found: found.properties.get("UUID") in ours
        )

    @callback
    def _on_entry(self, _change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry is self._entry:
            self._update()

    @callback
    def _update(self, _event: object = None) -> None:
        """Note the times of changes in the states of printers, and schedule an update of the announcements."""
        printers = self._entry.runtime_data.coordinator.data.printers
        for offered in offered_printers(self._entry):
            if (view := printers.get(offered.printer_key)) is not None:
                async_get_server(self._hass).changes.since((offered.token, "state"), view.status)
        if ZEROCONF not in self._hass.config.components:
            return
        scanners = offered_scanners(self._hass, self._entry)
        if not self._announced and not scanners and not offered_printers(self._entry):
            return
        self._is_due = True
        if self._task is None or self._task.done():
            self._task = self._entry.async_create_background_task(
                self._hass, self._async_run(), f"announce printers of {self._entry.title}"
            )

    async def _async_run(self) -> None:
        while self._is_due:
            self._is_due = False
            wanted = await self._async_wanted()
            for token in [token for token in self._announced if token not in wanted]:
                await self._async_withdraw(token)
            for token, record in wanted.items():
                known = self._announced.get(token)
                if known is None or known[0] != record:
                    await self._async_withdraw(token)
                    await self._async_announce(token, record)

    async def _async_wanted(self) -> dict[str, Announcement]:
        hass, entry = self._hass, self._entry
        coordinator = entry.runtime_data.coordinator
        if (place := await async_web_server_address(hass)) is None:
            return {}
        hub = async_get_hub(hass, entry)
        # An announcement lists what a scanner can do, which is unknown until the service has listed the scanners.
        offered_now = offered_scanners(hass, entry) if hub.is_listed else ()
        scanners = {one: hub.scanners[one.scanner_id].name for one in offered_now}
        wanted: dict[str, Announcement] = {}
        for offered in offered_printers(entry):
            # Capabilities are cached for a week, so this seldom asks the service.
            await coordinator.capabilities.get(offered.printer_key)
            if known := entry.runtime_data.storage.printers.get(offered.printer_key):
                profile = make_printer_profile(hass, entry, known, offered.token)
                scans = profile.model in scanners.values()
                wanted[offered.token] = printer_announcement(offered, profile, place, scans=scans)
        for scanner, model in scanners.items():
            device = scanner_device(hass, entry, scanner.scanner_id)
            wanted[scanner.token] = scanner_announcement(
                scanner,
                model,
                hub.abilities(scanner.scanner_id),
                place,
                name=(device and (device.name_by_user or device.name)) or model,
                location=location_of(hass, device),
            )
        return wanted

    async def _async_announce(self, token: str, record: Announcement) -> None:
        shared = await zeroconf.async_get_async_instance(self._hass)
        services: list[AsyncServiceInfo] = []
        self._announced[token] = (record, services)
        try:
            (main,) = record.services()
            # Zeroconf renames a printer to "Name-2" if a printer of another box or maker already has its name. If two
            # printers looked for a free name at the same time, they would not see each other, so they take turns.
            async with async_get_server(self._hass).naming:
                sent = [await shared.async_register_service(main, allow_name_change=True)]
            services.append(main)
            for service in record.services(main.name):
                services.append(service)
                sent.append(
                    await shared.async_register_service(service, cooperating_responders=True)
                )
            await asyncio.gather(*sent)
        except (BadTypeInNameException, Error, OSError) as err:
            _LOGGER.warning("A printer cannot be announced to the home network: %r", err)

    async def _async_withdraw(self, token: str) -> None:
        _, services = self._announced.pop(token, (None, []))
        if not services:
            return
        shared = await zeroconf.async_get_async_instance(self._hass)
        with suppress(Error, OSError):
            await asyncio.gather(
                *[await shared.async_unregister_service(service) for service in services]
            )

    async def _async_stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for token in list(self._announced):
            await self._async_withdraw(token)


def printer_announcement(
    offered: OfferedPrinter, profile: Profile, place: WebServerAddress, *, scans: bool = False
) -> Announcement:
    """Return a printer's announcement, whose TXT record has the keys that AirPrint and Mopria need."""
    text = {
        "txtvers": "1",
        "qtotal": "1",
        "priority": "50",
        "rp": offered.path.removeprefix("/"),
        "ty": profile.model,
        "product": f"({profile.model})",
        "note": profile.location,
        "pdl": ",".join(kind for kind in DOCUMENT_FORMATS if kind != ANY_FORMAT),
        "URF": ",".join(urf_keywords(profile)),
        "UUID": str(profile.uuid),
        "Color": "T" if profile.color else "F",
        "Duplex": "T" if profile.two_sided else "F",
        "Copies": "T",
        "Scan": "T" if scans else "F",
        "Fax": "F",
        "PaperMax": largest_paper(profile.media),
        "kind": ",".join(profile.kinds),
        "mopria-certified": MOPRIA_VERSION,
        "usb_MFG": profile.maker,
        "usb_MDL": profile.model,
        "adminurl": place.page,
        "air": "none",
        **({"TLS": "1.2"} if place.secure else {}),
    }
    kind, host = IPPS if place.secure else IPP, profile.uuid.hex[:12]
    return place.announcement(kind, profile.name, host, text, SUBTYPES)


def scanner_announcement(
    offered: OfferedScanner,
    model: str,
    able: ScannerAbilities,
    place: WebServerAddress,
    *,
    name: str,
    location: str,
) -> Announcement:
    """Return a scanner's announcement, whose TXT record has the keys that AirScan and Mopria need."""
    sources = {"platen": ScanSource.GLASS, "adf": ScanSource.FEEDER}
    text = {
        "txtvers": "1",
        "vers": ESCL_VERSION,
        "rs": offered.path.removeprefix("/"),
        "ty": model,
        "note": location,
        "pdl": ",".join(SCAN_FORMATS),
        "cs": ",".join(_COLOR_SPACES[mode] for mode in colors_of(able)),
        "is": ",".join(word for word, source in sources.items() if has_source(able, source)),
        "duplex": "T" if able.duplex else "F",
        "uuid": offered.uuid,
        "adminurl": place.page,
        "representation": f"{place.page.partition('/config')[0]}{offered.path}/{ICON_NAME}",
        "mopria-certified-scan": MOPRIA_VERSION,
    }
    host = offered.uuid.rpartition("-")[2]
    return place.announcement(USCANS if place.secure else USCAN, name, host, text)


def _label(name: str) -> str:
    """Turn a name into a valid DNS label that leaves room for the number that zeroconf may add."""
    plain = "".join(letter if letter.isprintable() and letter != "." else " " for letter in name)
    return shortened(" ".join(plain.split()), MAX_SERVICE_NAME_BYTES - 4).strip() or DOMAIN


def _home_addresses(addresses: Iterable[str], hosts: Iterable[str]) -> tuple[str, ...]:
    """Return those of `addresses` that are local and on which the web server listens, IPv4 first.

    Public addresses are left out: clients would reach them from public addresses of their own, which `is_from_home`
    refuses. `hosts` are the addresses on which the server listens. If `hosts` is empty or contains a host name, the
    server is assumed to listen on all addresses.
    """
    usable = [
        address
        for address in map(ip_address, addresses)
        if is_local(address)
        and not is_loopback(address)
        and not (address.version == 6 and is_link_local(address))
        and _is_served(address, list(hosts))
    ]
    return tuple(str(address) for address in sorted(usable, key=lambda item: item.version))


def _is_served(address: IPv4Address | IPv6Address, hosts: list[str]) -> bool:
    try:
        served = [ip_address(host) for host in hosts]
    except ValueError:
        return True
    return not served or any(
        host == address or (host.is_unspecified and host.version == address.version)
        for host in served
    )
