"""Our own webhook door that verifies and parses a message and then does nothing with it.

The same app on the same server, and the same way in as a message that books: past the hallway, with its headers and log
line.
"""

from donate.db import Database
from donate.giving.merchants import merchant_of
from donate.payments.inbox import Outcome
from donate.payments.merchants import gateway_for
from donate.web_answers import wrap
from donate.web_quick import QuickDoor
from donate.wsgi import app

_settings = app.config["SETTINGS"]


def take(provider: str, merchant: str, body: bytes, signature: str) -> Outcome:
    """What donate.webhooks does before it stores anything."""
    account = merchant_of(merchant)
    assert account.provider == provider
    gateway_for(account, _settings).verify(body, signature)
    return Outcome.IGNORED


wrap(app, QuickDoor(app.wsgi_app, take, _settings, Database(_settings.database_url), prefix="/only-verifies/"))
