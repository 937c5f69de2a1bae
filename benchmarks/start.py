"""How long from `fader up` to the first served request, and how much memory the control plane holds at rest.

    python benchmarks/start.py [--rounds N] [--rest SECONDS]

Starts a fader with one service in an empty data directory, asks the gateway until it answers, waits, and reads the
resident memory of server, agent and Envoy from /proc. Everything is on loopback and is stopped again.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path


class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        pass


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def resident(parent: int) -> dict[str, float]:
    """Megabytes of proportional memory by part: the supervisor, its children, and the Envoy of this data directory."""
    found = {"supervisor": _pss(parent)}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            owner = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if owner == parent and "fader.cli.entry" in words:
            found[words[words.index("fader.cli.entry") + 1]] = _pss(int(entry.name))
    return found


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def once(folder: Path, upstream: int, rest: float) -> tuple[float, dict[str, float]]:
    port, api = free_port(), free_port()
    file = folder / "fader.yaml"
    file.write_text(
        f"services:\n  shop:\n    listen: 127.0.0.1:{port}\n    unit: [{{header: x-user-id}}]\n"
        f'    versions: {{v1: "http://127.0.0.1:{upstream}", v2: "http://127.0.0.1:{upstream}"}}\n    baseline: v1\n'
    )
    command = [sys.executable, "-m", "fader.cli.entry", "up", "-f", str(file), "--data-dir", str(folder / "d")]
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--port", str(api)], stdout=log, stderr=log)
    try:
        while not answers(port):
            if process.poll() is not None or time.perf_counter() - began > 60:
                raise SystemExit("fader did not start:\n" + (folder / "log").read_text())
            time.sleep(0.01)
        took = time.perf_counter() - began
        time.sleep(rest)
        return took, resident(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rest", type=float, default=5.0)
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    took, memory = [], []
    for round_ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="fb") as folder:
            seconds, megabytes = once(Path(folder), server.server_port, options.rest)
        took.append(seconds)
        memory.append(megabytes)
        parts = ", ".join(f"{k} {v:.0f} MB" for k, v in megabytes.items())
        print(f"round {round_ + 1}: first request served after {seconds:.2f} s; at rest {parts}", flush=True)
    total = [sum(m.values()) for m in memory]
    print(f"{os.cpu_count()} cores; median {statistics.median(took):.2f} s (goal 3 s), ", end="")
    print(f"server {statistics.median(m['server'] for m in memory):.0f} MB, ", end="")
    print(f"control plane in all {statistics.median(total):.0f} MB (goal 250 MB)")
    server.shutdown()


if __name__ == "__main__":
    main()
