"""Public pages as bytes: drawn once, answered many times, and never somebody's own."""

import gzip
from collections.abc import Callable, Iterable
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from donate import page_cache
from donate.page_cache import PageCache

GZIP = {"Accept-Encoding": "gzip, br"}


class Site:
    """A site whose pages count how often they are drawn."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.headers: dict[str, str] = {}
        self.status = 200
        self.before: Callable[[], object] = lambda: None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        self.drawn.append(request.full_path)
        self.before()
        body = f"page {len(self.drawn)} for {request.headers.get('Cookie', 'anybody')}"
        answer = Response(body, self.status, self.headers, mimetype="text/html")
        return answer(environ, start_response)


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def cached(site: Site) -> Client:
    return Client(PageCache(site, is_page=lambda path: path.startswith("/zh")), use_cookies=False)


def etag(answer: TestResponse) -> str:
    return answer.headers["ETag"]


def test_a_page_is_drawn_once_within_its_second(site: Site, cached: Client) -> None:
    first, second = cached.get("/zh/"), cached.get("/zh/")
    assert first.data == second.data == b"page 1 for anybody"
    assert len(site.drawn) == 1


def test_a_page_is_drawn_again_after_its_second(site: Site, cached: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    cached.get("/zh/")
    later = page_cache.monotonic() + 1.01
    monkeypatch.setattr(page_cache, "monotonic", lambda: later)
    assert cached.get("/zh/").data == b"page 2 for anybody"


def test_another_query_is_another_page(cached: Client) -> None:
    assert cached.get("/zh/?q=a").data != cached.get("/zh/?q=b").data


def test_a_reader_who_has_the_page_is_told_so(cached: Client) -> None:
    known = etag(cached.get("/zh/"))
    answer = cached.get("/zh/", headers={"If-None-Match": f'"other", {known}'})
    assert (answer.status_code, answer.data) == (304, b"")
    assert etag(answer) == known


def test_a_reader_with_an_older_page_gets_the_new_one(cached: Client) -> None:
    assert cached.get("/zh/", headers={"If-None-Match": '"older"'}).status_code == 200


def test_the_first_reader_s_own_conditions_do_not_reach_the_kept_page(cached: Client) -> None:
    cached.get("/zh/", headers={"If-None-Match": "*", "Range": "bytes=0-1"})
    assert cached.get("/zh/").data == b"page 1 for anybody"


def test_a_cookie_changes_nothing(cached: Client) -> None:
    assert cached.get("/zh/", headers={"Cookie": "session=secret"}).data == b"page 1 for anybody"
    assert "Cookie" not in cached.get("/zh/").headers["Vary"]


def test_the_packed_page_is_the_same_page_under_its_own_mark(cached: Client) -> None:
    plain, packed = cached.get("/zh/"), cached.get("/zh/", headers=GZIP)
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["Content-Encoding"] == "gzip"
    assert etag(packed) != etag(plain)
    assert packed.headers["Vary"] == "Accept-Encoding"


def test_a_packed_mark_is_not_taken_for_the_plain_page(cached: Client) -> None:
    packed = etag(cached.get("/zh/", headers=GZIP))
    assert cached.get("/zh/", headers={"If-None-Match": packed}).status_code == 200
    assert cached.get("/zh/", headers=GZIP | {"If-None-Match": packed}).status_code == 304


def test_a_head_request_has_the_headers_without_the_page(cached: Client) -> None:
    answer = cached.head("/zh/")
    assert answer.data == b""
    assert answer.headers["Content-Length"] == str(len(cached.get("/zh/").data))


def test_other_paths_and_methods_pass_by(site: Site, cached: Client) -> None:
    cached.get("/zh/")
    cached.post("/zh/")
    cached.get("/desk", headers={"Cookie": "mine"})
    assert cached.get("/desk", headers={"Cookie": "mine"}).data == b"page 4 for mine"
    assert len(site.drawn) == 4


@pytest.mark.parametrize(
    "header",
    [("Set-Cookie", "a=b"), ("Cache-Control", "no-store"), ("Cache-Control", "private, max-age=9")],
)
def test_what_is_somebody_s_own_is_not_kept(site: Site, cached: Client, header: tuple[str, str]) -> None:
    site.headers = dict([header])
    assert cached.get("/zh/").data != cached.get("/zh/").data


def test_errors_are_not_kept(site: Site, cached: Client) -> None:
    site.status = 503
    assert cached.get("/zh/").status_code == 503
    site.status = 200
    assert cached.get("/zh/").status_code == 200


def test_many_readers_at_once_cost_one_drawing(site: Site) -> None:
    cache = PageCache(site, is_page=lambda path: True)
    drawing, together = Event(), Barrier(9)
    site.before = lambda: drawing.wait(5)
    pages: list[bytes] = []

    def read() -> None:
        together.wait(5)
        pages.append(Client(cache).get("/zh/").data)

    readers = [Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    together.wait(5)
    drawing.set()
    for reader in readers:
        reader.join(5)
    assert pages == [b"page 1 for anybody"] * 8


def test_a_drawing_that_fails_lets_the_next_reader_try(site: Site, cached: Client) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    site.before = fail
    with pytest.raises(RuntimeError):
        cached.get("/zh/")
    site.before = lambda: None
    assert cached.get("/zh/").data == b"page 2 for anybody"


def test_no_more_bytes_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    cached = Client(PageCache(site, is_page=lambda path: True))
    size = len(cached.get("/zh/?q=0").data) + len(cached.get("/zh/?q=0", headers=GZIP).data)
    monkeypatch.setattr(page_cache, "MOST_KEPT_BYTES", 3 * size)
    for number in range(5):
        cached.get(f"/zh/?q={number}")
    assert cached.get("/zh/?q=4").data == b"page 5 for anybody"
    assert cached.get("/zh/?q=0").data == b"page 6 for anybody"


def test_public_pages_set_no_cookie_and_do_not_vary_by_one(client: FlaskClient) -> None:
    for path in ("/zh/", "/en/campaigns", "/zh/style"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Cache-Control"] == "public, max-age=1"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_private_pages_do_not_enter_the_cache(client: FlaskClient) -> None:
    assert client.get("/zh/sign-in").headers["Cache-Control"] == "no-store"


def test_a_static_file_is_kept_for_ever_under_the_hash_of_its_content(client: FlaskClient) -> None:
    page = client.get("/zh/").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = client.get(address, headers=GZIP)
    assert answer.headers["Cache-Control"].endswith("immutable")
    assert b":root{" in gzip.decompress(answer.data)
    assert client.get(address.split("?")[0]).headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.parametrize("path", ["/static/../pyproject.toml", "/static/css/none.css", "/static/%2e%2e/README.md"])
def test_there_is_no_way_out_of_the_static_folder(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
