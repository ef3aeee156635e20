"""The private calls about the account itself: its key, its mode, its fees, its money."""

from typing import Any

from sandbox.bybit.calls import Call
from sandbox.bybit.customs import uid
from sandbox.bybit.quotes import Quotes
from sandbox.bybit.wallet import Wallet
from sandbox.market import floor_to
from sandbox.truth import plain
from sandbox.venue import Venue

CREATED, CREATED_AT = "2026-01-01T00:00:00Z", "1767225600000"
PERMISSIONS: dict[str, tuple[str, ...]] = {
    "ContractTrade": ("Order", "Position"),
    "Spot": ("SpotTrade",),
    "Wallet": ("AccountTransfer", "SubMemberTransfer", "SubMemberTransferList", "Withdraw"),
    "Options": ("OptionsTrade",),
    "Derivatives": ("DerivativesTrade",),
    "CopyTrading": (),
    "BlockTrade": ("BlockTrade",),
    "Exchange": ("ExchangeHistory",),
    "NFT": (),
    "Affiliate": (),
    "Earn": ("Earn",),
    "FiatP2P": ("FiatP2POrder", "Advertising"),
    "FiatConvertBroker": (),
    "FiatBitPay": (),
    "BitCard": (),
    "ByXPost": (),
}
USUAL = frozenset({"Order", "Position", "SpotTrade", "DerivativesTrade"})


class Person:
    """Answers about the accounts of one venue."""

    def __init__(self, venue: Venue, quotes: Quotes, wallet: Wallet) -> None:
        self._venue = venue
        self._quotes = quotes
        self._wallet = wallet

    def key(self, call: Call) -> Any:
        """What the key is and may do; one that is bound to no address ends after ninety days."""
        owner = call.owner
        granted = {
            group: [name for name in names if owner.permissions.get(name, name in USUAL)]
            for group, names in PERMISSIONS.items()
        }
        return {
            "id": str(uid(owner.account)),
            "note": owner.account,
            "apiKey": owner.api_key,
            "readOnly": int(owner.permissions.get("readOnly", False)),
            "secret": "",
            "permissions": granted,
            "ips": owner.ips or ["*"],
            "type": 1,
            "deadlineDay": -2 if owner.ips else 90,
            "expiredAt": "1970-01-01T00:00:00Z" if owner.ips else "2099-01-01T00:00:00Z",
            "createdAt": CREATED,
            "unified": 0,
            "uta": 1,
            "userID": uid(owner.account),
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": owner.public_key,
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_1",
            "kycRegion": "MYS",
        }

    def info(self, _: Call) -> Any:
        """A unified account of the second kind, with cross margin."""
        return {
            "marginMode": "REGULAR_MARGIN",
            "updatedTime": CREATED_AT,
            "unifiedMarginStatus": 5,
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }

    def fees(self, call: Call) -> Any:
        """Fee rates of a symbol or of a category, which only spot names."""
        rows = [
            {"symbol": one.name, "takerFeeRate": plain(rates.taker), "makerFeeRate": plain(rates.maker)}
            for one in self._quotes.chosen(call.args)
            for rates in [self._venue.settlement.rates(call.account, one)]
        ]
        return {"category": "spot", "list": rows} if call.args["category"] == "spot" else {"list": rows}

    def wallet(self, call: Call) -> Any:
        """The account with the coins that were asked for, or those it has."""
        account = call.account
        return {"list": [self._wallet.account(account, call.args.get("coin") or self._wallet.held(account))]}

    def borrow_check(self, call: Call) -> Any:
        """What can be bought or sold; nothing is ever lent."""
        one, side = self._quotes.instrument(call.args), call.args["side"]
        free = self._venue.balance(call.account, one.paid_by(side.lower())).free
        last = self._venue.market.last[one.symbol]
        quantity = plain(floor_to(free / last if side == "Buy" else free, one.step))
        worth = plain(free if side == "Buy" else one.worth(free, last))
        row = {"symbol": one.name, "side": side, "borrowCoin": one.quote if side == "Buy" else one.base}
        row |= {"spotMaxTradeQty": quantity, "spotMaxTradeAmount": worth}
        return row | {"maxTradeQty": quantity, "maxTradeAmount": worth}

    def protection(self, _: Call) -> Any:
        """Disconnect protection is off."""
        rows = [{"product": name, "dcpStatus": "OFF", "timeWindow": "10"} for name in ("SPOT", "DERIVATIVES")]
        return {"dcpInfos": rows}

    def coins(self, call: Call) -> Any:
        """The coins there are, each on one chain of its own."""
        held = {one.base for one in self._venue.market.instruments.values()} | {"USDT"}
        wanted = call.args.get("coin")
        return {"rows": [self._coin(name) for name in sorted(held) if wanted in (None, name)]}

    def _coin(self, name: str) -> Any:
        chain = {
            "chain": name, "chainType": name, "confirmation": "6", "withdrawFee": "0.0005", "depositMin": "0",
            "withdrawMin": "0.001", "chainDeposit": "1", "chainWithdraw": "1", "minAccuracy": "8",
            "withdrawPercentageFee": "0", "contractAddress": "", "safeConfirmNumber": "6",
        }  # fmt: skip
        return {"name": name, "coin": name, "remainAmount": "1000000", "chains": [chain]}
