"""What one web worker meets in an hour, in a fixed order: pages, gifts, messages, files, photos of a phone's size."""

import json
import random
import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from PIL import Image
from sqlalchemy import select

from donate.campaigns.models import Campaign
from donate.organisations.models import Organisation
from donate.payments.sandbox import keys
from tests.bench.servers import fetch
from tests.bench.site import CAMPAIGN, Site
from tests.bench.webhook import example_message, signed_messages
from tests.campaigns import factories as campaigns
from tests.giving import factories as giving
from tests.people import factories as people

PATHS = (
    "/zh/",
    "/en/",
    "/zh/campaigns",
    "/en/campaigns?q=xinhuang",
    f"/zh/c/{CAMPAIGN}",
    f"/en/c/{CAMPAIGN}",
    f"/zh/give/{CAMPAIGN}",
    f"/en/give/{CAMPAIGN}?amount=15",
    "/zh/ledger",
    "/en/ledger/3",
    "/zh/how-to-check",
    "/en/status",
    "/zh/sign-in",
    "/en/complain",
    "/en/nothing-here",
)
FILES = ("/ledger.csv", f"/c/{CAMPAIGN}/ledger.csv")
# At these places of every fifty rounds something else than a page is asked for.
OTHERS = {5: "gift", 10: "message", 20: "file", 30: "gift", 35: "message", 45: "photo"}
PHOTO = (4000, 3000)
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@dataclass(slots=True)
class Mixture:
    """Everybody who comes to the site on `port`; each donor from a network of their own, since networks have limits."""

    world: Site
    port: int
    counts: dict[str, int]
    requests: int = 0
    _example: dict[str, Any] | None = None
    _photos: str = ""
    _cookie: str = ""
    _csrf: str = ""

    def run(self, requests: int) -> None:
        """Ask for `requests` things, or a few more where the last one takes several."""
        self._prepare()
        number = 0
        while self.requests < requests:
            what = OTHERS.get(number % 50, "page")
            getattr(self, f"_{what}")(number)
            self.counts[what] = self.counts.get(what, 0) + 1
            number += 1

    def _prepare(self) -> None:
        """A message to copy, and an editor of the campaign's partner who has signed in and written an update."""
        self._example = example_message(self.world)
        with self.world.database.transaction() as session:
            campaign = session.scalars(select(Campaign).filter_by(ref=CAMPAIGN)).one()
            partner = session.get_one(Organisation, campaign.partner_id).ref
            email = people.user(session, memberships=((partner, "editor"),)).email
            update = campaigns.update(session, campaign)
            self._photos = f"/en/desk/c/{CAMPAIGN}/updates/{update.id}/photos"
        _, headers, _ = self._post("/en/sign-in", {"email": email, "password": people.PASSWORD}, 303)
        self._cookie = headers["set-cookie"].partition(";")[0]
        _, headers, page = self._ask(self._photos, 200, {"Cookie": self._cookie})
        self._cookie = headers.get("set-cookie", self._cookie).partition(";")[
            0
        ]  # with what the form's token is tied to
        self._csrf = self._hidden(page, "csrf_token")

    def _ask(self, path: str, expected: int, headers: dict[str, str] | None = None, **sent: Any) -> Any:
        answer = fetch(self.port, path, headers, **sent)
        assert answer[0] == expected, (path, answer[0], answer[2][:400])
        self.requests += 1
        return answer

    def _post(self, path: str, fields: dict[str, str], expected: int, donor: int = 0) -> Any:
        headers = FORM | self._from(donor)
        return self._ask(path, expected, headers, method="POST", body=urlencode(fields).encode())

    @staticmethod
    def _from(donor: int) -> dict[str, str]:
        return {"X-Forwarded-For": f"10.{donor // 250 % 250}.{donor % 250}.7"}

    @staticmethod
    def _hidden(page: bytes, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', page.decode())
        assert found is not None, name
        return found[1]

    def _page(self, number: int) -> None:
        path = PATHS[number % len(PATHS)]
        self._ask(path, 404 if path.endswith("nothing-here") else 200)

    def _gift(self, number: int) -> None:
        """The form, what is sent from it with its token, and the sandbox's page that it leads to."""
        path = f"/en/give/{CAMPAIGN}"
        token = self._hidden(self._ask(path, 200, self._from(number))[2], "token")
        _, headers, _ = self._post(path, giving.FORM | {"token": token}, 303, donor=number)
        place = urlsplit(headers["location"])
        self._ask(f"{place.path}?{place.query}", 200, self._from(number))

    def _message(self, _: int) -> None:
        assert self._example is not None
        secret = keys.webhook_secret(self.world.settings.secret_key, giving.MERCHANT)
        ((signature, body),) = signed_messages(self.world, self._example, secret, 1)
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        self._ask(f"/webhooks/sandbox/{giving.MERCHANT}", 200, headers, method="POST", body=body.encode())

    def _file(self, number: int) -> None:
        self._ask(FILES[number // 50 % len(FILES)], 200)

    def _photo(self, number: int) -> None:
        fields = {"csrf_token": self._csrf, "alt_zh": "灶台", "alt_en": "", "children": "none", "token": str(uuid4())}
        boundary = uuid4().hex
        body = _multipart(fields, _photo(number), boundary)
        headers = {"Cookie": self._cookie, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        self._ask(self._photos, 303, headers | {"Sec-Fetch-Site": "same-origin"}, method="POST", body=body)


def _photo(number: int) -> bytes:
    """Twelve million pixels, no two pictures alike, about as many bytes as a phone makes of them."""
    small = Image.frombytes("RGB", (400, 300), random.Random(number).randbytes(400 * 300 * 3))
    out = BytesIO()
    small.resize(PHOTO, Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()


def _multipart(fields: dict[str, str], photo: bytes, boundary: str) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
    parts += [head.encode(), b"Content-Type: image/jpeg\r\n\r\n", photo, f"\r\n--{boundary}--\r\n".encode()]
    return b"".join(parts)


def words_of(counts: dict[str, int]) -> str:
    return json.dumps(counts).strip("{}").replace('"', "")
