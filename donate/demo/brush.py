"""A small drawing table in the ink-wash palette of the pages: flat shapes, drawn large and made small for smooth edges."""

import io
import math
from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageDraw

# The picture tokens of the style sheet, in light: paper washes, ink, the faded and the full red.
W1, W2, W3, W4, W5 = "#eee5d2", "#dfd3bb", "#c3b69b", "#948872", "#4d443a"
MIST, SUN, RED = "#f3ecdd", "#e0b09d", "#bd2f1a"

WIDTH = 1200
_OVERSIZE = 2

Point = tuple[float, float]
Skyline = Callable[[float], float]  # its height at any x


class Brush:
    """Draws in a frame `WIDTH` wide. `random` comes from the seed: the same seed makes the same picture to the byte."""

    def __init__(self, height: int, seed: str, ground: str = W1) -> None:
        self.height = height
        self.random = Random(seed)
        self._image = Image.new("RGB", (WIDTH * _OVERSIZE, height * _OVERSIZE), ground)
        self._draw = ImageDraw.Draw(self._image)

    def shape(self, points: Sequence[Point], fill: str) -> None:
        self._draw.polygon([(x * _OVERSIZE, y * _OVERSIZE) for x, y in points], fill=fill)

    def box(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        self.shape([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], fill)

    def disc(self, x: float, y: float, radius: float, fill: str, flat: float = 1) -> None:
        """A disc, or with `flat` below 1 an ellipse lying down."""
        box = [x - radius, y - radius * flat, x + radius, y + radius * flat]
        self._draw.ellipse([side * _OVERSIZE for side in box], fill=fill)

    def half_disc(self, x: float, y: float, radius: float, fill: str, flat: float = 1) -> None:
        """The lower half: a bowl."""
        box = [x - radius, y - radius * flat, x + radius, y + radius * flat]
        self._draw.pieslice([side * _OVERSIZE for side in box], 0, 180, fill=fill)

    def stroke(self, points: Sequence[Point], fill: str, width: float) -> None:
        flat = [(x * _OVERSIZE, y * _OVERSIZE) for x, y in points]
        self._draw.line(flat, fill=fill, width=max(1, round(width * _OVERSIZE)), joint="curve")

    def ridge(self, base: float, swing: float, length: float) -> Skyline:
        """A smooth random skyline."""
        waves = [
            (swing / part, length / part * self.random.uniform(0.8, 1.25), self.random.uniform(0, 2 * math.pi))
            for part in (1, 2, 3)
        ]
        return lambda x: base + sum(size * math.sin(2 * math.pi * x / span + shift) for size, span, shift in waves)

    def land(self, skyline: Skyline, fill: str, floor: float | None = None) -> None:
        """Everything below a skyline."""
        bottom = self.height if floor is None else floor
        self.shape([(x, skyline(x)) for x in range(-8, WIDTH + 17, 8)] + [(WIDTH + 16, bottom), (-8, bottom)], fill)

    def smoke(self, x: float, y: float, rise: float, fill: str, width: float = 3) -> None:
        lean, sway = self.random.uniform(0.05, 0.4), self.random.uniform(9, 16)
        points = []
        for step in range(41):
            part = step / 40
            points.append((x + rise * lean * part + sway * part * math.sin(part * 11), y - rise * part))
        self.stroke(points, fill, width)

    def jpeg(self) -> bytes:
        """The finished picture, small enough for a phone."""
        out = io.BytesIO()
        self._image.reduce(_OVERSIZE).save(out, "JPEG", quality=84, optimize=True)
        return out.getvalue()
