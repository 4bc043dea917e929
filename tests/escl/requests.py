"""A request to scan as SANE sends it, and damaged requests."""

import random

from tests.damaged import damaged

NAMESPACES = (
    'xmlns:pwg="http://www.pwg.org/schemas/2010/12/sm" '
    'xmlns:scan="http://schemas.hp.com/imaging/escl/2011/05/03"'
)
SANE = f"""<?xml version="1.0" encoding="UTF-8"?>
<scan:ScanSettings {NAMESPACES}><pwg:Version>2.0</pwg:Version><pwg:ScanRegions><pwg:ScanRegion>
<pwg:ContentRegionUnits>escl:ThreeHundredthsOfInches</pwg:ContentRegionUnits><pwg:XOffset>10</pwg:XOffset>
<pwg:YOffset>20</pwg:YOffset><pwg:Width>1200</pwg:Width><pwg:Height>900</pwg:Height></pwg:ScanRegion>
</pwg:ScanRegions><pwg:InputSource>Feeder</pwg:InputSource><scan:ColorMode>Grayscale8</scan:ColorMode>
<pwg:DocumentFormat>image/jpeg</pwg:DocumentFormat><scan:DocumentFormatExt>image/jpeg</scan:DocumentFormatExt>
<scan:XResolution>150</scan:XResolution><scan:YResolution>150</scan:YResolution><scan:Duplex>true</scan:Duplex>
</scan:ScanSettings>""".encode()


def spoiled(chance: random.Random) -> bytes:
    """Return a damaged request, perhaps with a changed number."""

    def put_number(data: bytearray, at: int) -> None:
        digits = b"%d" % chance.choice((0, 1, 75, 600, 2**31, 2**64))
        at = data.find(b"0<", at)
        data[max(at, 0) : at + 1] = digits

    marks = (b"<x>", b"</x>", b"&lt;", b"&#0;", b"<![CDATA[", b"]]>")
    return damaged(SANE, chance, 3, lambda: chance.choice(marks), put_number)
