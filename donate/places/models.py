"""Where meals are eaten: a tree from province to school."""

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from donate.db import Base

LEVELS = ("province", "prefecture", "county", "township", "village", "school")


class Place(Base, kw_only=True):
    """A province, prefecture or county by its GB/T 2260 code, or a township, village or school opened under one.

    A county hangs under its prefecture; where there is none (municipalities, counties that a province administers
    itself), under its province. Codes that we give carry a full stop, which no GB/T 2260 code has.
    """

    __tablename__ = "place"
    __table_args__ = (
        CheckConstraint("level IN ('province', 'prefecture', 'county', 'township', 'village', 'school')", name="level"),
        CheckConstraint("(level = 'province') = (parent_code IS NULL)", name="parent"),
        UniqueConstraint("parent_code", "level", "name_zh"),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("place.code"))
    name_zh: Mapped[str]
    name_en: Mapped[str]
    # `|新晃侗族自治县|xinhuangdongautonomouscounty|xinhuangdongzuzizhixian|`: what a typed name is looked for in.
    search: Mapped[str]
