"""Two demos that start together."""

from __future__ import annotations

import subprocess
import sys

CODE = "from fader.demo.process import free_ports; print(*free_ports(8080, 7070), flush=True); input()"


def test_two_demos_that_start_together_have_different_ports() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", CODE], **pipes) for _ in range(2)]
    try:
        ports = [process.stdout.readline().split() for process in both if process.stdout]
    finally:
        for process in both:
            process.communicate("\n", timeout=10)
    assert len({*ports[0], *ports[1]}) == 4
