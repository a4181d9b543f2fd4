import io

import pytest
from PIL import Image

from donate.errors import DonateError
from donate.files.photo import (
    NotAPhoto,
    PhotoBroken,
    PhotoFarTooLarge,
    PhotoMissing,
    PhotoMoves,
    PhotoOfNewKind,
    PhotoTooHeavy,
    PhotoTooManyPixels,
    read_photo,
)
from tests.files.factories import left_red_right_blue, moving, picture, png_bomb


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_large_photo_becomes_small() -> None:
    photo = read_photo(picture(size=(4000, 3000)))
    assert (photo.width, photo.height) == (1600, 1200)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "1"), ("PNG", "I;16"), ("WEBP", "RGB")],
)  # fmt: skip
def test_every_kind_of_still_picture_becomes_a_jpeg(kind: str, mode: str) -> None:
    image = opened(read_photo(picture(kind, mode)).content)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (60, 40))


def test_sixteen_bits_of_grey_keep_their_lightness() -> None:
    image = Image.new("I;16", (20, 20), 0x8000)
    out = io.BytesIO()
    image.save(out, "PNG")
    red, _, _ = opened(read_photo(out.getvalue()).content).getpixel((10, 10))
    assert abs(red - 128) < 4


def test_what_is_transparent_becomes_paper() -> None:
    assert opened(read_photo(picture("PNG", "RGBA")).content).getpixel((5, 5)) == (255, 255, 255)


def test_no_metadata_is_left() -> None:
    image = opened(read_photo(left_red_right_blue(1)).content)
    assert not image.getexif()
    assert not {"exif", "comment", "icc_profile", "xmp"} & set(image.info)
    assert b"camera" not in read_photo(left_red_right_blue(1)).content


@pytest.mark.parametrize(("orientation", "top_left"), [(1, "red"), (3, "blue"), (6, "red"), (8, "blue")])
def test_a_turned_photo_is_set_upright(orientation: int, top_left: str) -> None:
    photo = read_photo(left_red_right_blue(orientation))
    red, _, blue = opened(photo.content).getpixel((3, 3))
    assert (photo.width < photo.height) == (orientation in (6, 8))
    assert (red > blue) == (top_left == "red")


def test_a_wide_colour_profile_is_turned_into_common_colours() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read_photo(picture(icc_profile=profile)).width == 60
    assert read_photo(picture(icc_profile=b"not a profile at all")).width == 60


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", PhotoMissing),
        (b"\xff\xd8" + bytes(40 * 1024 * 1024), PhotoTooHeavy),
        (b"only text, whatever the file is called", NotAPhoto),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", NotAPhoto),
        (picture("GIF", "L"), NotAPhoto),
        (picture("TIFF"), NotAPhoto),
        (b"\0\0\0\x18ftypheic" + bytes(64), PhotoOfNewKind),
        (png_bomb(8000, 8000), PhotoTooManyPixels),
        (png_bomb(60000, 60000), PhotoFarTooLarge),
        (png_bomb(300, 300), PhotoBroken),
        (moving("PNG"), PhotoMoves),
        (moving("WEBP"), PhotoMoves),
        (left_red_right_blue(1)[:-400], PhotoBroken),
        (left_red_right_blue(1)[:40], PhotoBroken),
        (left_red_right_blue(1) + b"\xff\xda" * 200, PhotoBroken),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_own_sentence(content: bytes, error: type[DonateError]) -> None:
    with pytest.raises(error) as caught:
        read_photo(content)
    assert caught.value.field == "photo"


def test_the_same_photo_gives_the_same_bytes() -> None:
    assert read_photo(left_red_right_blue(6)).content == read_photo(left_red_right_blue(6)).content
