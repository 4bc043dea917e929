"""Endpoints about a box: state, refresh, restart."""

from typing import Any, Final

from ..cloud import Cloud
from ..models import ApiError, Box
from .call import NOTHING, TOO_FREQUENT_SECONDS, Call
from .printers import rows_of

REFRESH_SECONDS: Final = 10.0


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
    """GET /device/device_info: a box with old firmware shows its last report, in which only `online` is current."""
    box = call.box(expired_too=True)
    online = None if box.online is None else int(box.online)
    if not box.is_old:
        return _info(box, online)
    if box.reported is None:
        store_report(call.cloud, box)
    assert box.reported is not None
    data: dict[str, Any] = box.reported[0]
    return {**data, "info": {**data["info"], "online": online}}


def store_report(cloud: Cloud, box: Box) -> None:
    """Make the present state of a box with old firmware, and of its printers, its last report."""
    box.reported = (_info(box, 1), rows_of(cloud, box))


def _info(box: Box, online: int | None) -> dict[str, Any]:
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


async def refresh_device_info(call: Call) -> Any:
    """GET /device/async_refresh_device_info: all firmware versions accept it; only those before 2.1.112 need it."""
    cloud, box = call.cloud, call.box()
    if box.refreshing:
        raise ApiError(401, "正在刷新，请勿重复操作")
    now = cloud.now()
    if box.refreshed_at is not None and now - box.refreshed_at < TOO_FREQUENT_SECONDS:
        raise ApiError(10009, "操作过于频繁，请稍后再试")
    box.refreshed_at = now
    box.refreshing = True
    cloud.spawn(_refresh(cloud, box))
    return NOTHING


async def _refresh(cloud: Cloud, box: Box) -> None:
    try:
        await cloud.sleep(REFRESH_SECONDS)
    finally:
        box.refreshing = False
    if box.online:
        store_report(cloud, box)


async def wait_for_device_info(call: Call) -> Any:
    """GET /device/refresh_device_info: the same refresh, but the answer comes when it is done."""
    await refresh_device_info(call)
    await call.cloud.sleep(REFRESH_SECONDS)
    return NOTHING


async def reboot(call: Call) -> Any:
    """POST /device/async_device_reboot."""
    box = call.box()
    if box.rebooting:
        raise ApiError(401, "设备正在重启")
    if box.online is not True:
        raise ApiError(5002, "设备不在线")
    call.cloud.reboot(box)
    return NOTHING
