"""The frames that every bench sends: fills as Binance's WS API delivers them.

Each is a wrapped `executionReport` of about 780 bytes, one event a frame, with
ids, prices and times that differ from frame to frame as they do in life.
"""

START_MS = 1_790_000_000_000
_MANY, _PRIME = 2**31, 2_654_435_761  # odd, so that no number comes twice


def fill(n: int, sent_ns: int = 0, *, scattered: bool = False) -> bytes:
    """The n-th fill. `sent_ns` rides in the client order id, for whoever measures latency.

    Ids count up, as Binance's do; `scattered` ones lie anywhere among two milliards, as random ones do.
    """
    price = 60_000 + n % 997
    number = n * _PRIME % _MANY if scattered else n
    return (
        b'{"subscriptionId":0,"event":{"e":"executionReport","E":%(at)d,"s":"BTCUSDT","c":"bench-%(n)d-%(sent)d",'
        b'"S":"BUY","o":"LIMIT","f":"GTC","q":"0.00100000","p":"%(price)d.10000000","P":"0.00000000",'
        b'"F":"0.00000000","g":-1,"C":"","x":"TRADE","X":"FILLED","r":"NONE","i":%(order)d,'
        b'"l":"0.00100000","z":"0.00100000","L":"%(price)d.10000000","n":"0.00000100","N":"BTC","T":%(at)d,'
        b'"t":%(trade)d,"I":%(execution)d,"w":false,"m":true,"M":true,"O":%(at)d,"Z":"60.12345678",'
        b'"Y":"60.12345678","Q":"0.00000000","W":%(at)d,"V":"EXPIRE_MAKER"}}'
    ) % {
        b"at": START_MS + n,
        b"n": n,
        b"sent": sent_ns,
        b"price": price,
        b"order": 9_000_000_000 + number,
        b"trade": 4_000_000_000 + number,
        b"execution": 80_000_000_000 + n,
    }


def framed(payload: bytes) -> bytes:
    """`payload` as one unmasked text frame (RFC 6455, 5.2); up to 65,535 bytes."""
    size = len(payload)
    return b"\x81" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")) + payload
