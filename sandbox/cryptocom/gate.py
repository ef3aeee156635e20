"""Who gets in: the key, the signature, the clock, what the key may do, the pace.

The order is inferred: an unknown key and a wrong signature are the same 40101,
only a request that is signed well is told about its clock.
"""

from sandbox.clock import Clock, monotonic
from sandbox.cryptocom.calls import Call, Endpoint
from sandbox.cryptocom.envelope import Asked
from sandbox.cryptocom.errors import Refusal
from sandbox.cryptocom.pace import Pace
from sandbox.cryptocom.params import read
from sandbox.faults import Board
from sandbox.keys import Credential, KeyRing
from sandbox.limits import Banned, Limits

NONCE_WINDOW_MS = 60_000
BARRED = {"ip_allowed": 40103, "tier_valid": 40104}


class Gate:
    """Decides whether a request may be answered."""

    def __init__(self, name: str, clock: Clock, keys: KeyRing, board: Board) -> None:
        self._name = name
        self._clock = clock
        self._keys = keys
        self._board = board
        self._pace = Pace(monotonic)
        self._limits = Limits(clock)

    def pace(self, method: str, who: str) -> None:
        """Count a REST request of a key or an address; 42901 for one too many."""
        if not self._pace.admits(method, who):
            raise Refusal(42901)

    def check_ban(self, address: str) -> None:
        """42901 for every request while the address is banned."""
        try:
            self._limits.check_ban(address)
        except Banned:
            raise Refusal(42901) from None

    def ban(self, address: str, seconds: float | None) -> None:
        """Ban an address for so long."""
        self._limits.ban(address, seconds)

    def forget(self) -> None:
        """Lift bans and empty the counts."""
        self._pace.forget()
        self._limits.pardon()

    def owner(self, request: Asked) -> Credential:
        """Whose signed request it is; 40101 to 40104 otherwise."""
        found = self._keys.by_key(self._name, request.api_key)
        if found is None or self._board.find("auth_revoked", self._name, found.account):
            raise Refusal(40101)
        for name, code in BARRED.items():
            if not found.permissions.get(name, True):
                raise Refusal(code)
        if request.sig != request.sig.lower() or not found.verifies(request.signed_text, request.sig):
            raise Refusal(40101)
        if request.nonce is None or abs(self._clock.now() - int(request.nonce)) > NONCE_WINDOW_MS:
            raise Refusal(40102)
        return found

    def permit(self, owner: Credential, permission: str) -> None:
        """40101 for what the key may not do; it may unless it says otherwise."""
        if not owner.permissions.get(permission, True):
            raise Refusal(40101)

    def call(self, owner: Credential, endpoint: Endpoint, request: Asked) -> Call:
        """The call with its values; refuses what the key may not do."""
        self.permit(owner, "can_trade" if endpoint.trades else "can_read")
        return Call(owner.account, read(endpoint.params, request.params or {}), request.number)
