"""Attributes that describe a printer (RFC 8011, PWG 5100.7, 5100.13, 5100.14; AirPrint's `urf-supported`)."""

from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Final

from ...api.models import Marker
from ...box.printer_status import PrinterStatus
from ...const import DOMAIN, JPEG_TYPE, PDF_TYPE
from ...ipp import model as values
from ...ipp.model import Attributes, IppCollection, IppTag, IppValue, Operation
from ...people.release_code import ENCRYPTIONS, MAX_CODE_LENGTH, MIN_CODE_LENGTH
from .profile import IPP_QUALITIES, RASTER_RESOLUTIONS, Media, Profile, media_source_for_size

PWG_RASTER: Final = "image/pwg-raster"
APPLE_RASTER: Final = "image/urf"
ANY_FORMAT: Final = "application/octet-stream"
# The version of Mopria's protocol; Windows takes it as a sign that no driver is needed.
MOPRIA_VERSION: Final = "1.3"
DOCUMENT_FORMATS: Final = (PDF_TYPE, JPEG_TYPE, APPLE_RASTER, PWG_RASTER, ANY_FORMAT)
COMPRESSIONS: Final = ("none", "gzip", "deflate")
_TABLES: Final = json.loads(Path(__file__).with_name("fixed.json").read_text("utf-8"))
JOB_TEMPLATE: Final[tuple[str, ...]] = tuple(_TABLES["job_template"])
# Seconds that a job waits for its document (`multiple-operation-time-out`).
DOCUMENT_SECONDS: Final = 120
# Values of `printer-state`.
PRINTER_IDLE, PRINTER_PROCESSING, PRINTER_STOPPED = 3, 4, 5
# Percent of ink or toner at which devices start to warn.
LOW_LEVEL: Final = 15

# Attributes that are the same for all printers; fixed.json groups them by the syntax of their values. IPP Everywhere
# requires `overrides-supported`, but the overrides of a job are ignored and reported to the device as unsupported.
FIXED_ATTRIBUTES: Final[Attributes] = {
    name: getattr(values, syntax)(*contents)
    for syntax, attributes in _TABLES["attributes"].items()
    for name, contents in attributes.items()
}
# `printer-state` and `printer-state-reasons`. A printer that is off accepts jobs, which wait in our queue.
PRINTER_STATES: Final[dict[PrinterStatus | None, tuple[int, str]]] = {
    None: (PRINTER_IDLE, "none"),
    PrinterStatus.BOX_OFFLINE: (PRINTER_IDLE, "offline-report"),
    PrinterStatus.DISCONNECTED: (PRINTER_IDLE, "offline-report"),
    PrinterStatus.AWAITING_DRIVER: (PRINTER_STOPPED, "other-error"),
    PrinterStatus.UNSUPPORTED: (PRINTER_STOPPED, "other-error"),
    PrinterStatus.COVER_OPEN: (PRINTER_STOPPED, "cover-open-error"),
    PrinterStatus.PAPER_JAM: (PRINTER_STOPPED, "media-jam-error"),
    PrinterStatus.OUT_OF_PAPER: (PRINTER_STOPPED, "media-empty-error"),
    PrinterStatus.OUT_OF_RIBBON: (PRINTER_STOPPED, "marker-supply-empty-error"),
    PrinterStatus.OUT_OF_INK: (PRINTER_STOPPED, "marker-supply-empty-error"),
    PrinterStatus.PAUSED: (PRINTER_STOPPED, "paused"),
    PrinterStatus.STOPPED: (PRINTER_STOPPED, "other-error"),
    PrinterStatus.PRINTING: (PRINTER_PROCESSING, "none"),
    PrinterStatus.IDLE: (PRINTER_IDLE, "none"),
}
TAKES_NO_JOBS: Final = (PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED)


def up_time(started_at: datetime, moment: datetime | None = None) -> int:
    """Return the printer's clock at a moment: seconds since `started_at`, at least 1."""
    return max(1, round(((moment or datetime.now(UTC)) - started_at).total_seconds()) + 1)


def describe_printer(profile: Profile) -> Attributes:
    """Return the attributes of a profile, except `media-col-database`, which clients request by name."""
    return {
        **FIXED_ATTRIBUTES,
        "printer-name": values.name(profile.name),
        "printer-info": values.text(profile.name),
        "printer-dns-sd-name": values.name(profile.name),
        "printer-location": values.text(profile.location),
        "printer-make-and-model": values.text(profile.model),
        "printer-device-id": values.text(device_id(profile)),
        "printer-uuid": values.uri(profile.uuid.urn),
        "printer-geo-location": values.UNKNOWN,
        "printer-kind": values.keyword(*profile.kinds),
        "printer-firmware-name": values.name(DOMAIN),
        "mopria-certified": values.text(MOPRIA_VERSION),
        "charset-configured": (IppValue(IppTag.CHARSET, "utf-8"),),
        "charset-supported": (
            IppValue(IppTag.CHARSET, "utf-8"),
            IppValue(IppTag.CHARSET, "us-ascii"),
        ),
        "operations-supported": values.enum(*Operation),
        "compression-supported": values.keyword(*COMPRESSIONS),
        "document-format-default": values.mime_type(ANY_FORMAT),
        "document-format-supported": values.mime_type(*DOCUMENT_FORMATS),
        "document-format-preferred": values.mime_type(PDF_TYPE),
        "multiple-operation-time-out": values.integer(DOCUMENT_SECONDS),
        "job-creation-attributes-supported": values.keyword(
            *JOB_TEMPLATE,
            "ipp-attribute-fidelity",
            "job-name",
            "job-password",
            "job-password-encryption",
        ),
        "job-password-supported": values.integer(MAX_CODE_LENGTH),
        "job-password-encryption-supported": values.keyword(*ENCRYPTIONS),
        "job-password-length-supported": values.number_range(MIN_CODE_LENGTH, MAX_CODE_LENGTH),
        **_media(profile),
        **_job_template(profile),
        **_supplies(profile),
    }


