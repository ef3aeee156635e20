"""A sandbox of one's own: the drill's own, for the tests."""

from drill.sandbox import ROOT, Admin, AdminError, Sandbox, account, listening, token

__all__ = ["ROOT", "Admin", "AdminError", "Sandbox", "account", "listening", "token"]
