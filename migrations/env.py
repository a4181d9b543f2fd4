"""Alembic's entry: the revisions run as the owner, over the connection that the caller hands in."""

import importlib
import pkgutil

from alembic import context

import donate
from donate.db import Base

for room in pkgutil.iter_modules(donate.__path__):
    for part in pkgutil.iter_modules([f"{donate.__path__[0]}/{room.name}"]) if room.ispkg else ():
        # A room with many tables has several files of them: `models.py`, `recorded_models.py`.
        if part.name.rpartition("_")[2] == "models":
            importlib.import_module(f"donate.{room.name}.{part.name}")

given = context.config.attributes
context.configure(
    connection=given["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    on_version_apply=given.get("on_version_apply"),
)
with context.begin_transaction():
    context.run_migrations()
