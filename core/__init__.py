"""The rules: pure, without I/O, threads or a clock of their own."""
