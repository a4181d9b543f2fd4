"""Pictures of every kind, made on the spot."""

import io
import struct
import zlib

from PIL import Image


def picture(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    image = Image.new(mode, size)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def left_red_right_blue(orientation: int) -> bytes:
    """A wide picture, red left and blue right, that asks to be turned."""
    image = Image.new("RGB", (80, 40), "blue")
    image.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera maker"
    exif.get_ifd(0x8825)[2] = (27.0, 22.0, 0.0)
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif, comment=b"taken at home", quality=95)
    return out.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A small file that says it is a huge picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def moving(kind: str) -> bytes:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    out = io.BytesIO()
    first.save(out, kind, save_all=True, append_images=[second], duration=100)
    return out.getvalue()
