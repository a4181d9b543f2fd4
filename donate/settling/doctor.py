"""What a new operator still has to set up at the provider: each thing that payments need, found or missing, and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from donate import clock
from donate.errors import BadSetting, DonateError
from donate.payments.facts import AccountSeen, EndpointSeen, MethodsSeen
from donate.payments.gateway import MerchantRef, ProviderKeyRefused, ProviderRefused, ProviderUnavailable
from donate.payments.merchants import SandboxClosed, gateway_for, setting_of
from donate.payments.stripe import API_VERSION
from donate.payments.tariffs import methods_of
from donate.settings import Settings
from donate.settling.messages import handlers

MOST_SKEW = timedelta(seconds=30)  # a message whose signature is more than five minutes off is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that payments need. `advice` says what to do, and is empty where nothing is missing."""

    merchant: str
    name: str
    is_ok: bool
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A merchant account with what its book says."""

    merchant: MerchantRef
    currency: str


def examine(patients: Sequence[Patient], settings: Settings) -> list[Finding]:
    """Everything about these accounts. Asks the provider: never call it in a transaction."""
    findings: list[Finding] = []
    owners: dict[str, str] = {}
    for patient in patients:
        found, account = _examined(patient, settings)
        findings += found
        if account is None:
            continue
        other = owners.setdefault(account.account_id, patient.merchant.ref)
        if other != patient.merchant.ref:
            findings.append(
                Finding(
                    merchant=patient.merchant.ref,
                    name="own account",
                    is_ok=False,
                    found=f"the same account as {other}",
                    advice="Every host brings an account of its own: set each its own key.",
                )
            )
    return findings


def _examined(patient: Patient, settings: Settings) -> tuple[list[Finding], AccountSeen | None]:
    exam = _Exam(patient, settings)
    try:
        gateway = gateway_for(patient.merchant, settings)
    except (BadSetting, SandboxClosed) as error:
        return [exam.missing("key", str(error), "Set the secret key of this account, in its own mode.")], None
    exam.key_and_secrets()
    account = None
    try:
        account = gateway.read_account()
    except ProviderKeyRefused:
        exam.say("key works", False, "the provider refused it", "Make a key with the right to read the account.")
    except (ProviderRefused, ProviderUnavailable) as error:
        exam.say("key works", False, str(error), "Try again; look whether this machine reaches the provider.")
    if account is not None:
        exam.account(account, clock.now())
        try:
            exam.methods(gateway.read_methods())
        except DonateError as error:
            exam.say(
                "ways of paying", False, str(error), "Give the key the right to read payment method configurations."
            )
        try:
            exam.endpoints(gateway.read_endpoints())
        except DonateError as error:
            exam.say("endpoint", False, str(error), "Give the key the right to read webhook endpoints.")
    return exam.findings, account


class _Exam:
    """Collects what is found of one account."""

    def __init__(self, patient: Patient, settings: Settings) -> None:
        self._merchant, self._currency = patient.merchant, patient.currency
        self._settings = settings
        self.findings: list[Finding] = []

    def missing(self, name: str, found: str, advice: str) -> Finding:
        return Finding(merchant=self._merchant.ref, name=name, is_ok=False, found=found, advice=advice)

    def say(self, name: str, is_ok: bool, found: str, advice: str) -> None:
        advice = "" if is_ok else advice
        self.findings.append(Finding(merchant=self._merchant.ref, name=name, is_ok=is_ok, found=found, advice=advice))

    def key_and_secrets(self) -> None:
        if self._merchant.provider == "sandbox":
            self.say("key", True, "the built-in sandbox: no key is needed, and no money moves", "")
            return
        self.say("key", True, f"set, {'live' if self._merchant.livemode else 'test'} as its book", "")
        name = setting_of(self._merchant, "WEBHOOK_SECRETS")
        count = len(self._settings.stripe_webhook_secrets.get(setting_of(self._merchant), ()))
        self.say(
            "webhook secret",
            count > 0,
            f"{count} set" if count else "none",
            f"Set {name} to the endpoint's signing secret (whsec_…).",
        )

    def account(self, seen: AccountSeen, now: datetime) -> None:
        self.say("key works", True, f"account {seen.account_id}", "")
        self.say("takes payments", seen.may_charge, _yes(seen.may_charge), "Finish the account's sign-up.")
        self.say("pays out", seen.may_pay_out, _yes(seen.may_pay_out), "Finish its sign-up and name its bank account.")
        self.say(
            "currency",
            seen.currency == self._currency,
            f"settles in {seen.currency or 'nothing'}, the book is in {self._currency}",
            f"Settle this account in {self._currency}, or open a book in {seen.currency}.",
        )
        self.say("cards", seen.takes_cards, _yes(seen.takes_cards), "Ask the provider for the right to take cards.")
        automatic = seen.payout_interval in ("daily", "weekly", "monthly")
        self.say(
            "payout schedule",
            automatic,
            seen.payout_interval or "unknown",
            "Choose automatic payouts: a manual one has no list of the donations that it pays out.",
        )
        if seen.answered_at is not None:
            skew = abs(now - seen.answered_at)
            self.say(
                "clock",
                skew <= MOST_SKEW,
                f"{int(skew.total_seconds())} s from the provider's",
                "Set this machine's clock (NTP): signatures of messages are refused when it is minutes off.",
            )

    def methods(self, seen: MethodsSeen) -> None:
        """Every way that the form offers must be one of the provider's page: else its donors are refused there."""
        for method in methods_of(self._currency, clock.now().date(), self._merchant.tariff):
            found = "switched on, without the right to it" if method in seen.lacks_right else "switched off"
            self.say(
                f"page offers {method}",
                method in seen.is_on,
                "yes" if method in seen.is_on else found,
                f"Switch {method} on under Payment methods in the provider's dashboard, and ask for the right to it there.",
            )

    def endpoints(self, seen: Iterable[EndpointSeen]) -> None:
        url = f"{self._settings.base_url}/webhooks/{self._merchant.provider}/{self._merchant.ref}"
        endpoint = next((one for one in seen if one.url.rstrip("/") == url), None)
        if endpoint is None:
            self.say("endpoint", False, "none with our address", f"Register {url} as a webhook endpoint.")
            return
        self.say("endpoint", endpoint.is_enabled, "enabled" if endpoint.is_enabled else "switched off", "Switch it on.")
        wanted = set(handlers(self._settings))
        lacking = set() if "*" in endpoint.kinds else wanted - set(endpoint.kinds)
        self.say(
            "kinds of messages",
            not lacking,
            f"{len(wanted) - len(lacking)} of the {len(wanted)} that are handled",
            f"Subscribe the endpoint to {', '.join(sorted(lacking))}.",
        )
        self.say(
            "API version",
            endpoint.api_version == API_VERSION,
            endpoint.api_version or "the account's own",
            f"Make the endpoint anew under {API_VERSION}, the version that this program was written for.",
        )


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
