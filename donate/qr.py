"""A QR code as one SVG path, so that it is drawn in the page without an image or inline style."""

from dataclasses import dataclass

import segno


@dataclass(frozen=True, slots=True)
class QrCode:
    """A square of `size` modules, quiet zone included, and the path of its dark ones."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """The code for a short address, at medium error correction."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=2)]
    runs = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            length = 0
            while x + length < len(row) and row[x + length]:
                length += 1
            if length:
                runs.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length or 1
    return QrCode(len(rows), "".join(runs))


def short_hash_of(leaf_hash: bytes) -> str:
    """The start of a log line's hash, in groups of four as it is read aloud beside the code."""
    figures = leaf_hash.hex()[:32]
    return " ".join(figures[start : start + 4] for start in range(0, 32, 4))
