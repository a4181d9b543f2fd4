"""Drawn places: hills of the region, a school with its chimney, trees, and a foreground that differs by county."""

import math
from collections.abc import Callable

from donate.demo.brush import MIST, RED, SUN, W1, W2, W3, W4, W5, WIDTH, Brush, Skyline

HEIGHT = 460


def school(seed: str, region: str) -> bytes:
    """A village school in `region` (a key of REGIONS), as the picture of a campaign."""
    brush = Brush(HEIGHT, f"school {region} {seed}")
    brush.disc(brush.random.uniform(170, 1030), brush.random.uniform(95, 150), brush.random.uniform(40, 58), SUN)
    REGIONS[region](brush)
    return brush.jpeg()


def road(seed: str, region: str) -> bytes:
    """The road up to the school, with the van that brings the vegetables."""
    brush = Brush(HEIGHT, f"road {region} {seed}")
    brush.disc(brush.random.uniform(200, 1000), 120, 46, SUN)
    _hills(brush)
    near = brush.ridge(330, 16, 900)
    brush.land(near, W4)
    points = [(x, near(x) + 46 + 12 * math.sin(x / 130)) for x in range(-20, WIDTH + 21, 10)]
    brush.stroke(points, W2, 26)
    brush.stroke(points, W4, 1.5)
    x, y = points[round(brush.random.uniform(38, 84))]
    _van(brush, x, y)
    for _ in range(7):
        tree_x = brush.random.uniform(20, 1180)
        _tree(brush, tree_x, near(tree_x) + 4, brush.random.uniform(34, 62))
    return brush.jpeg()


def _van(brush: Brush, x: float, y: float) -> None:
    brush.shape([(x, y - 40), (x + 66, y - 40), (x + 84, y - 20), (x + 96, y - 16), (x + 96, y), (x, y)], W1)
    brush.box(x, y - 12, 96, 4, RED)
    for left in (6, 28, 50):
        brush.box(x + left, y - 34, 16, 13, W5)
    for wheel in (20, 76):
        brush.disc(x + wheel, y, 9, W5)
        brush.disc(x + wheel, y, 4, W3)
    for left in (10, 34):
        brush.disc(x + left, y - 44, 9, W4, 0.7)


def _hills(brush: Brush) -> None:
    brush.land(brush.ridge(215, 46, 620), W2)
    brush.land(brush.ridge(285, 40, 460), W3)
    brush.land(brush.ridge(322, 8, 700), MIST, 345)


def _terraces(brush: Brush) -> None:
    _hills(brush)
    near = brush.ridge(366, 14, 900)
    brush.land(near, W4)
    for step in range(1, 6):
        line = [(x, near(x) + step * 17 + 6 * math.sin(x / 90 + step)) for x in range(-10, WIDTH + 11, 10)]
        brush.stroke(line, W5 if step % 2 else W3, 1.6)
    _school_and_trees(brush, near, _tree)


def _karst(brush: Brush) -> None:
    for tone, base, count in ((W2, 330, 9), (W3, 362, 7)):
        for _ in range(count):
            x, width = brush.random.uniform(-40, WIDTH + 40), brush.random.uniform(60, 110)
            top = base - brush.random.uniform(90, 230)
            turns = [math.pi * step / 20 for step in range(21)]
            brush.shape([(x - width * math.cos(t), base - (base - top) * math.sin(t)) for t in turns], tone)
        brush.land(brush.ridge(base - 6, 4, 500), tone)
    brush.land(brush.ridge(352, 4, 800), MIST, 372)
    near = brush.ridge(378, 8, 1000)
    brush.land(near, W4)
    _river(brush, 430)
    _school_and_trees(brush, near, _bamboo)


def _loess(brush: Brush) -> None:
    for tone, base, steps in ((W2, 205, 3), (W3, 262, 4), (W4, 330, 5)):
        cliff = brush.ridge(base, 22, 700)
        brush.land(_stepped(cliff), tone)
        for step in range(steps):
            line = [(x, _stepped(cliff)(x) + 16 + step * 15) for x in range(-10, WIDTH + 11, 10)]
            brush.stroke(line, {W2: W3, W3: W2, W4: W5}[tone], 1.2)
    near = brush.ridge(372, 8, 900)
    brush.land(near, W4)
    _furrows(brush, near)
    _school_and_trees(brush, near, _poplar)


