"""Log lines: ids and figures, one line each. Never a name, an e-mail address, a form or a secret link."""

import logging
import sys

import structlog

from donate.settings import Settings


def configure_log_lines(settings: Settings) -> None:
    """JSON lines in production, readable ones elsewhere, on standard error. The first call of a process counts."""
    if structlog.is_configured():
        return
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.is_production
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def fault_of(error: BaseException, *, with_words: bool) -> dict[str, object]:
    """What a log line may say of an unexpected error: its kind and where it was raised.

    Its own words may hold what somebody typed (a database error quotes the row), so they are only for
    development, where no real donor is.
    """
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    fault: dict[str, object] = {"kind": type(error).__qualname__, "frames": frames[-12:]}
    original = getattr(error, "orig", None)
    diagnosis = getattr(original, "diag", None)
    if diagnosis is not None:
        fault["sqlstate"] = diagnosis.sqlstate
        fault["constraint"] = diagnosis.constraint_name
    if with_words:
        fault["words"] = str(error)
    return fault
