"""The `fader` command: a thin client of the server, and the commands that start one."""
