"""Donate: very small donations for concrete needs, from a phone to a public ledger that anyone can check."""

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from donate.db import Database
    from donate.settings import Settings

# Werkzeug compiles each rule by ast.parse, which Python (seen with 3.11.7) now and then breaks off with a SystemError when
# two threads are in it at once: python/cpython issue 106905.
_one_at_a_time = Lock()


def create_app(settings: "Settings | None" = None, database: "Database | None" = None) -> "Flask":
    """A web application on `settings` (the environment's by default) and `database`.

    Without `database` it opens the one that the settings name. May be called many times in one process.
    """
    # Imported here so that `import donate.money` does not bring a web framework along.
    from flask import Flask

    from donate import web, web_answers, web_database, web_errors, web_pages, web_quick, webhooks
    from donate.folders import top_folder
    from donate.giving.challenge import challenge_of
    from donate.settings import read_settings

    settings = settings or read_settings()
    with _one_at_a_time:
        challenge_of(settings)  # refused now, not at the first donor who would be asked
        app = Flask("donate", template_folder=str(top_folder("templates")), static_folder=None)
        web_answers.configure(app, settings)
        chosen = web_database.attach(app, settings, database)
        take = webhooks.taking(settings)
        web.hang_doors(app, settings, take)
        web_pages.install_pages(app, settings)
        web_errors.install(app, settings)
        web_quick.install(app, take, settings, chosen)
        return app
