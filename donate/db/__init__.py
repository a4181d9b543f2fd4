"""PostgreSQL: engine and roles, the only commit, model base."""

from donate.db.base import Base, Id
from donate.db.engine import (
    Database,
    NoDatabase,
    Role,
    autocommit,
    bare_transaction,
    bind,
    current,
    reading,
    transaction,
)
from donate.db.statement import Statement

__all__ = [
    "Base",
    "Database",
    "Id",
    "NoDatabase",
    "Role",
    "Statement",
    "autocommit",
    "bare_transaction",
    "bind",
    "current",
    "reading",
    "transaction",
]
