"""Endpoints about a box: state, refresh, restart."""

from typing import Any

from ..models import ApiError, Box
from .call import NOTHING, Call


def _expire_date(box: Box) -> str:
    return f"{box.expire_date.year}年{box.expire_date.month}月{box.expire_date.day}日"


def _network(box: Box) -> dict[str, Any]:
    lan = {
        "ipaddr": box.lan_address,
        "gateway": "192.168.1.1",
        "dns": "192.168.1.1",
        "netmask": "255.255.255.0",
        "macaddr": "00:ca:01:0b:0c:0d",
        "proto": "dhcp",
        "link": [not box.lan_address.startswith("169.254.")],
    }
    wwan = {
        "ipaddr": box.wifi_address,
        "gateway": "192.168.1.1" if box.wifi_address else None,
        "dns": ["192.168.1.1", "223.5.5.5"] if box.wifi_address else [],
        "netmask": "255.255.255.0" if box.wifi_address else None,
        "macaddr": "00:ca:01:0b:0c:0e",
        "proto": "dhcp",
    }
    return {"lan": lan, "wwan": wwan}


async def device_info(call: Call) -> Any:
    """GET /device/device_info."""
    box = call.box(expired_too=True)
    online = None if box.online is None else int(box.online)
    data: dict[str, Any] = {
        "info": {
            "api_support": 1,
            "device_type": 2,
            "expire_date": _expire_date(box),
            "is_expire": box.expired,
            "mobile_support": 1,
            "online": online,
            "remote_support": 1,
            "usb_port_num": box.usb_port_num,
        },
        "network": _network(box),
        "version": {"hardware": box.hardware, "software": box.software},
    }
    if online is None:
        del data["network"]
    return data


async def reboot(call: Call) -> Any:
    """POST /device/async_device_reboot."""
    box = call.box()
    if box.rebooting:
        raise ApiError(401, "设备正在重启")
    if box.online is not True:
        raise ApiError(5002, "设备不在线")
    call.cloud.reboot(box)
    return NOTHING
