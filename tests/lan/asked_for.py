"""The attributes of a printer that the usual clients request by name; each list has its source."""

from typing import NamedTuple


class Client(NamedTuple):
    """A client's list of attributes: where it can be seen, and the names in it."""

    source: str
    words: str

    @property
    def names(self) -> set[str]:
        return {*self.words.split()}


CLIENTS = {
    "iPadOS": Client(
        "a request of an iPad as SavaPage's IppGetPrinterAttrReq.java quotes it",
        """
        copies-supported document-format-supported jpeg-k-octets-supported jpeg-x-dimension-supported
        jpeg-y-dimension-supported landscape-orientation-requested-preferred media-bottom-margin-supported
        media-col-database media-col-ready media-col-supported media-left-margin-supported
        media-right-margin-supported media-top-margin-supported operations-supported pdf-k-octets-supported
        print-color-mode-supported print-quality-supported sides-supported
        """,
    ),
    "Windows 11": Client(
        "GitHub, danielklecha/SharpIppNextServer, issue 2: what the wizard for IPP devices asks for, as far as "
        "it is quoted; GitHub, OpenPrinting/cups, issue 105, for Mopria",
        """
        document-format-default document-format-preferred document-format-supported ipp-versions-supported
        media-supported media-type-supported mopria-certified mopria_certified printer-device-id
        printer-dns-sd-name printer-firmware-name printer-firmware-string-version printer-uuid
        uri-authentication-supported
        """,
    ),
    "Android": Client(
        "AOSP, BuiltInPrintService, jni/ipphelper/ippstatus_capabilities.c and ipphelper.c (2019); its later "
        "versions read mopria-certified, print-scaling-default and the markers as well",
        """
        color-supported copies-supported document-format-details-supported document-format-supported
        epcl-version-supported ipp-versions-supported job-pages-per-set-supported marker-colors
        marker-high-levels marker-levels marker-low-levels marker-names marker-types
        media-bottom-margin-supported media-col-default media-default media-left-margin-supported
        media-right-margin-supported media-supported media-top-margin-supported media-type-supported
        mopria-certified output-bin-supported pclm-compression-method-preferred pclm-raster-back-side
        pclm-source-resolution-supported pclm-strip-height-preferred print-color-mode-supported
        print-quality-supported print-scaling-default printer-device-id printer-dns-sd-name printer-info
        printer-location printer-make-and-model printer-name printer-resolution-supported printer-state
        printer-state-message printer-state-reasons printer-uri-supported printer-uuid sides-supported
        uri-authentication-supported uri-security-supported
        """,
    ),
    "CUPS, while it prints": Client(
        "CUPS 2.4, backend/ipp.c",
        """
        compression-supported copies-supported cups-version document-format-supported
        job-password-encryption-supported marker-colors marker-high-levels marker-levels marker-low-levels
        marker-message marker-names marker-types media-col-supported multiple-document-handling-supported
        operations-supported print-color-mode-supported print-scaling-supported printer-alert
        printer-alert-description printer-is-accepting-jobs printer-mandatory-job-attributes printer-state
        printer-state-message printer-state-reasons
        """,
    ),
    "CUPS, for the model everywhere": Client(
        "CUPS 2.4, cups/ppd-cache.c: what the driver of a queue is made of, but for finishers and accounts",
        """
        color-supported document-format-supported finishings-supported job-password-repertoire-configured
        job-password-supported media-bottom-margin-supported media-col-database media-col-default
        media-default media-left-margin-supported media-right-margin-supported media-size-supported
        media-source-supported media-supported media-top-margin-supported media-type-supported
        output-bin-default output-bin-supported print-color-mode-default print-color-mode-supported
        print-quality-supported printer-make-and-model printer-more-info printer-resolution-default
        printer-uri-supported pwg-raster-document-resolution-supported pwg-raster-document-sheet-back
        pwg-raster-document-type-supported sides-supported urf-supported
        """,
    ),
}

NOT_ANSWERED = {
    "cups-version": "it is no CUPS",
    "document-format-details-supported": "what made a document does not matter here",
    "epcl-version-supported": "a language of HP's, which is not taken",
    "job-pages-per-set-supported": "there is no finisher",
    "landscape-orientation-requested-preferred": "which way a page is turned is up to the printer's driver",
    "marker-message": "the box reports none",
    "mopria_certified": "the older spelling of mopria-certified",
    "multiple-document-handling-supported": "a job has one document",
    "pclm-compression-method-preferred": "PCLm is not taken",
    "pclm-raster-back-side": "PCLm is not taken",
    "pclm-source-resolution-supported": "PCLm is not taken",
    "pclm-strip-height-preferred": "PCLm is not taken",
    "printer-alert": "the box reports none",
    "printer-alert-description": "the box reports none",
    "printer-mandatory-job-attributes": "a job needs none",
}
