"""How a text is freed of secrets before it is kept or shown: the same for frames, answers, errors and logs."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

MASK = "[masked]"
_HOST = re.compile(r"localhost|\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\]|([a-z0-9-]+\.)+[a-z]{2,}")
_TOKEN = re.compile(r"[A-Za-z0-9_+/=.-]+")
_TEN = 10
_PLAIN_WORD = re.compile(r"[a-z]*|[A-Z]*|[0-9]{1,6}")


def forms(secret: str) -> frozenset[str]:
    """Every form in which a secret may turn up in a text: itself, quoted as JSON or by Python, and line by line.

    The frame of a key in PEM form is none.
    """
    lines = (line.strip() for line in secret.splitlines() if not line.startswith("-----"))
    quoted = (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret))
    return frozenset({secret, *lines, *(text[1:-1] for text in quoted)})


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with MASK for each of these; nothing is copied where none stands in it."""
    for secret in secrets:
        if secret and secret in text:
            text = text.replace(secret, MASK)
    return text


def masked_even_cut(text: str, secrets: Collection[str]) -> str:
    """The same, and of a secret that was cut to fit into `text` what is left: its first ten characters and more.

    Of an address, or of words, it is the first half: others begin in the same way.
    """
    text = masked(text, secrets)
    for secret in secrets:
        if secret[:_TEN] not in text:
            continue
        head = secret[:_TEN] if _TOKEN.fullmatch(secret) else secret[: max(_TEN, len(secret) // 2)]
        at = text.find(head) if head else -1
        while at >= 0:
            left = max(_alike(other, text[at : at + len(other)]) for other in secrets)
            text = text[:at] + MASK + text[at + left :]
            at = text.find(head, at + len(MASK))
    return text


def _alike(one: str, other: str) -> int:
    """How many characters are the same from the beginning on."""
    return next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def shown(url: str) -> str:
    """What may be shown of an address that is a secret as a whole: its scheme."""
    scheme, mark, _ = url.partition("://")
    return (
        f"{scheme.lower()}://***" if mark and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,30}", scheme) else "***"
    )


def tokens(url: str) -> frozenset[str]:
    """The parts of an address that open doors, as they are written and as they are meant.

    Services put tokens anywhere: before the host, in the place of the host, in the
    path, among the parameters. A host, or a plain word (a channel, a format), is none;
    what stands before an `@` always is one.
    """
    found = {part for part in _parts(url) if part}
    return frozenset({url} | found | {unquote(part) for part in found})


def _parts(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    yield from user.split(":")
    if not _HOST.fullmatch(parts.netloc.rpartition("@")[2].partition(":")[0]):
        yield from filter(_is_telling, re.split(r"[:/]", place))
    yield from filter(_is_telling, parts.path.split("/"))
    yield parts.path.strip("/") if _is_telling(parts.path) and "/" in parts.path.strip("/") else ""
    yield from filter(_is_telling, (value for _, value in parse_qsl(parts.query)))
    yield parts.fragment if _is_telling(parts.fragment) else ""


def _is_telling(part: str) -> bool:
    return len(part) >= 6 and not _PLAIN_WORD.fullmatch(part) and not _HOST.fullmatch(part)
