"""Drawn things of the kitchen: bowls, stove, market baskets, tables, the account book. No person, no child."""

import math

from donate.demo.brush import MIST, RED, SUN, W1, W2, W3, W4, W5, WIDTH, Brush

HEIGHT = 640


def bowls(seed: str) -> bytes:
    """A table with bowls of rice that are still hot."""
    brush = Brush(HEIGHT, f"bowls {seed}")
    _window(brush, brush.random.uniform(120, 760))
    brush.box(0, 400, WIDTH, 240, W4)
    for line in range(5):
        brush.stroke([(0, 430 + line * 46), (WIDTH, 424 + line * 50)], W3, 1.5)
    count = brush.random.randint(3, 5)
    for place in range(count):
        x = WIDTH * (place + 0.5) / count + brush.random.uniform(-24, 24)
        _bowl(brush, x, brush.random.uniform(410, 452), brush.random.uniform(84, 104))
    x = brush.random.uniform(180, 700)
    brush.stroke([(x, 604), (x + 300, 566)], W5, 7)
    brush.stroke([(x + 6, 620), (x + 306, 584)], W5, 7)
    return brush.jpeg()


def kitchen(seed: str) -> bytes:
    """A tiled wood stove with two woks, shelf and jars."""
    brush = Brush(HEIGHT, f"kitchen {seed}")
    brush.box(0, 500, WIDTH, 140, W3)
    _window(brush, brush.random.uniform(20, 110))
    left = brush.random.uniform(180, 330)
    brush.box(left, 330, 700, 200, W2)
    for row in range(5):
        brush.stroke([(left, 330 + row * 40), (left + 700, 330 + row * 40)], W3, 1.5)
        for column in range(12):
            x = left + column * 60 + (30 if row % 2 else 0)
            brush.stroke([(x, 330 + row * 40), (x, 370 + row * 40)], W3, 1.5)
    brush.box(left - 14, 314, 728, 20, W5)
    for place in (190, 500):
        brush.half_disc(left + place, 312, 118, W5, 0.16)
        brush.disc(left + place, 311, 118, W4, 0.1)
        brush.box(left + place - 40, 430, 80, 70, W5)
        flame = [(-20, 500), (-8, 452), (4, 484), (14, 446), (24, 500)]
        brush.shape([(left + place + x, y) for x, y in flame], RED)
        for strand in (-46, 0, 44):
            brush.smoke(left + place + strand, 296, brush.random.uniform(120, 190), W3, 4)
    brush.box(left + 630, 60, 44, 256, W4)
    _jars(brush, brush.random.uniform(420, 560), 190)
    return brush.jpeg()


def market(seed: str) -> bytes:
    """Baskets of what was bought this morning, and the steelyard that weighed it."""
    brush = Brush(HEIGHT, f"market {seed}", W2)
    brush.box(0, 470, WIDTH, 170, W1)
    brush.stroke([(0, 470), (WIDTH, 470)], W3, 3)
    kinds = [_pumpkins, _cabbages, _radishes, _eggs]
    brush.random.shuffle(kinds)
    for place, kind in enumerate(kinds[:3]):
        x = 220 + place * 380 + brush.random.uniform(-30, 30)
        kind(brush, x, 430)
        _basket(brush, x, 430)
    beam_y = brush.random.uniform(110, 150)
    brush.stroke([(330, beam_y + 22), (890, beam_y - 22)], W5, 7)
    brush.stroke([(450, beam_y + 12), (450, beam_y - 70)], W5, 3)
    brush.stroke([(360, beam_y + 20), (320, beam_y + 110)], W5, 2)
    brush.stroke([(360, beam_y + 20), (400, beam_y + 110)], W5, 2)
    brush.half_disc(360, beam_y + 110, 52, W4, 0.5)
    weight = brush.random.uniform(640, 840)
    brush.stroke([(weight, beam_y - 6), (weight, beam_y + 50)], W5, 2)
    brush.box(weight - 15, beam_y + 50, 30, 40, W5)
    return brush.jpeg()


