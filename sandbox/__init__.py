"""Exchanges in a box: a strict imitation that judges its clients.

The package shares no code with the rest of the repository, because an oracle
that reuses what it judges agrees with its mistakes. The core (market, venue,
store, keys, limits, faults, wire) knows no exchange; each exchange is one
dialect beside it that turns wire shapes into calls on the core and back.
"""
