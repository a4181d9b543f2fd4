"""What card testing is told by: which network and browser tried to pay, what was declined, and where a brake is on."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base


class CheckoutTry(Base, kw_only=True):
    """From where a checkout was started: one row a donation, kept for a day. Hashes are keyed and name nobody.

    Whether it was paid is asked of the checkout itself, so booking a donation writes nothing here.
    """

    __tablename__ = "checkout_try"

    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"), primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    campaign_ref: Mapped[str]
    method: Mapped[str]
    network_hash: Mapped[bytes]
    address_hash: Mapped[bytes]
    browser_hash: Mapped[bytes]
    tried_at: Mapped[datetime]

    __table_args__ = (
        Index("checkout_try_network_ix", "network_hash", "method", "tried_at", postgresql_where="line = 0"),
        Index("checkout_try_address_ix", "address_hash", "method", "tried_at", postgresql_where="line = 0"),
        Index("checkout_try_browser_ix", "browser_hash", "method", "tried_at", postgresql_where="line = 0"),
        Index("checkout_try_campaign_ix", "campaign_ref", "method", "tried_at"),
        Index("checkout_try_tried_at_ix", "tried_at"),
    )


class DeclinedTry(Base, kw_only=True):
    """One payment that the donor's bank or wallet refused, as messages of the provider said; kept for a day."""

    __tablename__ = "declined_try"

    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"), primary_key=True, autoincrement=False)
    # The charge that was refused, so that it counts once however many messages tell of it; where none is named, the
    # message. (The column's name is older than that.)
    attempt: Mapped[str] = mapped_column("event_id", primary_key=True)
    declined_at: Mapped[datetime]

    __table_args__ = (Index("declined_try_declined_at_ix", "declined_at"),)


class CheckoutBrake(Base, kw_only=True):
    """What was last found about one way of paying for one campaign, or (campaign and method empty) about all of them."""

    __tablename__ = "checkout_brake"

    campaign_ref: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    judged_at: Mapped[datetime]
    asks: Mapped[bool] = mapped_column(default=False)
    refuses: Mapped[bool] = mapped_column(default=False)
    # Set while payments are paused or on trial after a pause; a paid trial empties it.
    paused_until: Mapped[datetime | None] = mapped_column(default=None)
    pause_count: Mapped[int] = mapped_column(default=0)

    __table_args__ = (CheckConstraint("(paused_until IS NULL) = (pause_count = 0)", name="paused"),)
