"""Waiting for what another thread or process will make true: the drill's own, for the tests."""

from drill.waiting import eventually

__all__ = ["eventually"]
