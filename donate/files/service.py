"""Keep a photo: its bytes in the store, what is known of it in the database."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.files.models import StoredFile
from donate.files.photo import Photo
from donate.files.store import Store

CONTENT_TYPES = {"jpg": "image/jpeg"}


def keep_photo(session: Session, store: Store, photo: Photo) -> bytes:
    """The SHA-256 under which the photo is kept; the same photo kept twice is one file."""
    sha256 = store.put(photo.content)
    session.execute(
        insert(StoredFile)
        .values(
            sha256=sha256,
            extension=photo.extension,
            byte_count=len(photo.content),
            width=photo.width,
            height=photo.height,
            stored_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    return sha256
