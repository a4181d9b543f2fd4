"""`donate demo`, then `python -m tests.journeys.pictures [address]`: takes the README's pictures anew from what runs there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys.conftest import CHROMIUM
from tests.laws.source import ROOT

ADDRESS = "http://127.0.0.1:8000"
FOLDER = ROOT / ".github" / "pictures"
PHONE, DESK, HEIGHT, GAP = 390, 1280, 860, 20
BETWEEN = "#d9ccb3"  # --hair
COLOURS = 128  # of so few colours the pages consist, and the pictures stay small


def main(address: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _browser() as browser:
        _keep("campaign", [_campaign(browser, address), _give_page(browser, address)])
        _keep("ledger", [_shown(_window(browser, DESK, f"{address}/en/ledger"))])


def _campaign(browser: Browser, address: str) -> Image.Image:
    """The figures of the campaign that the README speaks of, with the form beside them."""
    page = _window(browser, DESK, f"{address}/en/c/yunxi")
    page.evaluate("document.querySelector('#give').closest('section').scrollIntoView()")
    return _shown(page)


def _give_page(browser: Browser, address: str) -> Image.Image:
    page = _window(browser, PHONE, f"{address}/zh/give/yunxi")
    page.locator("input[name=amount][value='15.00']").check()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    return _shown(page)


def _window(browser: Browser, width: int, address: str) -> Page:
    page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme="light", reduced_motion="reduce")
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, (address, answer.status)
    return page


def _shown(page: Page) -> Image.Image:
    return Image.open(BytesIO(page.screenshot())).convert("RGB")


def _keep(name: str, shown: list[Image.Image]) -> None:
    """Windows side by side, in one file."""
    whole = Image.new("RGB", (sum(one.width for one in shown) + GAP * (len(shown) - 1), HEIGHT), BETWEEN)
    left = 0
    for one in shown:
        whole.paste(one, (left, 0))
        left += one.width + GAP
    path: Path = FOLDER / f"{name}.png"
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {whole.width} by {whole.height}, {path.stat().st_size:,} bytes")


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


if __name__ == "__main__":
    main(*(sys.argv[1:] or [ADDRESS]))
