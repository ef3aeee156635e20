"""A whole daemon as a user runs it: the drill's own, for the tests."""

from drill.daemon import ROOT, Daemon, Refused

__all__ = ["ROOT", "Daemon", "Refused"]