def _stepped(skyline: Skyline) -> Skyline:
    """The skyline in steps, as wind and farmers leave loess."""
    return lambda x: round(skyline(x) / 9) * 9.0


def _snow(brush: Brush) -> None:
    for tone, base, jag in ((W2, 290, 150), (W3, 320, 105)):
        x = -60.0
        while x < WIDTH + 60:
            width = brush.random.uniform(120, 220)
            _peak(brush, x, x + width, base, base - brush.random.uniform(0.5, 1) * jag, tone)
            x += width * 0.55
        brush.land(brush.ridge(base - 4, 6, 600), tone)
    near = brush.ridge(362, 12, 1000)
    brush.land(near, W4)
    _furrows(brush, near)
    _school_and_trees(brush, near, _pine)


def _peak(brush: Brush, left: float, right: float, base: float, top: float, tone: str) -> None:
    """A mountain with snow on its upper third."""
    peak = left + (right - left) * brush.random.uniform(0.4, 0.6)
    brush.shape([(left, base), (peak, top), (right, base)], tone)
    cut, west, east = (base - top) * 0.3, (peak - left) * 0.3, (right - peak) * 0.3
    edge = [(peak + east * 0.3, top + cut * 0.7), (peak - west * 0.4, top + cut * 1.1)]
    brush.shape([(peak, top), (peak + east, top + cut), *edge, (peak - west, top + cut)], MIST)


def _grassland(brush: Brush) -> None:
    brush.land(brush.ridge(270, 18, 900), W2)
    brush.land(brush.ridge(318, 14, 800), W3)
    near = brush.ridge(360, 10, 1100)
    brush.land(near, W4)
    for _ in range(140):
        x, y = brush.random.uniform(0, WIDTH), brush.random.uniform(385, 455)
        brush.stroke([(x, y), (x + brush.random.uniform(-5, 5), y - brush.random.uniform(6, 14))], W3, 1.2)
    for _ in range(5):
        _sheep(brush, brush.random.uniform(40, 1160), brush.random.uniform(398, 440))
    _school_and_trees(brush, near, _poplar)


def _river_hills(brush: Brush) -> None:
    _hills(brush)
    near = brush.ridge(352, 10, 900)
    brush.land(near, W4)
    _river(brush, 412)
    x, y = brush.random.uniform(120, 1000), 436
    brush.shape([(x, y), (x + 96, y), (x + 80, y + 13), (x + 16, y + 13)], W5)
    brush.shape([(x + 26, y), (x + 34, y - 18), (x + 64, y - 18), (x + 72, y)], W4)
    _school_and_trees(brush, near, _bamboo)


def _plain(brush: Brush) -> None:
    brush.land(brush.ridge(300, 10, 900), W2)
    brush.land(brush.ridge(328, 6, 700), W3)
    near = brush.ridge(358, 5, 1200)
    brush.land(near, W4)
    vanish = brush.random.uniform(350, 850)
    for step in range(-26, 27):
        brush.stroke([(vanish + step * 12, 362), (vanish + step * 92, HEIGHT)], W5 if step % 2 else W3, 1.4)
    _school_and_trees(brush, near, _poplar)


def _river(brush: Brush, y: float) -> None:
    bank = brush.ridge(y, 5, 700)
    brush.land(bank, W2)
    for _ in range(16):
        x, line = brush.random.uniform(0, WIDTH), brush.random.uniform(y + 10, HEIGHT)
        brush.stroke([(x, line), (x + brush.random.uniform(30, 90), line)], W3, 1.5)


def _furrows(brush: Brush, near: Skyline) -> None:
    for step in range(1, 6):
        brush.stroke([(x, near(x) + step * 15) for x in range(-10, WIDTH + 11, 10)], W5, 1.1)


def _sheep(brush: Brush, x: float, y: float) -> None:
    for leg in (-6, 6):
        brush.stroke([(x + leg, y), (x + leg, y + 10)], W5, 2)
    brush.disc(x, y, 13, W1, 0.66)
    brush.disc(x + 13, y - 4, 5, W5)


