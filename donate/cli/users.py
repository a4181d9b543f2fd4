"""`donate user`: the first users of an installation, a way in for whoever forgot the password, and out for whoever left."""

import secrets

import click
from sqlalchemy.orm import Session

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.organisations.queries import organisations_named
from donate.people import service
from donate.people.models import GlobalRole, MembershipRole
from donate.settings import Settings

PASSWORD_BYTES = 15


@click.group()
def user() -> None:
    """Make users who can sign in, give them a new password, close their sign-in."""


@user.command()
@click.option("--email", required=True, help="The address that the user signs in with.")
@click.option("--name", required=True, help="The name that others see.")
@click.option(
    "--role", type=click.Choice([role.value for role in GlobalRole]), help="A role on the whole installation."
)
@click.option("--organisation", metavar="REF", help="The organisation to make the user a member of, by its reference.")
@click.option(
    "--membership", type=click.Choice([role.value for role in MembershipRole]), help="The role in that organisation."
)
@click.option("--prompt", is_flag=True, help="Ask for the password instead of making a random one.")
@pass_settings
def create(
    settings: Settings,
    email: str,
    name: str,
    role: str | None,
    organisation: str | None,
    membership: str | None,
    prompt: bool,
) -> None:
    """Make a user.

    A random password is made and printed once, unless --prompt asks for one. A user without a role and without a
    membership can sign in and do nothing.
    """
    if (organisation is None) != (membership is None):
        raise click.UsageError("--organisation and --membership belong together.")
    password = _asked_password() if prompt else secrets.token_urlsafe(PASSWORD_BYTES)
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        _require_organisation(session, organisation)
        made = service.create_user(session, email=email, name=name, password=password, role=role)
        if organisation is not None and membership is not None:
            service.add_membership(session, user_id=made.id, organisation=organisation, role=membership)
        address = made.email
    click.echo(f"{address} can sign in at {settings.base_url}/zh/sign-in")
    if not prompt:
        click.echo(f"Password: {password}")


@user.command()
@click.option("--email", required=True, help="The address that the user signs in with.")
@click.option("--prompt", is_flag=True, help="Ask for the password instead of making a random one.")
@pass_settings
def password(settings: Settings, email: str, prompt: bool) -> None:
    """Give a user a new password, and sign them out everywhere."""
    new = _asked_password() if prompt else secrets.token_urlsafe(PASSWORD_BYTES)
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        service.set_password(session, user_id=service.user_id_of(session, email=email), password=new)
    click.echo("The password is changed.")
    if not prompt:
        click.echo(f"Password: {new}")


@user.command()
@click.option("--email", required=True, help="The address that the user signs in with.")
@pass_settings
def deactivate(settings: Settings, email: str) -> None:
    """Close a user's sign-in for good, and sign them out everywhere.

    What they did keeps their name.
    """
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        service.deactivate(session, user_id=service.user_id_of(session, email=email))
    click.echo("The user can no longer sign in.")


@user.command()
@click.option("--email", required=True, help="The address that the user signs in with.")
@click.option("--organisation", metavar="REF", required=True, help="The organisation, by its reference.")
@click.option("--membership", type=click.Choice([role.value for role in MembershipRole]), required=True)
@pass_settings
def join(settings: Settings, email: str, organisation: str, membership: str) -> None:
    """Give a user who can sign in already a role in an organisation."""
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        _require_organisation(session, organisation)
        user_id = service.user_id_of(session, email=email)
        service.add_membership(session, user_id=user_id, organisation=organisation, role=membership)
    click.echo(f"The user is {membership} of {organisation}.")


@user.command()
@click.option("--email", required=True, help="The address that the user signs in with.")
@click.option("--organisation", metavar="REF", required=True, help="The organisation, by its reference.")
@click.option("--membership", type=click.Choice([role.value for role in MembershipRole]), required=True)
@pass_settings
def withdraw(settings: Settings, email: str, organisation: str, membership: str) -> None:
    """Take one role in one organisation from a user.

    It counts from their next click on; other roles, and the sign-in, stay. What they did keeps their name.
    """
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        user_id = service.user_id_of(session, email=email)
        service.remove_membership(session, user_id=user_id, organisation=organisation, role=membership)
    click.echo(f"The user is no longer {membership} of {organisation}.")


def _asked_password() -> str:
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked


def _require_organisation(session: Session, ref: str | None) -> None:
    if ref is not None and not organisations_named(session, [ref]):
        raise click.UsageError(f"There is no organisation with the reference {ref}.")