def account_book(seed: str) -> bytes:
    """An open account book with its red rules, a stamp and an abacus."""
    brush = Brush(HEIGHT, f"book {seed}", W3)
    x = brush.random.uniform(150, 260)
    brush.shape([(x, 96), (x + 430, 84), (x + 860, 96), (x + 860, 560), (x + 430, 548), (x, 560)], MIST)
    brush.stroke([(x + 430, 84), (x + 430, 548)], W3, 3)
    for row in range(11):
        y = 140 + row * 36
        for side in (30, 460):
            brush.stroke([(x + side, y), (x + side + 370, y)], SUN, 1.6)
            brush.stroke([(x + side + 8, y - 12), (x + side + brush.random.uniform(70, 180), y - 12)], W5, 4)
            brush.stroke([(x + side + 360 - brush.random.uniform(40, 80), y - 12), (x + side + 360, y - 12)], W5, 4)
    for side in (30, 250, 400, 460, 680, 830):
        brush.stroke([(x + side, 118), (x + side, 520)], SUN, 1.6)
    stamp = brush.random.uniform(480, 700)
    brush.box(x + stamp, 430, 84, 84, RED)
    brush.box(x + stamp + 7, 437, 70, 70, MIST)
    for bar in range(4):
        brush.box(x + stamp + 16, 447 + bar * 15, 52, 6, RED)
    _abacus(brush, brush.random.uniform(90, 420), 556)
    return brush.jpeg()


def tables(seed: str) -> bytes:
    """The dining room before noon: tables, stools, bowls upside down."""
    brush = Brush(HEIGHT, f"tables {seed}")
    brush.box(0, 360, WIDTH, 280, W2)
    for place in range(3):
        _window(brush, 90 + place * 390)
    for row, (y, size) in enumerate(((390, 0.8), (500, 1.15))):
        shift = brush.random.uniform(-60, 60) + row * 90
        for column in range(3):
            x = 40 + column * 420 * size + shift
            brush.box(x, y, 290 * size, 16 * size, W5)
            for leg in (12, 262):
                brush.box(x + leg * size, y, 16 * size, 96 * size, W4)
            for stool in (50, 190):
                brush.box(x + stool * size, y + 62 * size, 62 * size, 9 * size, W5)
                brush.box(x + (stool + 8) * size, y + 62 * size, 7 * size, 44 * size, W5)
                brush.box(x + (stool + 47) * size, y + 62 * size, 7 * size, 44 * size, W5)
            for bowl in range(brush.random.randint(2, 4)):
                brush.disc(x + (50 + bowl * 62) * size, y, 22 * size, W4, 0.9)
            brush.box(x, y, 290 * size, 16 * size, W5)
    return brush.jpeg()


def _window(brush: Brush, x: float) -> None:
    brush.box(x, 60, 300, 220, W5)
    brush.box(x + 8, 68, 284, 204, MIST)
    hill = brush.ridge(200, 22, 260)
    brush.shape(
        [(x + 8, 272), *((x + 8 + step * 4, min(272, hill(step * 4))) for step in range(72)), (x + 292, 272)], W2
    )
    brush.disc(x + brush.random.uniform(70, 230), 116, 22, SUN)
    for bar in (97, 195):
        brush.box(x + bar, 60, 6, 220, W5)
    brush.box(x, 166, 300, 6, W5)


