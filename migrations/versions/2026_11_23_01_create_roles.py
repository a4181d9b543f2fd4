"""Create the restricted roles and the function that refuses changes to what happened."""

from alembic import op

from donate.db.roles import ROLES, make_roles
from migrations.rights import APPEND_ONLY_FUNCTION

revision = "r01_roles"
down_revision = None


def upgrade() -> None:
    make_roles(op.get_bind())
    for role in ROLES:
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    op.execute(APPEND_ONLY_FUNCTION)