def _school_and_trees(brush: Brush, near: Skyline, tree: Callable[[Brush, float, float, float], None]) -> None:
    x = brush.random.uniform(230, 760)
    for _ in range(brush.random.randint(4, 7)):
        tree_x = brush.random.choice([brush.random.uniform(30, x - 90), brush.random.uniform(x + 270, 1170)])
        tree(brush, tree_x, near(tree_x) + 10, brush.random.uniform(50, 92))
    _house(brush, x, near(x + 100) + 14)


def _house(brush: Brush, x: float, y: float) -> None:
    """The class room, the kitchen with its chimney beside it, and the flag."""
    windows = brush.random.choice([2, 3, 4])
    width = 60 + windows * 30
    brush.box(x, y - 58, width, 58, W1)
    brush.shape([(x - 14, y - 56), (x + 20, y - 88), (x + width - 20, y - 88), (x + width + 14, y - 56)], W5)
    for window in range(windows):
        brush.box(x + 14 + window * 30, y - 42, 17, 17, W4)
    brush.box(x + width - 30, y - 40, 16, 40, W4)
    kitchen = x + width
    brush.box(kitchen + 36, y - 78, 12, 24, W5)
    brush.box(kitchen, y - 42, 68, 42, W1)
    brush.shape([(kitchen - 6, y - 40), (kitchen + 12, y - 60), (kitchen + 56, y - 60), (kitchen + 76, y - 40)], W5)
    brush.box(kitchen + 26, y - 30, 18, 30, W4)
    brush.smoke(kitchen + 42, y - 80, brush.random.uniform(90, 150), W4)
    pole = x - brush.random.uniform(34, 60)
    brush.box(pole, y - 124, 2.5, 124, W5)
    brush.shape([(pole + 2, y - 122), (pole + 32, y - 120), (pole + 32, y - 101), (pole + 2, y - 103)], RED)


def _tree(brush: Brush, x: float, y: float, size: float) -> None:
    brush.box(x - 2, y - size * 0.5, 4, size * 0.5, W5)
    crown = []
    for step in range(24):
        across, up = math.sin(step * math.pi / 12), math.cos(step * math.pi / 12)
        crown.append((x + size * 0.26 * across * (1.1 - 0.35 * up), y - size * (0.62 + 0.44 * up)))
    brush.shape(crown, W5)


def _poplar(brush: Brush, x: float, y: float, size: float) -> None:
    brush.box(x - 1.5, y - 16, 3, 16, W5)
    turns = [math.pi * step / 10 for step in range(20)]
    brush.shape([(x + size * 0.13 * math.sin(t), y - 10 - size * 0.55 * (1 + math.cos(t))) for t in turns], W5)


def _pine(brush: Brush, x: float, y: float, size: float) -> None:
    brush.box(x - 2, y - 14, 4, 14, W5)
    for tier in range(3):
        half, top = size * (0.26 - tier * 0.06), y - 10 - size * (0.42 + tier * 0.24)
        brush.shape([(x - half, top + size * 0.42), (x, top), (x + half, top + size * 0.42)], W5)


def _bamboo(brush: Brush, x: float, y: float, size: float) -> None:
    for _ in range(4):
        lean, foot = brush.random.uniform(-14, 14), x + brush.random.uniform(-16, 16)
        top = (foot + lean, y - size * 1.25)
        brush.stroke([(foot, y), (foot + lean * 0.3, y - size * 0.7), top], W5, 2.4)
        for _ in range(7):
            part, side = brush.random.uniform(0.4, 1), brush.random.choice([-1, 1])
            at_x, at_y = foot + lean * part, y - size * 1.25 * part
            leaf = [(0, 0), (12, 3), (22, 10), (9, 7)]
            brush.shape([(at_x + side * across, at_y + down) for across, down in leaf], W5)


REGIONS = {
    "terraces": _terraces,
    "karst": _karst,
    "loess": _loess,
    "snow": _snow,
    "grassland": _grassland,
    "river": _river_hills,
    "plain": _plain,
}
