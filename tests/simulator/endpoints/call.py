"""A request whose body has been read, with methods that read its parameters."""

from dataclasses import dataclass
import re
from typing import Final

from ..cloud import Cloud
from ..models import Account, ApiError, Box, Printer
from ..upload import Form

# Returned by an endpoint whose answer has no `data`.
NOTHING: Final = object()
TOO_FREQUENT_SECONDS: Final = 60.0
# Live clients send this for a printer without an address.
NO_ADDRESS: Final = "0.0.0.0"
EXPIRED: Final = "设备已超过有效期"


@dataclass(frozen=True)
class Call:
    cloud: Cloud
    account: Account
    form: Form

    @property
    def fields(self) -> dict[str, str]:
        """Parameters of the query and of the body."""
        return self.form.fields

    def text(self, name: str) -> str:
        """Read a required parameter; raises ApiError 400."""
        if not (value := self.fields.get(name, "").strip()):
            raise ApiError(400, f"参数错误：{name}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        """Read an integer, which may have been sent as text; raises ApiError 400."""
        text = self.fields.get(name, "").strip()
        if not text and default is not None:
            return default
        if not re.fullmatch(r"-?\d{1,9}", text):
            raise ApiError(400, f"参数错误：{name}")
        return int(text)

    def json_number(self, name: str) -> int:
        """Read an integer from a JSON body; raises ApiError 400 if it is missing or of another type."""
        value = (self.form.json or {}).get(name)
        if type(value) is not int:
            raise ApiError(400, f"参数错误：{name}")
        return value

    def box(self, *, expired_too: bool = False) -> Box:
        """Find the box that the request names; raises ApiError if the box is unknown or this account cannot use it."""
        box = self.cloud.boxes.get(self.text("deviceId"))
        if box is None:
            code = 404 if self.cloud.variants.unknown_box == "code_404" else 11404
            raise ApiError(code, "设备不存在")
        if box.device_key != self.text("deviceKey"):
            raise ApiError(404, "设备ID或设备密钥错误")
        if not box.activated:
            raise ApiError(10011, "设备未激活")
        if box.account is not self.account:
            raise ApiError(11013, "设备未绑定到当前账号，请先到开放平台绑定设备")
        if box.expired and not expired_too:
            raise ApiError(400, EXPIRED)
        return box

    def find_printer(self, box: Box, port_name: str, default: int | None = None) -> Printer | None:
        """Find the printer that a request names by hash, by network address, or by USB port."""
        if wanted := self.fields.get("printerHash"):
            return next((one for one in box.printers if one.hash_id == wanted), None)
        address = self.fields.get("targetIp", "")
        if address not in ("", NO_ADDRESS):
            return next((one for one in box.printers if one.ip == address), None)
        port = self.number(port_name, default)
        return next((one for one in box.printers if not one.network and one.port == port), None)
