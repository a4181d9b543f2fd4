"""PostgreSQL: engine and roles, the only commit, model base."""

from donate.db.base import Base, Id
from donate.db.engine import Database, NoDatabase, Role, autocommit, bind, current, reading, transaction

__all__ = ["Base", "Database", "Id", "NoDatabase", "Role", "autocommit", "bind", "current", "reading", "transaction"]
