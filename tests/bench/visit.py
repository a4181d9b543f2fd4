"""A first visit of a campaign's page: bytes over the wire and requests, without photos, with gzip as browsers ask for it."""

import re
from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.servers import donate_web, fetch
from tests.bench.site import CAMPAIGN, site

ASSETS = re.compile(r'(?:<link[^>]+rel="(?:stylesheet|icon)"[^>]+href|<script[^>]+src|<use[^>]+href)="(/[^"#]+)')


def measure() -> Iterator[Figure]:
    with site(1_000) as world, donate_web(world.environ) as port:
        for name, path in (("home", "/zh/"), ("campaign", f"/zh/c/{CAMPAIGN}")):
            sizes = _visit(port, path)
            yield Figure(f"first visit of the {name} page", sum(sizes) / 1024, "KB", ceiling=60)
            yield Figure(f"first visit of the {name} page", len(sizes), "requests")


def _visit(port: int, path: str) -> list[int]:
    _, _, plain = fetch(port, path)
    assets = sorted(set(ASSETS.findall(plain.decode())))
    sizes = []
    for wanted in [path, *assets]:
        status, headers, body = fetch(port, wanted, {"Accept-Encoding": "gzip"})
        assert status == 200, wanted
        sizes.append(len(body) + sum(len(name) + len(value) + 4 for name, value in headers.items()))
    return sizes
