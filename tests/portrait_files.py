"""Portrait photos, built byte by byte from the published structure of their containers."""

from __future__ import annotations

import base64
import hashlib
import io
import struct

import numpy as np
from PIL import Image

XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
APPLE_URNS = {
    "portrait": "urn:com:apple:photo:2018:aux:portraiteffectsmatte",
    "hair": "urn:com:apple:photo:2019:aux:semantichairmatte",
    "skin": "urn:com:apple:photo:2019:aux:semanticskinmatte",
}
DEPTH_URN = "urn:mpeg:hevc:2015:auxid:2"
WIDTH, HEIGHT = 96, 64


def scene():
    """Return a photo of a bright disc, its matte, and soft 8-bit codes of what is nearer."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    distance = np.hypot(y - 30, x - 40)
    matte = np.clip(20.5 - distance, 0, 1)
    photo = np.full((HEIGHT, WIDTH, 3), 60.0) + x[..., None] / 2
    photo += matte[..., None] * np.array([120.0, 80, 20])
    codes = 40 + 0.5 * y + 150 / (1 + np.exp((distance - 20) / 4))
    return photo.astype(np.uint8), (255 * matte).astype(np.uint8), codes.astype(np.uint8)


def jpeg(samples, *segments, orientation=None, quality=98):
    """Return a JPEG with marker segments (marker, data) after its first one."""
    stream = io.BytesIO()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(samples).save(stream, "JPEG", quality=quality, subsampling=0, exif=exif)
    data = stream.getvalue()
    size = int.from_bytes(data[4:6], "big")
    new = b"".join(struct.pack(">BBH", 255, marker, len(x) + 2) + x for marker, x in segments)
    return data[: 4 + size] + new + data[4 + size :]


def png(samples):
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "PNG")
    return stream.getvalue()


def packet(namespaces, body, attributes=""):
    names = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in namespaces.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {names} {attributes}>{body}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    ).encode()


def apple_depth(kind="disparity", low=0.5, high=2.5, accuracy="absolute", drop=()):
    """Return the XMP that ImageIO writes for a depth map."""
    facts = {
        "apdi:IntMinValue": 0,
        "apdi:IntMaxValue": 255,
        "apdi:FloatMinValue": low,
        "apdi:FloatMaxValue": high,
        "apdi:StoredFormat": int.from_bytes(b"L008", "big"),
        "apdi:AuxiliaryImageType": kind,
        "depthData:DepthDataVersion": 65541,
        "depthData:Accuracy": accuracy,
        "depthData:Quality": "high",
        "depthData:Filtered": "True",
    }
    body = "".join(f"<{k}>{v}</{k}>" for k, v in facts.items() if k.partition(":")[2] not in drop)
    return packet(
        {
            "apdi": "http://ns.apple.com/pixeldatainfo/1.0/",
            "depthData": "http://ns.apple.com/depthData/1.0/",
        },
        body,
    )


def apple_matte(name="portrait"):
    """Return the XMP that ImageIO writes for a matte."""
    sub = APPLE_URNS[name].rpartition(":")[2]
    return packet(
        {"apdi": "http://ns.apple.com/pixeldatainfo/1.0/"},
        "<apdi:AuxiliaryImageType>depth</apdi:AuxiliaryImageType>"
        f"<apdi:AuxiliaryImageSubType>{sub}</apdi:AuxiliaryImageSubType>",
    )


def gain_map():
    """Return the XMP of a further picture that is neither depth nor matte."""
    return packet(
        {"apdi": "http://ns.apple.com/pixeldatainfo/1.0/"},
        "<apdi:AuxiliaryImageType>urn:com:apple:photo:2020:aux:hdrgainmap"
        "</apdi:AuxiliaryImageType>",
    )


def mpo(photo, frames, orientation=None, little=False, trailer=b""):
    """Return a JPEG with further pictures (samples, XMP), listed as CIPA DC-007 says."""
    order, mark = ("<", b"II") if little else (">", b"MM")
    extra = [jpeg(samples, (0xE1, XMP + xmp)) for samples, xmp in frames]
    count = len(extra) + 1

    def index(sizes, offsets):
        entries = b"".join(
            struct.pack(order + "IIIHH", 0x030000 if not i else 0, size, offset, 0, 0)
            for i, (size, offset) in enumerate(zip(sizes, offsets, strict=True))
        )
        table = struct.pack(order + "2sHI", mark, 42, 8) + struct.pack(order + "H", 3)
        table += struct.pack(order + "HHI4s", 0xB000, 7, 4, b"0100")
        table += struct.pack(order + "HHII", 0xB001, 4, 1, count)
        table += struct.pack(order + "HHII", 0xB002, 7, 16 * count, 50)
        return b"MPF\0" + table + struct.pack(order + "I", 0) + entries

    blank = jpeg(photo, (0xE2, index([0] * count, [0] * count)), orientation=orientation)
    origin = blank.index(b"MPF\0") + 4
    sizes = [len(blank), *map(len, extra)]
    offsets = [0, *(sum(sizes[: i + 1]) - origin for i in range(len(extra)))]
    first = jpeg(photo, (0xE2, index(sizes, offsets)), orientation=orientation)
    return first + b"".join(extra) + trailer


def gdepth(photo, samples, form="RangeInverse", near=1.0, far=5.0, units="m", orientation=None,
           chunk=0, drop=()):  # fmt: skip
    """Return a JPEG with GDepth; `chunk`: bytes of each segment of extended XMP, 0: none."""
    data = base64.b64encode(png(samples)).decode()
    names = {"GDepth": "http://ns.google.com/photos/1.0/depthmap/"}
    facts = {"Format": form, "Near": near, "Far": far, "Units": units, "Mime": "image/png"}
    words = " ".join(f'GDepth:{k}="{v}"' for k, v in facts.items() if k not in drop)
    if not chunk:
        main = packet(names, "", f'{words} GDepth:Data="{data}"')
        return jpeg(photo, (0xE1, XMP + main), orientation=orientation)
    extended = packet(names, "", f'GDepth:Data="{data}"')
    name = hashlib.md5(extended).hexdigest().upper()
    names["xmpNote"] = "http://ns.adobe.com/xmp/note/"
    main = packet(names, "", f'{words} xmpNote:HasExtendedXMP="{name}"')
    segments = [(0xE1, XMP + main)]
    for offset in range(0, len(extended), chunk):
        head = name.encode() + struct.pack(">II", len(extended), offset)
        segments.append((0xE1, EXTENSION + head + extended[offset : offset + chunk]))
    return jpeg(photo, *segments, orientation=orientation)


def dynamic_depth(photo, samples, form="RangeInverse", near=1.0, far=5.0, units="Meters",
                  orientation=None, padding=0, between=b"another file"):  # fmt: skip
    """Return a JPEG with a Dynamic Depth 1.0 container: the photo, some file, the depth."""
    data = png(samples)
    names = {
        name: f"http://ns.google.com/photos/dd/1.0/{name.lower()}/"
        for name in ("Device", "Container", "Item", "Camera", "DepthMap")
    }
    item = '<rdf:li rdf:parseType="Resource"><Container:Item {}/></rdf:li>'
    items = (
        f'Item:Mime="image/jpeg" Item:Length="0" Item:Padding="{padding}" Item:DataURI="primary"',
        f'Item:Mime="image/jpeg" Item:Length="{len(between)}" Item:DataURI="other"',
        f'Item:Mime="image/png" Item:Length="{len(data)}" Item:DataURI="android/depthmap"',
    )
    body = (
        "<Device:Container><Container:Directory><rdf:Seq>"
        + "".join(map(item.format, items))
        + "</rdf:Seq></Container:Directory></Device:Container><Device:Cameras><rdf:Seq>"
        '<rdf:li rdf:parseType="Resource"><Device:Camera rdf:parseType="Resource">'
        f'<Camera:DepthMap DepthMap:Format="{form}" DepthMap:Near="{near}" DepthMap:Far="{far}" '
        f'DepthMap:Units="{units}" DepthMap:DepthURI="android/depthmap" '
        'DepthMap:ItemSemantic="Depth"/></Device:Camera></rdf:li></rdf:Seq></Device:Cameras>'
    )
    main = jpeg(photo, (0xE1, XMP + packet(names, body)), orientation=orientation)
    return main + bytes(padding) + between + data


def heic(photo, pictures, quarters=0):
    """Return a HEIF file with auxiliary pictures (samples, URN, XMP or None).

    `quarters` turns the photo and its auxiliary pictures anticlockwise, as cameras have it.
    """
    coded = [_coded(photo), *(_coded(samples) for samples, _, _ in pictures)]
    properties = [_box(b"irot", bytes([quarters]))]
    owned, items, payloads, references = {}, [], {}, []
    for number, (hvcc, ispe, data) in enumerate(coded, 1):
        channels = 3 if number == 1 else 1
        own = [hvcc, ispe, _full(b"pixi", bytes([channels] + [8] * channels))]
        if number > 1:
            urn, xmp = pictures[number - 2][1:]
            own.append(_full(b"auxC", urn.encode() + b"\0"))
            references.append((b"auxl", number, 1))
            if xmp is not None:
                about = 100 + number
                items.append((about, b"mime", b"application/rdf+xml\0"))
                payloads[about] = xmp
                references.append((b"cdsc", about, number))
        owned[number] = [1, *range(len(properties) + 1, len(properties) + 1 + len(own))]
        properties += own
        items.append((number, b"hvc1", b""))
        payloads[number] = data
    brand = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    size = len(_meta(items, properties, owned, references, payloads, 0))
    start = len(brand) + size + 8
    meta = _meta(items, properties, owned, references, payloads, start)
    return brand + meta + _box(b"mdat", b"".join(payloads.values()))


def _meta(items, properties, owned, references, payloads, start):
    infos = b"".join(
        _full(b"infe", struct.pack(">HH", number, 0) + kind + b"\0" + more, version=2)
        for number, kind, more in items
    )
    associations = struct.pack(">I", len(owned))
    for number, own in sorted(owned.items()):
        associations += struct.pack(">HB", number, len(own)) + bytes(own)
    places = struct.pack(">BBH", 0x44, 0, len(payloads))
    for number, data in payloads.items():
        places += struct.pack(">HHHII", number, 0, 1, start, len(data))
        start += len(data)
    inner = [
        _full(b"hdlr", b"\0\0\0\0pict" + bytes(13)),
        _full(b"pitm", struct.pack(">H", 1)),
        _full(b"iloc", places),
        _full(b"iinf", struct.pack(">H", len(items)) + infos),
        _full(b"iref", b"".join(_box(k, struct.pack(">HHH", a, 1, b)) for k, a, b in references)),
        _box(b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", associations)),
    ]
    return _full(b"meta", b"".join(inner))


def _box(kind, data):
    return struct.pack(">I4s", len(data) + 8, kind) + data


def _full(kind, data, version=0):
    return _box(kind, struct.pack(">I", version << 24) + data)


def _coded(samples):
    """Return a picture's hvcC and ispe boxes and its HEVC data, coded without loss."""
    import pillow_heif

    stream = io.BytesIO()
    mode = "L" if samples.ndim == 2 else "RGB"
    size = (samples.shape[1], samples.shape[0])
    file = pillow_heif.from_bytes(
        mode=mode, size=size, data=np.ascontiguousarray(samples).tobytes()
    )
    file.save(stream, quality=-1, chroma=444, format="HEIF")
    data = stream.getvalue()
    at = data.index(b"hvcC") - 4
    hvcc = data[at : at + int.from_bytes(data[at : at + 4], "big")]
    at = data.index(b"mdat")
    ispe = _full(b"ispe", struct.pack(">II", *size))
    return hvcc, ispe, data[at + 4 : at - 4 + int.from_bytes(data[at - 4 : at], "big")]