def media_col_database(profile: Profile) -> Attributes:
    return {"media-col-database": values.collection(*(_size_col(item) for item in profile.media))}


def device_id(profile: Profile) -> str:
    """Return the IEEE 1284 device id, by which clients choose drivers."""
    maker, model = (
        part.replace(";", " ").replace(":", " ") for part in (profile.maker, profile.model)
    )
    return f"MFG:{maker};MDL:{model};CMD:PDF,JPEG,URF,PWGRaster;"


def urf_keywords(profile: Profile) -> tuple[str, ...]:
    """Return AirPrint's keywords, which are also in the TXT record."""
    qualities = "-".join(str(number) for number in IPP_QUALITIES)
    resolutions = "-".join(str(dpi) for dpi in RASTER_RESOLUTIONS)
    return (
        "V1.4",
        f"CP{min(profile.max_copies, 99)}",
        "W8",
        *(("SRGB24",) if profile.color else ()),
        # DM1: devices send the back of a sheet upright.
        *(("DM1",) if profile.two_sided else ()),
        f"PQ{qualities}",
        f"RS{resolutions}",
    )


def _media(profile: Profile) -> Attributes:
    media = profile.media
    # All sizes count as ready: nobody knows what is in the trays, and iPhones offer only ready sizes.
    ready = [
        _media_col(
            profile, item, profile.default_tray if number == 1 else media_source_for_size(number)
        )
        for number, item in enumerate(media, 1)
    ]
    sides = sorted({item.side_margin for item in media})
    ends = sorted({item.end_margin for item in media})
    return {
        "media-supported": values.keyword(*(item.name for item in media)),
        "media-default": values.keyword(media[0].name) if media else values.NO_VALUE,
        "media-ready": values.keyword(*(item.name for item in media)),
        "media-size-supported": values.collection(*(_size(item) for item in media)),
        "media-col-default": values.collection(*ready[:1]),
        "media-col-ready": values.collection(*ready),
        "media-left-margin-supported": values.integer(*sides),
        "media-right-margin-supported": values.integer(*sides),
        "media-top-margin-supported": values.integer(*ends),
        "media-bottom-margin-supported": values.integer(*ends),
        "media-source-supported": values.keyword(*profile.trays),
        "media-type-supported": values.keyword(*profile.media_types),
    }


def _size(media: Media) -> IppCollection:
    return {
        "x-dimension": values.integer(media.width),
        "y-dimension": values.integer(media.height),
    }


def _size_col(media: Media) -> IppCollection:
    return {
        "media-size": values.collection(_size(media)),
        "media-bottom-margin": values.integer(media.end_margin),
        "media-left-margin": values.integer(media.side_margin),
        "media-right-margin": values.integer(media.side_margin),
        "media-top-margin": values.integer(media.end_margin),
    }


def _media_col(profile: Profile, media: Media, source: str) -> IppCollection:
    return {
        **_size_col(media),
        "media-source": values.keyword(source),
        "media-type": values.keyword(profile.default_media_type),
    }


def _job_template(profile: Profile) -> Attributes:
    types = ("sgray_8", "srgb_8") if profile.color else ("sgray_8",)
    return {
        "color-supported": values.boolean(profile.color),
        **({"pages-per-minute-color": values.integer(0)} if profile.color else {}),
        "copies-default": values.integer(profile.default_copies),
        "copies-supported": values.number_range(1, profile.max_copies),
        "print-color-mode-default": values.keyword(profile.default_color),
        "print-color-mode-supported": values.keyword(*profile.color_modes),
        "print-quality-default": values.enum(profile.default_quality),
        "print-quality-supported": values.enum(*IPP_QUALITIES),
        "printer-resolution-default": values.resolution(RASTER_RESOLUTIONS[0]),
        "printer-resolution-supported": values.resolution(*RASTER_RESOLUTIONS),
        "pwg-raster-document-resolution-supported": values.resolution(*RASTER_RESOLUTIONS),
        "pwg-raster-document-type-supported": values.keyword(*types),
        "sides-default": values.keyword(profile.default_sides),
        "sides-supported": values.keyword(*profile.sides),
        "urf-supported": values.keyword(*urf_keywords(profile)),
    }


def _supplies(profile: Profile) -> Attributes:
    """Describe ink and toner; for a printer that reports neither, describe one supply with an unknown level."""
    markers = profile.markers or (Marker(name="Ink or toner"),)
    levels = [-2 if marker.level is None else marker.level for marker in markers]
    return {
        "printer-supply": values.octets(
            *(
                f"index={number};class=supplyThatIsConsumed;type=unknown;unit=percent;"
                f"maxcapacity=100;level={level};colorantname=unknown;".encode()
                for number, level in enumerate(levels, 1)
            )
        ),
        "printer-supply-description": values.text(*(marker.name for marker in markers)),
        "marker-names": values.name(*(marker.name for marker in markers)),
        "marker-levels": values.integer(*levels),
        "marker-low-levels": values.integer(*(LOW_LEVEL for _ in markers)),
        "marker-high-levels": values.integer(*(100 for _ in markers)),
        "marker-types": values.keyword(*("unknown" for _ in markers)),
        "marker-colors": values.name(*(marker.color or "none" for marker in markers)),
    }
