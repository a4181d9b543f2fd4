"""The restricted roles: made once on a server for all its databases, and granted to the login that owns one of them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, text

from donate.errors import N_, DonateError

ROLES = ("donate_web", "donate_sequencer", "donate_eraser")


class RolesNotGranted(DonateError):
    sentence = N_(
        "The database login %(login)s lacks the roles of the program’s parts. Let a superuser of the server run this, "
        "then try again: %(statements)s"
    )
    status = 503


def make_roles(connection: Connection) -> None:
    """Make the roles that are missing, and make the login a member of all. Raises RolesNotGranted."""
    _require_rights(connection)
    for role in ROLES:
        # There is no CREATE ROLE IF NOT EXISTS, and another database of this server may be making them just now.
        connection.execute(
            text(
                f"""
                DO $$ BEGIN
                  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                    CREATE ROLE {role} NOLOGIN;
                  END IF;
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
                END $$
                """
            )
        )
        # An owner that is no superuser must be a member to connect with `role=`; it need not inherit the rights.
        connection.execute(
            text(
                f"""
                DO $$ BEGIN
                  IF NOT pg_has_role('{role}', 'SET') THEN
                    GRANT {role} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE;
                  END IF;
                END $$
                """
            )
        )


def _require_rights(connection: Connection) -> None:
    """Say what to grant before anything is tried: a refused statement would say only that it was refused."""
    found: Iterable[tuple[Any, ...]] = connection.execute(_FOUND, {"roles": list(ROLES)})
    lacking = {role: is_missing for role, is_missing, may_use in found if not may_use}
    if not lacking:
        return
    login = connection.scalar(text("SELECT quote_ident(current_user)"))
    statements = [f"CREATE ROLE {role};" for role, is_missing in lacking.items() if is_missing]
    raise RolesNotGranted(login=login, statements=" ".join([*statements, f"GRANT {', '.join(lacking)} TO {login};"]))


# Each role: whether it is missing, and whether this login may make it, or act as it, or make itself a member of it.
_FOUND = text(
    """
    SELECT name, pg_roles.oid IS NULL, CASE
      WHEN pg_roles.oid IS NULL THEN (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
      ELSE pg_has_role(pg_roles.oid, 'SET') OR pg_has_role(pg_roles.oid, 'MEMBER WITH ADMIN OPTION') END
    FROM unnest(CAST(:roles AS text[])) WITH ORDINALITY AS wanted (name, place)
    LEFT JOIN pg_roles ON pg_roles.rolname = name ORDER BY place
    """
)