def _bowl(brush: Brush, x: float, y: float, size: float) -> None:
    brush.disc(x, y + size * 0.78, size * 0.7, W5, 0.12)
    turns = [math.pi * step / 16 for step in range(17)]
    brush.shape([(x + size * 0.86 * math.cos(t), y - size * 0.5 * math.sin(t)) for t in turns], MIST)
    for _ in range(16):
        turn, far = brush.random.uniform(0.4, 2.7), brush.random.uniform(0.1, 0.85)
        grain_x, grain_y = x + size * 0.8 * far * math.cos(turn), y - size * 0.44 * far * math.sin(turn)
        brush.stroke([(grain_x, grain_y), (grain_x + 7, grain_y - 3)], W3, 2)
    if brush.random.random() < 0.6:
        brush.disc(x + size * 0.2, y - size * 0.3, size * 0.2, W4, 0.6)
    brush.half_disc(x, y - 4, size, W5, 0.84)
    brush.stroke([(x - size * 0.94, y + 10), (x + size * 0.94, y + 10)], RED, 4)
    brush.box(x - size * 0.4, y + size * 0.7, size * 0.8, size * 0.12, W5)
    for strand in (-0.3, 0.25):
        brush.smoke(x + size * strand, y - size * 0.52, brush.random.uniform(80, 150), W3, 4)


def _jars(brush: Brush, x: float, y: float) -> None:
    brush.box(x - 40, y, 330, 10, W5)
    for place in range(4):
        size = brush.random.uniform(22, 32)
        brush.disc(x + place * 78, y - size, size, (W3, W4)[place % 2])
        brush.box(x + place * 78 - 14, y - size * 2.1, 28, 10, W5)


def _basket(brush: Brush, x: float, y: float) -> None:
    brush.shape([(x - 160, y), (x + 160, y), (x + 122, y + 120), (x - 122, y + 120)], W4)
    for row in range(4):
        brush.stroke([(x - 154 + row * 9, y + 16 + row * 28), (x + 154 - row * 9, y + 16 + row * 28)], W5, 3)
    for column in range(-5, 6):
        brush.stroke([(x + column * 30, y), (x + column * 23, y + 120)], W5, 1.6)


def _pumpkins(brush: Brush, x: float, y: float) -> None:
    for place in (-86, 84, 0):
        for rib in (-34, 34, 0):
            brush.disc(x + place + rib, y - 24, 44, SUN if rib else "#d79a83", 0.92)
        brush.box(x + place - 5, y - 78, 10, 18, W5)


def _cabbages(brush: Brush, x: float, y: float) -> None:
    for place in (-92, 92, 0):
        brush.disc(x + place, y - 26, 58, W3)
        brush.disc(x + place, y - 26, 42, W2)
        brush.disc(x + place, y - 26, 22, MIST)
        brush.stroke([(x + place, y + 20), (x + place, y - 62)], W1, 3)


def _radishes(brush: Brush, x: float, y: float) -> None:
    for place in range(7):
        tip = x - 120 + place * 40
        brush.shape([(tip - 17, y - 40), (tip + 17, y - 40), (tip + 3, y + 60)], MIST)
        brush.disc(tip, y - 42, 18, MIST)
        for leaf in (-18, 0, 18):
            brush.stroke([(tip, y - 54), (tip + leaf, y - 100 - brush.random.uniform(0, 22))], W4, 6)


def _eggs(brush: Brush, x: float, y: float) -> None:
    for row, count in enumerate((7, 6, 4)):
        for place in range(count):
            brush.disc(x - (count - 1) * 20 + place * 40, y - 10 - row * 28, 25, (MIST, W1)[place % 2], 0.82)


def _abacus(brush: Brush, x: float, y: float) -> None:
    brush.box(x, y - 96, 420, 128, W5)
    brush.box(x + 10, y - 86, 400, 108, W2)
    brush.box(x + 10, y - 54, 400, 7, W5)
    for rod in range(10):
        rod_x = x + 34 + rod * 39
        brush.box(rod_x - 1.5, y - 86, 3, 108, W5)
        for bead in range(brush.random.randint(1, 4)):
            brush.disc(rod_x, y + 12 - bead * 15, 15, W5, 0.46)
        brush.disc(rod_x, y - 78 + brush.random.choice([0, 14]), 15, RED if rod == 4 else W5, 0.46)


STILL_LIFES = {"bowls": bowls, "kitchen": kitchen, "market": market, "book": account_book, "tables": tables}
