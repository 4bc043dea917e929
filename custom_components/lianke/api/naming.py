"""How a request names a printer."""

from .errors import PrinterNotFoundError
from .models import NETWORK_PORT, PrinterAddress


def printer_fields(address: PrinterAddress) -> dict[str, str]:
    """Return the form fields that name a printer.

    A network printer whose address is unknown is named by its hash alone: port 1 would mean the USB printer there.
    """
    if address.target_ip is not None:
        return {"devicePort": "1", "printerModel": address.model, "targetIp": address.target_ip}
    if address.port == NETWORK_PORT:
        return {"printerHash": hash_of(address)}
    return {"devicePort": str(address.port), "printerModel": address.model}


def hash_of(address: PrinterAddress) -> str:
    """Return the printer's hash; raises PrinterNotFoundError when it is unknown, too."""
    if address.hash_id is None:
        raise PrinterNotFoundError
    return address.hash_id
