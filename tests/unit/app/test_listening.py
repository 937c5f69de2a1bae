"""How many connections the server may hold."""

from __future__ import annotations

import subprocess
import sys


def test_the_limit_of_a_shell_is_raised() -> None:
    code = """
import resource
from fader.app.listening import CONNECTIONS, allow_connections
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
allow_connections()
soft, still = resource.getrlimit(resource.RLIMIT_NOFILE)
print(soft > 200, still == hard, soft <= CONNECTIONS)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
allow_connections()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, soft))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True True\nTrue\n"
