"""Where log lines go and what may stand in them.

Events with fields, one a line, whatever stands in a value: JSON unless somebody
watches on a terminal. The libraries' own records go the same way, with the name of
their `logger`; every other event is one of docs/logs.md. Every secret that the daemon
resolves is registered here, and its text is masked wherever it turns up, because
the last line of defence should not depend on every caller's care.
"""

import logging
import logging.handlers
import os
import sys
import threading
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import ExcInfo, Processor

from control.drawing import harmless
from core.errors import VigilError
from core.records import Record
from core.secrecy import forms, masked_even_cut

_SHORTEST_SECRET = 6  # shorter texts would mask ordinary words
_LARGEST = 20_000_000  # bytes of a file until it is put aside
_KEPT = 5  # of those that were


class NoLog(VigilError):
    """The log file cannot be written."""


class Masker:
    """Replaces registered secrets in every string of an event."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()
        self._learning = threading.Lock()

    def learn(self, *secrets: str | None) -> None:
        """From now on these texts are masked."""
        fresh = {form for s in secrets if s for form in forms(s) if len(form) >= _SHORTEST_SECRET}
        with self._learning:  # of two threads that learn at once, none may forget the other's
            self._secrets = tuple(sorted({*self._secrets, *fresh}, key=len, reverse=True))

    def text(self, value: str) -> str:
        """`value` without any registered secret, also where it was cut before it came here."""
        return masked_even_cut(value, self._secrets)

    def record(self, record: Record) -> Record:
        """The record with no registered secret in any of its texts."""
        texts = {name: getattr(record, name) for name in record.__struct_fields__}
        clean = {name: self.text(text) for name, text in texts.items() if isinstance(text, str)}
        return msgspec.structs.replace(record, **clean)

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        for key, value in event.items():
            event[key] = self.clean(value)
        return event

    def clean(self, value: Any) -> Any:
        """A document with no registered secret in any of its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        if isinstance(value, dict):
            return {key: self.clean(item) for key, item in value.items()}
        return value


class _MaskedFormatter(structlog.stdlib.ProcessorFormatter):
    """Masks the finished line too: a traceback is text that no field walk has seen."""

    def __init__(self, masker: Masker, **options: Any) -> None:
        super().__init__(**options)
        self._masker = masker

    def format(self, record: logging.LogRecord) -> str:
        return self._masker.text(super().format(record))


def configure(level: str, log_file: Path | None, masker: Masker) -> None:
    """Send everything to `log_file` (rotated at 20 MB, five old ones kept) or to standard error.

    Raises NoLog, having changed nothing, where the file cannot be written.
    """
    handler = _handler(log_file)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        masker,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        cache_logger_on_first_use=False,
    )
    foreign = [structlog.stdlib.add_logger_name, *shared]
    tail = _tail(log_file, masker)
    handler.setFormatter(_MaskedFormatter(masker, foreign_pre_chain=foreign, processors=tail))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_number(level))
    for chatty in ("apprise", "apscheduler", "urllib3", "pykka", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """From now on lines of this level and above are written."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_number(level)))
    logging.getLogger().setLevel(_number(level))


def _handler(log_file: Path | None) -> logging.Handler:
    if log_file is None:
        return logging.StreamHandler(sys.stderr)
    try:
        return logging.handlers.RotatingFileHandler(
            log_file, maxBytes=_LARGEST, backupCount=_KEPT, encoding="utf-8"
        )
    except OSError as error:  # opened now: later each line would become a traceback instead
        raise NoLog(f"log_file {log_file} cannot be written: {error.strerror}") from error


def _tail(log_file: Path | None, masker: Masker) -> list[Processor]:
    """A traceback is masked as text, before JSON quotes once more what is quoted in it."""
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_file is None and sys.stderr.isatty():
        colors = not os.environ.get("NO_COLOR")
        drawn = structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_write_traceback)
        return [remove, _harmless, drawn]
    written = structlog.processors.JSONRenderer()
    return [remove, structlog.processors.format_exc_info, masker, _in_order, written]


def _in_order(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For people who read it all the same: when, how bad, what, and then the rest."""
    head = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return head | dict(event)


def _harmless(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """No text of an exchange begins a line, or moves the cursor, of who watches. Stacks have lines of their own."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _line_by_line(value) if key == "stack" else harmless(value)
    return event


def _write_traceback(out: TextIO, exc_info: ExcInfo) -> None:
    """The usual one shows what each variable held, cut to fit: no mask would find a secret in that."""
    out.write("\n" + _line_by_line("".join(traceback.format_exception(*exc_info))))


def _line_by_line(text: str) -> str:
    return "\n".join(harmless(line) for line in text.rstrip().split("\n"))


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
