"""The public's door to files: only what something public shows, under an address that never changes its content."""

from werkzeug.wrappers import Response

from donate.campaigns import photos
from donate.campaigns.organiser import PHOTO, store
from donate.db import reading
from donate.errors import NotFound
from donate.files.service import CONTENT_TYPES


def file(sha256: str, extension: str) -> Response:
    digest = photos.digest_of(sha256, extension)
    with reading() as session:
        if not photos.is_public(session, digest):
            raise NotFound
    response = Response(store().read(digest), content_type=CONTENT_TYPES[extension])
    # A day and no longer: a photo that is taken down, perhaps of a child, must leave every cache on the way soon.
    response.headers["Cache-Control"] = "public, max-age=86400, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'"
    response.set_etag(sha256)
    return response


BARE_ROUTES = [(f"/files{PHOTO}", file, ["GET"])]
