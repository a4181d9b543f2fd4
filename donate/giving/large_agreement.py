"""The agreement of a large donation: words that both sides see before anybody pays, known by their hash.

It names charity, campaign and amount, and the donor only as "the donor of this request": it can stay when who they
were is erased.
"""

import hashlib

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.queries import CampaignForGiving
from donate.errors import N_
from donate.giving.large_models import AgreementText
from donate.translations import by_locale, gettext, money

PARAGRAPHS = (
    N_("Donation agreement between %(host)s (fundraising licence %(licence)s) and the donor of this request."),
    N_("The donor gives %(amount)s of their own, lawfully earned money to the campaign “%(title)s” (%(ref)s)."),
    N_(
        "Nothing is promised or given in return. The donation is voluntary; refunds follow the rules that hold for every donor."
    ),
    N_(
        "The charity uses the money for this campaign alone, as its published plan says; what is left after it is used as "
        "the plan says. Every entry about the money stands in the public ledger, without the donor’s name unless they "
        "agreed to be named."
    ),
    N_("The donor gets a receipt and may ask for the records of the use of their money, and copy them, at any time."),
    N_(
        "The agreement holds from the moment in which two people of the charity have accepted it and the donor has paid."
    ),
)


def agreement_words(campaign: CampaignForGiving, amount_minor: int) -> str:
    """The agreement in the spoken language."""
    facts = {
        "host": by_locale(campaign, "host_name"),
        "licence": campaign.licence_number or "",
        "amount": money(amount_minor, campaign.currency),
        "title": by_locale(campaign, "title"),
        "ref": campaign.ref,
    }
    return "\n\n".join(gettext(paragraph, **facts) for paragraph in PARAGRAPHS)


def hash_of(words: str) -> bytes:
    """SHA-256 of the UTF-8 bytes."""
    return hashlib.sha256(words.encode()).digest()


def keep(session: Session, words: str) -> bytes:
    """Keep a wording under its hash, once."""
    sha256 = hash_of(words)
    session.execute(
        insert(AgreementText).values(sha256=sha256, words=words, kept_at=clock.now()).on_conflict_do_nothing()
    )
    return sha256
