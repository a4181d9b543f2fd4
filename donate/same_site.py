"""Forms without a session: was this sent from a page of ours?"""

from urllib.parse import urlsplit

from flask import current_app, request

from donate.errors import N_, DonateError
from donate.settings import Settings


class SentFromElsewhere(DonateError):
    """A form that another site made the reader's browser send."""

    sentence = N_("This form was not sent from a page of ours. Please open the page again and send it from there.")
    status = 403


def require_same_site() -> None:
    """Refuse what a browser sends on behalf of another site. Raises SentFromElsewhere.

    Browsers say where a form came from by Sec-Fetch-Site, older ones by Origin alone. A request that carries neither
    comes from no browser that could have been tricked (a program, a test), so there is nothing to forge.
    """
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        if fetch_site not in ("same-origin", "none"):
            raise SentFromElsewhere
        return
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] not in _own_hosts():
        raise SentFromElsewhere


def came_from() -> str | None:
    """The path of our own page that this request was sent from; None where the browser says nothing or another site.

    The path alone, so that a link to it leads nowhere else: `//host` and backslashes, which browsers read as another
    site, are refused.
    """
    referrer = urlsplit(request.referrer or "")
    if referrer.netloc not in _own_hosts() or not referrer.path.startswith("/"):
        return None
    if referrer.path.startswith("//") or "\\" in referrer.path:
        return None
    return referrer.path


def _own_hosts() -> tuple[str, str]:
    """The host that was asked, and the one that the settings name (a proxy may hide it)."""
    settings: Settings = current_app.config["SETTINGS"]
    return request.host, urlsplit(settings.base_url).netloc
