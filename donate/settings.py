"""One frozen Settings, read once from the environment. Unsafe combinations are refused at start-up."""

import contextlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from donate.errors import BadSetting

ENVIRONMENTS = ("development", "production")
PREFIX = "DONATE_"
SHORTEST_SECRET = 32
FEWEST_DIFFERENT = 6  # characters of a secret; one that was drawn at random has far more
# Passed from a parent to its parts, never set by a person.
INTERNAL = frozenset({"DONATE_LIFELINE"})
# Kubernetes describes every service to every container: a service named `donate` looks like settings of ours.
_OF_A_CLUSTER = re.compile(r"DONATE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP)(_\w+)?)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator decides. The README lists each variable with its meaning."""

    environment: str = "development"
    instance: Path = Path("instance")
    log_folder: Path = Path("instance/log")
    secret_key: str = field(repr=False)
    base_url: str = "http://127.0.0.1:8000"
    database_url: str | None = field(default=None, repr=False)
    database_url_web: str | None = field(default=None, repr=False)
    database_url_sequencer: str | None = field(default=None, repr=False)
    database_url_eraser: str | None = field(default=None, repr=False)
    workers: int = 2
    threads: int = 4
    trusted_proxies: int = 0
    site_name_zh: str = "明灶账本"
    site_name_en: str = "Open Kitchen Ledger"
    # Enough to hide among, and few enough that at 20 donations a second totals are younger than a second (tests/bench).
    sequencer_batch: int = 16
    sequencer_seconds: int = 60
    merge_delay_seconds: int = 300
    challenge: str = "wait"
    refund_days: int = 30
    stripe_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    stripe_webhook_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @property
    def is_production(self) -> bool:
        return self.environment == "production"

    @property
    def is_sandbox(self) -> bool:
        """True while no merchant account has a key: the built-in sandbox answers and no money moves."""
        return not self.stripe_keys


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (the process's own by default). Raises BadSetting with the variable's name."""
    env = _Asked(os.environ if environ is None else environ)
    instance = Path(env.get("DONATE_INSTANCE") or "instance").absolute()
    settings = Settings(
        environment=_one_of(env, "DONATE_ENVIRONMENT", ENVIRONMENTS, "development"),
        instance=instance,
        log_folder=Path(env.get("DONATE_LOG_FOLDER") or instance / "log").absolute(),
        secret_key=env.get("DONATE_SECRET_KEY") or _kept_secret(instance),
        base_url=_base_url(env.get("DONATE_BASE_URL") or "http://127.0.0.1:8000"),
        database_url=env.get("DONATE_DATABASE_URL") or None,
        database_url_web=env.get("DONATE_DATABASE_URL_WEB") or None,
        database_url_sequencer=env.get("DONATE_DATABASE_URL_SEQUENCER") or None,
        database_url_eraser=env.get("DONATE_DATABASE_URL_ERASER") or None,
        workers=_count(env, "DONATE_WORKERS", os.cpu_count() or 1, 1, 64),
        threads=_count(env, "DONATE_THREADS", 4, 1, 64),
        trusted_proxies=_count(env, "DONATE_TRUSTED_PROXIES", 0, 0, 5),
        site_name_zh=env.get("DONATE_SITE_NAME_ZH") or "明灶账本",
        site_name_en=env.get("DONATE_SITE_NAME_EN") or "Open Kitchen Ledger",
        sequencer_batch=_count(env, "DONATE_SEQUENCER_BATCH", 16, 1, 2000),
        sequencer_seconds=_count(env, "DONATE_SEQUENCER_SECONDS", 60, 1, 3600),
        merge_delay_seconds=_count(env, "DONATE_MERGE_DELAY_SECONDS", 300, 1, 86400),
        challenge=env.get("DONATE_CHALLENGE") or "wait",
        refund_days=_count(env, "DONATE_REFUND_DAYS", 30, 0, 3650),
        stripe_keys=_by_merchant(env, "_KEY"),
        stripe_webhook_secrets={
            ref: tuple(secret for secret in given.split(",") if secret)
            for ref, given in _by_merchant(env, "_WEBHOOK_SECRETS").items()
        },
    )
    _refuse_unknown(env)
    _refuse_unsafe(settings)
    if settings.is_production and env.get("FLASK_DEBUG", "0").lower() not in ("", "0", "false", "no"):
        raise BadSetting(
            name="FLASK_DEBUG", problem="shows the inside to whoever causes an error; never with live keys"
        )
    return settings


class _Asked(Mapping[str, str]):
    """The environment, remembering which names were looked up: those are all the settings that there are."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self._env[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._env)

    def __len__(self) -> int:
        return len(self._env)


def _refuse_unknown(env: _Asked) -> None:
    """A misspelt name would otherwise be ignored in silence, and its default would count."""
    known = env.names | INTERNAL
    for name in sorted(env):
        if not name.startswith(PREFIX) or name in known or _is_of_a_cluster(name, env):
            continue
        named = [other.removeprefix(PREFIX) for other in (*sorted(known - INTERNAL), *_merchants_names(name))]
        close = get_close_matches(name.removeprefix(PREFIX), named, n=1)
        hint = f"did you mean {PREFIX}{close[0]}?" if close else "the README lists those that there are"
        raise BadSetting(name=name, problem=f"is not a setting; {hint}")


def _is_of_a_cluster(name: str, env: Mapping[str, str]) -> bool:
    is_address = name.endswith("_PORT") and env[name].startswith(("tcp://", "udp://"))
    return is_address or _OF_A_CLUSTER.fullmatch(name) is not None


def _merchants_names(name: str) -> list[str]:
    """What a misspelt setting of a merchant account may have been meant to be, whatever its reference."""
    prefix = "DONATE_STRIPE_"
    parts = name.removeprefix(prefix).split("_") if name.startswith(prefix) else []
    refs = ["_".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return [f"{prefix}{ref}{suffix}" for ref in refs if ref for suffix in ("_KEY", "_WEBHOOK_SECRETS")]


def _base_url(given: str) -> str:
    """A public address: scheme, host and perhaps a port. A slash at its end is taken away."""

    def refused(problem: str) -> BadSetting:
        return BadSetting(name="DONATE_BASE_URL", problem=problem)

    if not given.isprintable() or " " in given:
        raise refused("holds a space or a sign that no address has")
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise refused(f"{given!r} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        raise refused(f"{given!r} is no address such as https://donate.example.org")
    if parts.username is not None or parts.password is not None:
        raise refused("carries a user name or a password; everybody reads this address")
    if parts.path.strip("/") or "?" in given or "#" in given:
        raise refused(f"{given!r} goes on after the host; the site stands at the root of its host")
    return given.rstrip("/")


def _refuse_unsafe(settings: Settings) -> None:
    _refuse_wrong_secrets(settings)
    if not settings.is_production:
        live = [ref for ref, key in settings.stripe_keys.items() if "_live_" in key]
        if live:
            raise BadSetting(
                name=f"DONATE_STRIPE_{live[0].upper()}_KEY", problem="a live key wants DONATE_ENVIRONMENT=production"
            )
        return
    if settings.is_sandbox:
        raise BadSetting(
            name="DONATE_ENVIRONMENT", problem="production wants a DONATE_STRIPE_<REF>_KEY; the sandbox moves no money"
        )
    if not settings.base_url.startswith("https://"):
        raise BadSetting(name="DONATE_BASE_URL", problem="production wants an https:// address")
    if len(settings.secret_key) < SHORTEST_SECRET or len(set(settings.secret_key)) < FEWEST_DIFFERENT:
        raise BadSetting(
            name="DONATE_SECRET_KEY",
            problem=f"can be guessed; production wants {SHORTEST_SECRET} random characters or more (openssl rand -hex 32)",
        )
    if settings.database_url is None:
        raise BadSetting(name="DONATE_DATABASE_URL", problem="production wants a PostgreSQL server of its own")
    for ref, key in settings.stripe_keys.items():
        if "_test_" in key:
            raise BadSetting(
                name=f"DONATE_STRIPE_{ref.upper()}_KEY",
                problem="a test key moves no money; production wants a live one",
            )
        if not settings.stripe_webhook_secrets.get(ref):
            raise BadSetting(
                name=f"DONATE_STRIPE_{ref.upper()}_WEBHOOK_SECRETS",
                problem="missing; the provider's messages could not be verified",
            )


def _refuse_wrong_secrets(settings: Settings) -> None:
    """A publishable key, or two secrets in each other's place, would only fail at the first donation."""
    for ref, key in settings.stripe_keys.items():
        if not key.startswith(("sk_live_", "rk_live_", "sk_test_", "rk_test_")):
            raise BadSetting(name=f"DONATE_STRIPE_{ref.upper()}_KEY", problem="is no secret key (sk_… or rk_…)")
        if list(settings.stripe_keys.values()).count(key) > 1:
            raise BadSetting(
                name=f"DONATE_STRIPE_{ref.upper()}_KEY",
                problem="is the key of two merchant accounts; every host brings its own",
            )
    for ref, given in settings.stripe_webhook_secrets.items():
        if not all(secret.startswith("whsec_") for secret in given):
            name = f"DONATE_STRIPE_{ref.upper()}_WEBHOOK_SECRETS"
            raise BadSetting(name=name, problem="holds what is no webhook secret (whsec_…)")
        others = {secret for other, held in settings.stripe_webhook_secrets.items() if other != ref for secret in held}
        if not others.isdisjoint(given):
            name = f"DONATE_STRIPE_{ref.upper()}_WEBHOOK_SECRETS"
            raise BadSetting(
                name=name, problem="holds a secret of another merchant account; messages would count twice"
            )


def _one_of(env: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = env.get(name) or default
    if value not in allowed:
        raise BadSetting(name=name, problem=f"{value!r} is none of {', '.join(allowed)}")
    return value


def _count(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    given = env.get(name)
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        raise BadSetting(name=name, problem=f"{given!r} is no whole number from {least} to {most}")
    return int(given)


def _by_merchant(env: Mapping[str, str], suffix: str) -> dict[str, str]:
    """`DONATE_STRIPE_<REF><suffix>` by merchant reference in lower case."""
    prefix = "DONATE_STRIPE_"
    found = {}
    for name in env:
        if name.startswith(prefix) and name.endswith(suffix) and len(name) > len(prefix + suffix):
            value = env[name]
            if not value.strip():
                raise BadSetting(name=name, problem="is empty")
            found[name[len(prefix) : -len(suffix)].lower()] = value.strip()
    return found


def _kept_secret(instance: Path) -> str:
    """The installation's random secret, made at the first run and kept beside the embedded database."""
    path = instance / "secret_key"
    if not path.exists():
        instance.mkdir(parents=True, exist_ok=True)
        own = instance / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        # A link, not a rename: of processes that start at once the first one's secret stands, whole.
        with contextlib.suppress(FileExistsError):
            os.link(own, path)
        own.unlink()
    return path.read_text(encoding="ascii").strip()
