"""Our accounts in the words of others: hledger's and beancount's account names, and whose net assets they are.

A code is `kind` or `kind:whose`. hledger takes it as it is, under its class. Beancount wants capitals and knows no
underscore (https://beancount.github.io/docs/beancount_language_syntax.html#accounts); codes are lower case, so that a
capital first letter and a hyphen for each underscore keep different codes different.
"""

from donate.ledger.chart import KINDS, AccountClass, kind_of

HLEDGER_TOP = {
    AccountClass.ASSET: "assets",
    AccountClass.LIABILITY: "liabilities",
    AccountClass.FUND: "equity",
    AccountClass.INCOME: "income",
    AccountClass.EXPENSE: "expenses",
}
# The letter by which hledger knows a type: https://hledger.org/hledger.html#account-types
HLEDGER_TYPES = {"asset": "A", "liability": "L", "fund": "E", "income": "R", "expense": "X"}
BEANCOUNT_TOP = {account_class: top.capitalize() for account_class, top in HLEDGER_TOP.items()}

# Money that its donor bound to a purpose (a campaign, a filed purpose, matching, fees). All else is without restriction.
RESTRICTED_KINDS = frozenset({"fund", "jar", "match", "fee_cover"})
WITH_RESTRICTION, WITHOUT_RESTRICTION = "with_donor_restriction", "without_donor_restriction"
NET_ASSETS = frozenset({AccountClass.FUND, AccountClass.INCOME, AccountClass.EXPENSE})


def hledger_name(code: str) -> str:
    """`equity:fund:rice` of `fund:rice`. Raises KeyError for a kind that the chart has not."""
    return f"{HLEDGER_TOP[kind_of(code).account_class]}:{code}"


def beancount_name(code: str) -> str:
    """`Equity:Fund:Rice` of `fund:rice`. Raises KeyError."""
    parts = [part[:1].upper() + part[1:] for part in code.replace("_", "-").split(":")]
    return ":".join([BEANCOUNT_TOP[kind_of(code).account_class], *parts])


def restriction(code: str) -> str | None:
    """On whose terms an account's net assets stand; None for assets and liabilities. Raises KeyError."""
    kind = kind_of(code)
    if kind.account_class not in NET_ASSETS:
        return None
    return WITH_RESTRICTION if kind.name in RESTRICTED_KINDS else WITHOUT_RESTRICTION


def example(kind: str) -> str:
    """A code of this kind, to be shown: `bank`, `fund:…`."""
    return f"{kind}:…" if KINDS[kind].is_many else kind
