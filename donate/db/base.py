"""What every model stands on: naming convention, column types, dataclass constructors."""

from datetime import datetime
from typing import Annotated, ClassVar

from sqlalchemy import BigInteger, DateTime, Identity, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, mapped_column

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_ix",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class Base(MappedAsDataclass, DeclarativeBase):
    """Keyword-only dataclass models; `int` is bigint and `datetime` carries its time zone."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {
        int: BigInteger,
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
    }


# Identity, not SERIAL: the restricted roles then need no grant on a sequence.
Id = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
