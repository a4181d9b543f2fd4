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

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
