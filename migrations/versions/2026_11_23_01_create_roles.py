"""Create the restricted roles and the function that refuses changes to what happened."""

from alembic import op

from migrations.rights import APPEND_ONLY_FUNCTION

revision = "r01_roles"
down_revision = None

ROLES = ("donate_web", "donate_sequencer", "donate_eraser")


def upgrade() -> None:
    for role in ROLES:
        # There is no CREATE ROLE IF NOT EXISTS, and roles belong to the server, so a second database finds them there.
        op.execute(
            f"""
            DO $$ BEGIN
              CREATE ROLE {role} NOLOGIN;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )
        # An owner that is no superuser must be a member to connect with `role=`; it need not inherit the rights.
        op.execute(
            f"""
            DO $$ BEGIN
              IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                GRANT {role} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE;
              END IF;
            END $$
            """
        )
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute(APPEND_ONLY_FUNCTION)
