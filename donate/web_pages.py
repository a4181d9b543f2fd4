"""How pages are drawn: words and figures for templates, and static files under addresses that never go stale."""

import gzip
import hashlib
import mimetypes
from functools import cache
from typing import Any

from flask import Flask, current_app, g, request, url_for
from flask_babel import Babel
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from donate import page_cache, translations, web_answers
from donate.folders import top_folder
from donate.settings import Settings

COMPRESSED = frozenset({".css", ".js", ".svg", ".txt"})

# Pages that are the same for everybody: they may be kept for a second and are drawn without looking at a session.
CACHED = frozenset(
    {
        "public.home",
        "public.campaigns",
        "public.campaign",
        "public.update",
        "public.organisation",
        "public.ledger",
        "public.entry",
        "public.checking",
        "public.downloads",
        "public.style",
    }
)


class _Words:
    """Stands where Flask-Babel looks for words, so that `flask_babel.gettext` in a door finds the same ones."""

    gettext = staticmethod(translations.gettext)
    ngettext = staticmethod(translations.ngettext)


def install_pages(app: Flask, settings: Settings) -> None:
    """Filters, globals, static files and the page cache. Called once, after the doors are hung."""
    _speak_the_readers_language(app)
    _fill_templates(app, settings)
    app.add_url_rule("/static/<path:name>", endpoint="static", view_func=static_file, methods=["GET"])
    web_answers.wrap(app, page_cache.PageCache(app.wsgi_app, is_page=lambda path: _endpoint(app, path) in CACHED))


def _speak_the_readers_language(app: Flask) -> None:
    babel = Babel(app, configure_jinja=False, locale_selector=lambda: "zh_Hans" if g.locale == "zh" else "en")
    babel.domain_instance = _Words()

    @app.before_request
    def speak() -> None:
        translations.speak(g.locale)


def _fill_templates(app: Flask, settings: Settings) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.i18n")
    # Jinja's "newstyle" fills the places itself, so that what stands in them is escaped. (The extension adds this
    # method at run time, so the type checker cannot know it.)
    words_of = (translations.said, translations.said_of)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        *words_of, newstyle=True
    )
    words = (
        translations.bar_share,
        translations.by_locale,
        translations.currency_word,
        translations.day,
        translations.meals,
        translations.moment,
        translations.money,
        translations.month,
        translations.number,
        translations.plain_amount,
        translations.sentence,
        translations.share,
        translations.spoken,
        translations.unit_word,
        translations.units,
        translations.weekday,
    )
    app.jinja_env.globals.update({word.__name__: word for word in words})
    app.jinja_env.filters.update({word.__name__: word for word in words})
    app.jinja_env.globals.update(
        address=address,
        static_url=static_url,
        other_address=other_address,
        site_name=lambda: by_locale_of(settings),
        base_url=settings.base_url,
        is_sandbox=settings.is_sandbox,
    )


def by_locale_of(settings: Settings) -> str:
    return settings.site_name_zh if translations.spoken() == "zh" else settings.site_name_en


def address(endpoint: str, **values: Any) -> str | None:
    """The address of an endpoint, or None where this installation has no such door."""
    return url_for(endpoint, **values) if endpoint in current_app.view_functions else None


def other_address(locale: str) -> str | None:
    """This very page in another language; None where the page has no language, or is the answer to a form."""
    if request.url_rule is None or request.endpoint is None or "locale" not in request.url_rule.arguments:
        return f"/{locale}/"
    values = {**request.args.to_dict(flat=False), **(request.view_args or {}), "locale": locale}
    return url_for(request.endpoint, **values)


def _endpoint(app: Flask, path: str) -> str | None:
    """Where a path leads, asked only when a page is not in the cache."""
    try:
        endpoint, _ = app.url_map.bind("").match(path, method="GET")
    except HTTPException:  # nothing there, another method, or a redirect to the right spelling
        return None
    return str(endpoint)


@cache
def _static(name: str) -> tuple[bytes, bytes | None, str, str]:
    """Body, gzipped body, media type and version of a static file; read once, since a release changes them."""
    folder = top_folder("static")
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise NotFound
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in COMPRESSED else None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return body, packed, kind, hashlib.sha256(body).hexdigest()[:16]


def static_url(name: str) -> str:
    """The address of a static file with the hash of its content, so that it may be kept for ever."""
    return f"/static/{name}?v={_static(name)[3]}"


def static_file(name: str) -> Response:
    body, packed, kind, version = _static(name)
    is_packed = packed is not None and request.accept_encodings.find("gzip") >= 0
    answer = Response(packed if is_packed else body, mimetype=kind)
    if packed is not None:
        answer.vary.add("Accept-Encoding")
    if is_packed:
        answer.content_encoding = "gzip"
    is_current = request.args.get("v") == version
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if is_current else "public, max-age=60"
    answer.set_etag(f"{version}-gzip" if is_packed else version)
    return answer.make_conditional(request)
