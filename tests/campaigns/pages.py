"""Reading and sending the pages of the desks in tests."""

import io
import re
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.files.factories import picture


def token_of(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/en/password").text)
    assert found is not None
    return found[1]


def send(client: FlaskClient, path: str, **fields: Any) -> TestResponse:
    """POST a form with its token."""
    return client.post(path, data={"csrf_token": token_of(client)} | fields)


def send_photo(client: FlaskClient, path: str, content: bytes | None = None, **fields: Any) -> TestResponse:
    """POST a photo whose form is complete unless a field says otherwise."""
    complete = {"alt_zh": "灶台", "alt_en": "The stove", "children": "none", "token": str(uuid4())}
    file = (io.BytesIO(picture() if content is None else content), "photo.jpg")
    return send(client, path, **(complete | fields | {"photo": file}))
