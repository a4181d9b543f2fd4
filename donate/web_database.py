"""The database behind an application: opened from the settings, bound for every request."""

import atexit
from collections.abc import Mapping

from flask import Flask

from donate import db
from donate.db import Database, Role, embedded
from donate.people import limits
from donate.settings import Settings


def attach(app: Flask, settings: Settings, database: Database | None) -> Database:
    """Bind `database`, or the one that the settings name, before every request; which one it is."""
    chosen = database or _open(settings)

    def bind() -> None:
        db.bind(chosen)
        limits.bind_key(settings.secret_key)

    app.before_request(bind)
    return chosen


def _open(settings: Settings) -> Database:
    urls: Mapping[Role, str | None] = {
        Role.WEB: settings.database_url_web,
        Role.SEQUENCER: settings.database_url_sequencer,
        Role.ERASER: settings.database_url_eraser,
    }
    own = {role: url for role, url in urls.items() if url}
    if settings.database_url is not None:
        return Database(settings.database_url, urls=own, pool_size=settings.threads)
    running = embedded.running(settings.instance)
    url = running.__enter__()
    # Held for the life of this process: the embedded server stops with its last user.
    atexit.register(running.__exit__, None, None, None)
    return Database(url, urls=own, pool_size=settings.threads)
