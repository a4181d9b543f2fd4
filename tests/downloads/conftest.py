"""A log that signs, and the programs of others that read our files."""

from tests.publiclog.conftest import log_folder, publisher

__all__ = ["log_folder", "publisher"]
