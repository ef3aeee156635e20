"""One command that lets everything go wrong, on every exchange, and says what came of it.

`python supervisor.py drill` starts private sandboxes and private daemons, does to
them what the menu says, and compares every ledger with the sandbox's own record.
It judges the daemon as a user would, through the control socket alone, and
imports nothing of it: an oracle shares no code with what it judges. The same kit
serves the tests.
"""
