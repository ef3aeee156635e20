"""What a call is: its parameters, what it does, and where it may be made."""

from collections.abc import Callable
from typing import Any

import msgspec

from sandbox.cryptocom.params import Param


class Call(msgspec.Struct):
    """One accepted request: who, with which values, and the id that it had."""

    account: str
    args: dict[str, Any]
    number: int = -1


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One method.

    `trades` needs a key that may trade; `by_socket` is offered on the user
    socket too; `bare` may be called without `params`.
    """

    run: Callable[[Call], Any]
    params: tuple[Param, ...] = ()
    trades: bool = False
    by_socket: bool = False
    bare: bool = False
