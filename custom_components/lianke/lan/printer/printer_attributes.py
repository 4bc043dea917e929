"""Attributes that describe a printer (RFC 8011, PWG 5100.7, 5100.13, 5100.14; AirPrint's `urf-supported`)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ...api.markers import Marker
from ...box.status import PrinterStatus
from ...const import DOMAIN
from ...ipp import model as values
from ...ipp.model import Attributes, Collection, Operation, Tag, Value
from ...people.release_code import ENCRYPTIONS, MAX_CODE, MIN_CODE
from .profile import IPP_QUALITIES, RESOLUTIONS, Media, Profile, source_of_size

PDF: Final = "application/pdf"
JPEG: Final = "image/jpeg"
PWG_RASTER: Final = "image/pwg-raster"
APPLE_RASTER: Final = "image/urf"
ANY: Final = "application/octet-stream"
MOPRIA: Final = "1.3"
"""the version of Mopria's protocol that is spoken; Windows takes it for a sign that no driver is needed."""
FORMATS: Final = (PDF, JPEG, APPLE_RASTER, PWG_RASTER, ANY)
COMPRESSIONS: Final = ("none", "gzip", "deflate")
OPERATIONS: Final = (
    Operation.PRINT_JOB,
    Operation.VALIDATE_JOB,
    Operation.CREATE_JOB,
    Operation.SEND_DOCUMENT,
    Operation.CANCEL_JOB,
    Operation.GET_JOB_ATTRIBUTES,
    Operation.GET_JOBS,
    Operation.GET_PRINTER_ATTRIBUTES,
    Operation.CANCEL_MY_JOBS,
    Operation.CLOSE_JOB,
    Operation.IDENTIFY_PRINTER,
)
JOB_TEMPLATE: Final = (
    "copies",
    "finishings",
    "job-hold-until",
    "job-sheets",
    "media",
    "media-col",
    "number-up",
    "orientation-requested",
    "output-bin",
    "page-ranges",
    "print-color-mode",
    "print-content-optimize",
    "print-quality",
    "print-rendering-intent",
    "print-scaling",
    "printer-resolution",
    "sides",
)
SCALINGS: Final = ("auto", "auto-fit", "fill", "fit", "none")
PORTRAIT, LANDSCAPE, REVERSE_LANDSCAPE, REVERSE_PORTRAIT = 3, 4, 5, 6
# Each of these has one value here.
NO_FINISHING: Final = 3
NO_HOLD: Final = "no-hold"
NO_SHEETS: Final = "none"
OUTPUT_BIN: Final = "face-down"
DOCUMENT_SECONDS: Final = 120
"""seconds between the operations of one job (`multiple-operation-time-out`)."""
IDLE, PROCESSING, STOPPED = 3, 4, 5
"""printer-state."""
LOW_LEVEL: Final = 15
"""percent of ink or toner from which on devices are to warn."""

