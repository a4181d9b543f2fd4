"""Photos as people send them, made into what we keep: a JPEG of our own, upright, small, without metadata.

What a file is called says nothing; its content decides. Size in bytes, pixels and scans is checked before anything is
decoded, and one photo at a time is decoded per process, so that no upload can take the memory of the others.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from threading import Lock

from PIL import Image, ImageCms, UnidentifiedImageError

from donate.errors import N_, DonateError

MOST_BYTES = 12 * 1024 * 1024
LONGEST_SIDE = 1600
QUALITY = 82
# A JPEG is scaled down while it is decoded; the others must fit into memory whole.
MOST_PIXELS = {"JPEG": 50_000_000, "MPO": 50_000_000, "PNG": 16_000_000, "WEBP": 16_000_000}
MOST_SCANS = 100  # a progressive JPEG has about ten; thousands are an attack on the decoder
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)

_one_at_a_time = Lock()


class PhotoMissing(DonateError):
    sentence = N_("Choose a photo first.")
    field = "photo"


class PhotoTooHeavy(DonateError):
    sentence = N_("This photo has more than %(most)s MB. Choose a smaller one, or let the phone send it reduced.")
    field = "photo"


class NotAPhoto(DonateError):
    sentence = N_("This file is not a photo that we can read. JPEG, PNG and WebP are understood.")
    field = "photo"


class PhotoOfNewKind(DonateError):
    sentence = N_("This photo is HEIC or AVIF. Choose “most compatible” in the camera’s settings, or send it as JPEG.")
    field = "photo"


class PhotoTooManyPixels(DonateError):
    sentence = N_("This picture has %(megapixels)s million pixels; at most %(most)s million are taken.")
    field = "photo"


class PhotoFarTooLarge(PhotoTooManyPixels):
    """More pixels than the reader even counts."""

    sentence = N_("This picture has far too many pixels; at most %(most)s million are taken.")


class PhotoMoves(DonateError):
    sentence = N_("This picture moves. Choose a photo that stands still.")
    field = "photo"


class PhotoBroken(DonateError):
    sentence = N_("This photo is damaged or arrived only in part. Send it again, or choose another.")
    field = "photo"


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo re-encoded by us, ready to be stored."""

    content: bytes
    width: int
    height: int
    extension: str = "jpg"


def read_photo(content: bytes) -> Photo:
    """The photo in `content`.

    Raises PhotoMissing, PhotoTooHeavy, NotAPhoto, PhotoOfNewKind, PhotoTooManyPixels, PhotoMoves, PhotoBroken.
    """
    if not content:
        raise PhotoMissing
    if len(content) > MOST_BYTES:
        raise PhotoTooHeavy(most=MOST_BYTES // 1024 // 1024)
    if content[4:8] == b"ftyp" and content[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"avif"}:
        raise PhotoOfNewKind
    with _one_at_a_time:
        return _decoded(content)


def _decoded(content: bytes) -> Photo:
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures by its own measure; ours below is stricter and refuses them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP"))
    except UnidentifiedImageError:
        raise NotAPhoto from None
    except Image.DecompressionBombError:
        raise PhotoFarTooLarge(most=_millions(MOST_PIXELS["JPEG"])) from None
    except _BROKEN:
        raise PhotoBroken from None
    with image:
        _refuse_unfit(image, content)
        try:
            return _encoded(_small_and_upright(image))
        except _BROKEN:
            raise PhotoBroken from None


def _refuse_unfit(image: Image.Image, content: bytes) -> None:
    kind = image.format or ""
    pixels, most = image.width * image.height, MOST_PIXELS.get(kind, 0)
    if pixels > most:
        raise PhotoTooManyPixels(megapixels=_millions(pixels), most=_millions(most))
    # Cameras put a second, hidden picture behind the first (MPO); only PNG and WebP can move.
    if kind in {"PNG", "WEBP"} and getattr(image, "is_animated", False):
        raise PhotoMoves
    if kind in {"JPEG", "MPO"} and content.count(b"\xff\xda") > MOST_SCANS:
        raise PhotoBroken


def _millions(pixels: int) -> int:
    return -(-pixels // 1_000_000)


def _small_and_upright(image: Image.Image) -> Image.Image:
    # Asked for its own shape, a JPEG is decoded at the smallest eighth that is large enough.
    longest = max(image.size)
    image.draft("RGB", (image.width * LONGEST_SIDE // longest, image.height * LONGEST_SIDE // longest))
    profile = image.info.get("icc_profile")
    colours = _in_colours(image)
    colours.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    colours = _in_common_colours(colours, profile)
    turned = image.getexif().get(0x0112, 1)
    method = _TURNS.get(turned)
    return colours.transpose(method) if method is not None else colours


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _in_colours(image: Image.Image) -> Image.Image:
    """RGB on white paper, whatever it was: grey, 16 bits, ink colours, a palette, with transparency."""
    if image.mode.startswith("I"):
        return image.convert("I").point([value // 256 for value in range(65536)], "L").convert("RGB")
    if image.has_transparency_data:
        with_alpha = image if image.mode == "RGBA" else image.convert("RGBA")
        paper = Image.new("RGB", with_alpha.size, "white")
        paper.paste(with_alpha, mask=with_alpha)  # its own transparency, without a copy of it
        return paper
    return image.convert("RGB")


def _in_common_colours(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Phones photograph in wider colours than sRGB; without this they would look pale once the profile is gone."""
    if not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return image
        turned = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, *_BROKEN):
        return image  # a broken profile spoils no photo
    return turned or image


def _encoded(image: Image.Image) -> Photo:
    plain = Image.new("RGB", image.size)  # a fresh picture carries no comment, profile or position
    plain.paste(image)
    out = io.BytesIO()
    plain.save(out, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return Photo(content=out.getvalue(), width=plain.width, height=plain.height)
