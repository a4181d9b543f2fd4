"""What every command is given: the settings, read when it runs and not for its --help."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from donate.log_lines import configure_log_lines
from donate.settings import Settings, read_settings

P = ParamSpec("P")
R = TypeVar("R")


def pass_settings(command: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Hand the settings of the environment to `command` as its first argument."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        settings = read_settings()
        configure_log_lines(settings)
        return command(settings, *args, **kwargs)

    return run
