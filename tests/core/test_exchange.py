"""An exchange's addresses, and the same ones where it is imitated."""

from core.exchange import Endpoints


def test_moved_addresses_keep_their_paths_and_nothing_else() -> None:
    real = Endpoints("https://api.x.com", "wss://ws.x.com:443/v1/private", "wss://stream.x.com:9443/pub")
    assert real.at("127.0.0.1:7") == Endpoints(
        "http://127.0.0.1:7", "ws://127.0.0.1:7/v1/private", "ws://127.0.0.1:7/pub"
    )


def test_what_an_exchange_does_not_have_it_has_nowhere() -> None:
    assert Endpoints("https://api.x.com", "").at("h:1") == Endpoints("http://h:1", "", "", "")


def test_moved_addresses_may_be_moved_again() -> None:
    here = Endpoints("https://api.x.com", "wss://x.com/ws").at("h:1")
    assert here.at("i:2") == Endpoints("http://i:2", "ws://i:2/ws")
