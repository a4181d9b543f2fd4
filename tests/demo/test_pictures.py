"""Every drawing: its own, light, 1,200 pixels wide, the same at every build, and accepted as a photo."""

import io

from PIL import Image

from donate.demo.content import campaigns
from donate.demo.landscapes import REGIONS, school
from donate.demo.pictures import cover, of_update
from donate.files.photo import read_photo


def test_every_picture_of_the_world_is_different_light_and_wide():
    drawn = [cover(text) for text in campaigns()]
    drawn += [of_update(text, update) for text in campaigns() for update in text.updates]
    assert len(drawn) == 44
    assert len(set(drawn)) == len(drawn)
    for content in drawn:
        kept = read_photo(content)
        assert kept.width == 1200
        assert len(kept.content) < 60_000


def test_the_same_seed_draws_the_same_picture():
    assert school("yunxi", "terraces") == school("yunxi", "terraces") != school("yunxi", "karst")


def test_every_region_is_drawn_in_paper_and_ink_with_one_red():
    for region in REGIONS:
        image = Image.open(io.BytesIO(school("any", region)))
        reds = sum(count for count, (red, green, blue) in image.getcolors(1_000_000) if red > 170 > 3 * green)
        assert 0 < reds < image.width * image.height // 200
