"""Measure the gateway with the kit in `tests/bench`, in one run beside the shared no-op stream: ``make bench``.

One worker, one Envoy thread, recording at level ``request``, decisions cached for 30 s, spans exported, the audit directory on
the disk that holds this checkout. Arguments go on to `perf.py`; its table goes to standard output.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.gateway import ROOT, running
from support.otlp import Receiver

KIT = ROOT / "tests" / "bench" / "perf.py"
UPSTREAM = 42002
MASKING = ROOT / "tests" / "policies" / "masking"


def main(arguments: list[str]) -> int:
    """Run the kit against a gateway of our own; return its exit status."""
    environment = os.environ | {"PERF_VENV": str(Path(sys.executable).parents[1])}
    scratch = ROOT / "var"
    scratch.mkdir(mode=0o700, exist_ok=True)
    upstream = subprocess.Popen([sys.executable, KIT, "--upstream-only"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        line = upstream.stdout.readline() if upstream.stdout else ""
        if not line.startswith("ready"):
            sys.exit("the kit's upstream does not start")
        with (
            tempfile.TemporaryDirectory(dir=scratch, prefix="bench-") as directory,
            Receiver() as receiver,
            running(
                Path(directory),
                f"http://127.0.0.1:{UPSTREAM}",
                policy=MASKING,
                audit={"recording": "request", "otlp": receiver.endpoint},
            ) as gateway,
        ):
            time.sleep(1)
            token = gateway.issuer.token("reader", exp=int(time.time()) + 3600)
            target = ["--gateway", gateway.url, "--header", f"x-chroma-token: {token}", "--pid", str(gateway.process.pid)]
            return subprocess.run([sys.executable, KIT, *target, *arguments], env=environment, check=False).returncode
    finally:
        upstream.terminate()
        upstream.wait(10)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
