"""`donate stripe doctor`: what is still missing at the payment provider."""

import json
from dataclasses import asdict

import click
from rich.console import Console
from sqlalchemy import select

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.db import Database
from donate.errors import N_, DonateError
from donate.giving.service import merchant_ref
from donate.ledger.models import Book, MerchantAccount
from donate.settings import Settings
from donate.settling.doctor import Finding, Patient, examine


class NoSuchMerchant(DonateError):
    sentence = N_("There is no merchant account “%(ref)s” here.")
    status = 404


class NoMerchants(DonateError):
    sentence = N_("There is no merchant account yet; register a host first: donate organisation host")
    status = 404


@click.group()
def stripe() -> None:
    """Look after the accounts at the payment provider."""


@stripe.command()
@click.option("--merchant", "ref", metavar="REF", help="Only this merchant account.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@pass_settings
def doctor(settings: Settings, ref: str | None, as_json: bool) -> None:
    """Tell what is missing before donations can be taken: keys, webhooks, payouts, ways of paying.

    Reads only, at the provider as well. Exit code 0: nothing is missing. 1: something is, and its line says what to do.
    """
    with opened(settings, pool_size=2) as database:
        findings = examine(_patients(database, ref), settings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        _print(findings)
    if not all(finding.is_ok for finding in findings):
        raise SystemExit(1)


def _patients(database: Database, ref: str | None) -> list[Patient]:
    with database.reading() as session:
        found = [
            Patient(merchant=merchant_ref(merchant), currency=currency)
            for merchant, currency in session.execute(
                select(MerchantAccount, Book.currency)
                .join(Book, Book.id == MerchantAccount.book_id)
                .order_by(MerchantAccount.id)
            )
        ]
    chosen = [patient for patient in found if ref in (None, patient.merchant.ref)]
    if not chosen:
        raise NoSuchMerchant(ref=ref) if ref is not None else NoMerchants
    return chosen


def _print(findings: list[Finding]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print("[green]ok     [/]" if finding.is_ok else "[red]missing[/]", end=" ")
        console.print(f"{finding.merchant}: {finding.name}: {finding.found}", markup=False)
        if finding.advice:
            console.print(f"          {finding.advice}", markup=False)
    lacking = sum(not finding.is_ok for finding in findings)
    console.print(f"{lacking} of {len(findings)} things are missing." if lacking else "Nothing is missing.")