# printer-state and printer-state-reasons. A printer that is off takes jobs: they wait here.
_STATES: Final[dict[PrinterStatus | None, tuple[int, str]]] = {
    None: (IDLE, "none"),
    PrinterStatus.BOX_OFFLINE: (IDLE, "offline-report"),
    PrinterStatus.DISCONNECTED: (IDLE, "offline-report"),
    PrinterStatus.AWAITING_DRIVER: (STOPPED, "other-error"),
    PrinterStatus.UNSUPPORTED: (STOPPED, "other-error"),
    PrinterStatus.COVER_OPEN: (STOPPED, "cover-open-error"),
    PrinterStatus.PAPER_JAM: (STOPPED, "media-jam-error"),
    PrinterStatus.OUT_OF_PAPER: (STOPPED, "media-empty-error"),
    PrinterStatus.OUT_OF_RIBBON: (STOPPED, "marker-supply-empty-error"),
    PrinterStatus.OUT_OF_INK: (STOPPED, "marker-supply-empty-error"),
    PrinterStatus.PAUSED: (STOPPED, "paused"),
    PrinterStatus.STOPPED: (STOPPED, "other-error"),
    PrinterStatus.PRINTING: (PROCESSING, "none"),
    PrinterStatus.IDLE: (IDLE, "none"),
}
_TAKES_NO_JOBS: Final = (PrinterStatus.AWAITING_DRIVER, PrinterStatus.UNSUPPORTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What changes from one request to the next.

    `web_url` is a page for people, `message` the status in words, `language` theirs, `version` that of
    the program that answers. Times are UTC: since when the printer is offered, and when its state and what
    it offers last changed.
    """

    printer_uri: str
    icon_url: str
    web_url: str
    secure: bool
    status: PrinterStatus | None
    is_full: bool
    queued: int
    message: str
    language: str
    max_bytes: int
    version: str
    started_at: datetime
    changed_at: datetime
    configured_at: datetime


def up_time(started_at: datetime, moment: datetime | None = None) -> int:
    """Return the printer's clock at a moment, in seconds since it is offered, at least 1."""
    return max(1, round(((moment or datetime.now(UTC)) - started_at).total_seconds()) + 1)


def describe_printer(profile: Profile, situation: Situation) -> Attributes:
    """Return all attributes of a printer but `media-col-database`."""
    return {
        **_identity(profile, situation),
        **_state(situation),
        **_protocol(situation),
        **_media(profile),
        **_job_template(profile),
        **_supplies(profile, situation),
    }


def media_col_database(profile: Profile) -> Attributes:
    """Return the attribute that clients have to ask for by its name."""
    return {"media-col-database": values.collection(*(_size_col(item) for item in profile.media))}


def device_id(profile: Profile) -> str:
    """Return the IEEE 1284 device id that drivers are chosen by."""
    maker, model = (
        part.replace(";", " ").replace(":", " ") for part in (profile.maker, profile.model)
    )
    return f"MFG:{maker};MDL:{model};CMD:PDF,JPEG,URF,PWGRaster;"


def urf_keywords(profile: Profile) -> tuple[str, ...]:
    """Return what AirPrint wants to know, as it stands in the TXT record, too."""
    qualities = "-".join(str(number) for number in IPP_QUALITIES)
    resolutions = "-".join(str(dpi) for dpi in RESOLUTIONS)
    return (
        "V1.4",
        f"CP{min(profile.max_copies, 99)}",
        "W8",
        *(("SRGB24",) if profile.color else ()),
        # The back of a sheet is sent upright.
        *(("DM1",) if profile.two_sided else ()),
        f"PQ{qualities}",
        f"RS{resolutions}",
    )


def _identity(profile: Profile, situation: Situation) -> Attributes:
    return {
        "printer-uri-supported": values.uri(situation.printer_uri),
        "uri-security-supported": values.keyword("tls" if situation.secure else "none"),
        "uri-authentication-supported": values.keyword("none"),
        "printer-name": values.name(profile.name),
        "printer-info": values.text(profile.name),
        "printer-dns-sd-name": values.name(profile.name),
        "printer-location": values.text(profile.location),
        "printer-make-and-model": values.text(profile.make_and_model),
        "printer-device-id": values.text(device_id(profile)),
        "printer-uuid": values.uri(profile.uuid.urn),
        "printer-more-info": values.uri(situation.web_url),
        "printer-icons": values.uri(situation.icon_url),
        "printer-geo-location": values.UNKNOWN,
        "printer-organization": values.text(""),
        "printer-organizational-unit": values.text(""),
        "printer-kind": values.keyword(*profile.kinds),
        "printer-firmware-name": values.name(DOMAIN),
        "printer-firmware-string-version": values.text(situation.version),
        "printer-firmware-version": values.octets(situation.version.encode()),
        "printer-firmware-patches": values.text(""),
        "mopria-certified": values.text(MOPRIA),
    }


def _state(situation: Situation) -> Attributes:
    state, reason = _STATES[situation.status]
    reasons = [reason] if reason != "none" else []
    if situation.is_full:
        reasons.append("spool-area-full-report")
    up = up_time(situation.started_at)
    changed = up_time(situation.started_at, situation.changed_at)
    configured = up_time(situation.started_at, situation.configured_at)
    accepting = situation.status not in _TAKES_NO_JOBS
    return {
        "printer-state": values.enum(state),
        "printer-state-reasons": values.keyword(*(reasons or ["none"])),
        "printer-state-message": values.text(situation.message),
        "printer-state-change-time": values.integer(changed),
        "printer-state-change-date-time": values.date_time(situation.changed_at),
        "printer-config-change-time": values.integer(configured),
        "printer-config-change-date-time": values.date_time(situation.configured_at),
        "printer-up-time": values.integer(up),
        "printer-current-time": values.date_time(datetime.now(UTC)),
        "printer-is-accepting-jobs": values.boolean(accepting),
        "queued-job-count": values.integer(situation.queued),
    }


def _protocol(situation: Situation) -> Attributes:
    return {
        "charset-configured": (Value(Tag.CHARSET, "utf-8"),),
        "charset-supported": (Value(Tag.CHARSET, "utf-8"), Value(Tag.CHARSET, "us-ascii")),
        "natural-language-configured": (Value(Tag.LANGUAGE, situation.language),),
        "generated-natural-language-supported": (Value(Tag.LANGUAGE, situation.language),),
        "ipp-versions-supported": values.keyword("1.1", "2.0"),
        "ipp-features-supported": values.keyword("ipp-everywhere", "airprint-1.4"),
        "operations-supported": values.enum(*OPERATIONS),
        "compression-supported": values.keyword(*COMPRESSIONS),
        "document-format-default": values.mime_type(ANY),
        "document-format-supported": values.mime_type(*FORMATS),
        "document-format-preferred": values.mime_type(PDF),
        "pdl-override-supported": values.keyword("attempted"),
        "pdf-versions-supported": values.keyword("adobe-1.4", "adobe-1.5", "iso-32000-1_2008"),
        "job-ids-supported": values.boolean(True),
        "job-k-octets-supported": values.number_range(0, situation.max_bytes // 1024),
        "jpeg-k-octets-supported": values.number_range(0, situation.max_bytes // 1024),
        "pdf-k-octets-supported": values.number_range(0, situation.max_bytes // 1024),
        "jpeg-x-dimension-supported": values.number_range(0, 65535),
        "jpeg-y-dimension-supported": values.number_range(1, 65535),
        "multiple-document-jobs-supported": values.boolean(False),
        "multiple-operation-time-out": values.integer(DOCUMENT_SECONDS),
        "multiple-operation-time-out-action": values.keyword("abort-job"),
        "preferred-attributes-supported": values.boolean(False),
        "printer-get-attributes-supported": values.keyword("document-format"),
        "which-jobs-supported": values.keyword("completed", "not-completed"),
        "identify-actions-default": values.keyword("display"),
        "identify-actions-supported": values.keyword("display"),
        "job-creation-attributes-supported": values.keyword(
            *JOB_TEMPLATE,
            "ipp-attribute-fidelity",
            "job-name",
            "job-password",
            "job-password-encryption",
        ),
        "job-password-supported": values.integer(MAX_CODE),
        "job-password-encryption-supported": values.keyword(*ENCRYPTIONS),
        "job-password-length-supported": values.number_range(MIN_CODE, MAX_CODE),
        "job-password-repertoire-configured": values.keyword("iana_utf-8_any"),
        "job-password-repertoire-supported": values.keyword("iana_utf-8_any"),
        # IPP Everywhere wants it named; a job that asks for any is told that it is ignored.
        "overrides-supported": values.keyword("document-number", "pages"),
    }


def _media(profile: Profile) -> Attributes:
    media = profile.media
    # Nobody knows what lies in the trays, and iPhones offer these sizes only.
    ready = [
        _media_col(profile, item, profile.default_tray if number == 1 else source_of_size(number))
        for number, item in enumerate(media, 1)
    ]
    sides = sorted({item.side_margin for item in media})
    ends = sorted({item.end_margin for item in media})
    return {
        "media-supported": values.keyword(*(item.name for item in media)),
        "media-default": values.keyword(media[0].name) if media else values.NO_VALUE,
        "media-ready": values.keyword(*(item.name for item in media)),
        "media-size-supported": values.collection(*(_size(item) for item in media)),
        "media-col-supported": values.keyword(
            "media-bottom-margin",
            "media-left-margin",
            "media-right-margin",
            "media-size",
            "media-source",
            "media-top-margin",
            "media-type",
        ),
        "media-col-default": values.collection(*ready[:1]),
        "media-col-ready": values.collection(*ready),
        "media-left-margin-supported": values.integer(*sides),
        "media-right-margin-supported": values.integer(*sides),
        "media-top-margin-supported": values.integer(*ends),
        "media-bottom-margin-supported": values.integer(*ends),
        "media-source-supported": values.keyword(*profile.trays),
        "media-type-supported": values.keyword(*profile.media_types),
    }


def _size(media: Media) -> Collection:
    return {
        "x-dimension": values.integer(media.width),
        "y-dimension": values.integer(media.height),
    }


def _size_col(media: Media) -> Collection:
    return {
        "media-size": values.collection(_size(media)),
        "media-bottom-margin": values.integer(media.end_margin),
        "media-left-margin": values.integer(media.side_margin),
        "media-right-margin": values.integer(media.side_margin),
        "media-top-margin": values.integer(media.end_margin),
    }


def _media_col(profile: Profile, media: Media, source: str) -> Collection:
    return {
        **_size_col(media),
        "media-source": values.keyword(source),
        "media-type": values.keyword(profile.default_media_type),
    }


def _job_template(profile: Profile) -> Attributes:
    types = ("sgray_8", "srgb_8") if profile.color else ("sgray_8",)
    return {
        "color-supported": values.boolean(profile.color),
        "pages-per-minute": values.integer(0),
        **({"pages-per-minute-color": values.integer(0)} if profile.color else {}),
        "copies-default": values.integer(profile.default_copies),
        "copies-supported": values.number_range(1, profile.max_copies),
        "finishings-default": values.enum(NO_FINISHING),
        "finishings-supported": values.enum(NO_FINISHING),
        "job-hold-until-default": values.keyword(NO_HOLD),
        "job-hold-until-supported": values.keyword(NO_HOLD),
        "job-sheets-default": values.keyword(NO_SHEETS),
        "job-sheets-supported": values.keyword(NO_SHEETS),
        "number-up-default": values.integer(1),
        "number-up-supported": values.integer(1),
        "orientation-requested-default": values.enum(PORTRAIT),
        "orientation-requested-supported": values.enum(
            PORTRAIT, LANDSCAPE, REVERSE_LANDSCAPE, REVERSE_PORTRAIT
        ),
        "output-bin-default": values.keyword(OUTPUT_BIN),
        "output-bin-supported": values.keyword(OUTPUT_BIN),
        "page-ranges-supported": values.boolean(True),
        "print-color-mode-default": values.keyword(profile.default_color),
        "print-color-mode-supported": values.keyword(*profile.color_modes),
        "print-content-optimize-default": values.keyword("auto"),
        "print-content-optimize-supported": values.keyword("auto"),
        "print-quality-default": values.enum(profile.default_quality),
        "print-quality-supported": values.enum(*IPP_QUALITIES),
        "print-rendering-intent-default": values.keyword("auto"),
        "print-rendering-intent-supported": values.keyword("auto"),
        "print-scaling-default": values.keyword("auto"),
        "print-scaling-supported": values.keyword(*SCALINGS),
        "printer-resolution-default": values.resolution(RESOLUTIONS[0]),
        "printer-resolution-supported": values.resolution(*RESOLUTIONS),
        "pwg-raster-document-resolution-supported": values.resolution(*RESOLUTIONS),
        "pwg-raster-document-sheet-back": values.keyword("normal"),
        "pwg-raster-document-type-supported": values.keyword(*types),
        "sides-default": values.keyword(profile.default_sides),
        "sides-supported": values.keyword(*profile.sides),
        "urf-supported": values.keyword(*urf_keywords(profile)),
    }


def _supplies(profile: Profile, situation: Situation) -> Attributes:
    """Return ink and toner; a printer that reports none has one supply of an unknown level."""
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
        "printer-supply-info-uri": values.uri(situation.web_url),
        "marker-names": values.name(*(marker.name for marker in markers)),
        "marker-levels": values.integer(*levels),
        "marker-low-levels": values.integer(*(LOW_LEVEL for _ in markers)),
        "marker-high-levels": values.integer(*(100 for _ in markers)),
        "marker-types": values.keyword(*("unknown" for _ in markers)),
        "marker-colors": values.name(*(marker.color or "none" for marker in markers)),
    }
