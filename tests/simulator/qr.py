"""The sticker of a box: its link and its QR code."""

import base64
import io

import segno

LINK = "https://printing.liankenet.com/?token={token}#/home?isMainPage=1&isBack=1"


def qr_link(device_id: str, device_key: str) -> str:
    """Build the web link on a sticker; its token is the base64 of `deviceId:deviceKey`."""
    token = base64.b64encode(f"{device_id}:{device_key}".encode()).decode()
    return LINK.format(token=token)


def qr_png(link: str, scale: int = 8) -> bytes:
    """Draw a link as a QR code; returns a PNG file with `scale` pixels per module."""
    picture = io.BytesIO()
    segno.make(link, error="m").save(picture, kind="png", scale=scale, border=4)
    return picture.getvalue()
