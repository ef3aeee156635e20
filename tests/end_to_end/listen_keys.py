"""What stories of listen keys share: the key as a neighbour is given it, and how often it was asked for."""

import requests

from tests.end_to_end.together import Part

KEY = "/api/v3/userDataStream"
US = "binance_us"


def key_header(it: Part) -> dict[str, str]:
    (key,) = [row["api_key"] for row in it.box.accounts if row["account"] == it.name]
    return {"X-MBX-APIKEY": key}


def listen_key(it: Part) -> str:
    """The account's key, as the neighbour who shares it is given it."""
    answer = requests.post(it.box.url(US) + KEY, headers=key_header(it), timeout=10)
    return str(answer.json()["listenKey"])


def calls(it: Part, method: str) -> int:
    """How often the account's key was shown for this, by whomever."""
    shown = it.seen()["keys"].get(key_header(it)["X-MBX-APIKEY"], {})
    return int(shown.get(f"{method} {KEY}", 0))


def overdue(it: Part) -> list[str]:
    """The warnings of duties that have stopped."""
    return [text for text in it.row["warnings"] if text.startswith("overdue")]
