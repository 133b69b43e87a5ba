"""Enhanced authentication against a running gateway: SCRAM-SHA-256 from CONNECT to the next AUTH.

    scram.py --gateway BINARY          starts it with CONFIG and ends it
    scram.py --target HOST:PORT        a server that was started with the users of CONFIG

No stock library speaks it, so the client is ours (`scram_client.py`); what it tries is in
`scram_scenarios.py`. One PASS or FAIL line for each scenario.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from scram_scenarios import USERS, scenarios

# One scenario waits for it.
CONNECT_TIMEOUT_SECS = 3
TABLE = "\n".join(f'"{name}" = "{password}"' for name, password in USERS.items())
CONFIG = f"""
[mqtt]
connect_timeout_secs = {CONNECT_TIMEOUT_SECS}

[auth.scram_users]
{TABLE}

[[route]]
filter = "#"
topic = ""
"""
RUN = f"{os.getpid():x}{int(time.time()) & 0xFFFF:x}"


class Started:
    """The binary on ports of its own choosing, with CONFIG."""

    def __init__(self, binary, folder):
        path = os.path.join(folder, "scram.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        arguments = ["--config", path, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [binary, "run", *arguments], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
        )
        self.target = None
        for line in self.process.stdout:
            match line.split():
                case ["listening", "mqtt", address]:
                    host, port = address.rsplit(":", 1)
                    self.target = host, int(port)
                case ["ready"]:
                    return
        raise SystemExit(f"the gateway did not get ready: {self.process.wait()}")

    def end(self):
        self.process.terminate()
        try:
            return self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def run_all(target, only):
    """Runs the scenarios side by side: each has client ids and topics of its own."""
    faults, picked = {}, [each for each in scenarios if only in each.__name__]

    def run(each, client_id):
        try:
            each(target, client_id)
            faults[each.__name__] = None
        except Exception as fault:
            where = traceback.extract_tb(fault.__traceback__)[-1].lineno
            faults[each.__name__] = f"{type(fault).__name__}: {fault} (line {where})"

    threads = [
        threading.Thread(target=run, args=(each, f"scram{number}-{RUN}"), daemon=True)
        for number, each in enumerate(picked)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in picked:
        fault = faults[each.__name__]
        name = each.__name__.replace("_", " ")
        print(f"FAIL {name}: {fault}" if fault else f"PASS {name}", flush=True)
    return list(faults.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway")
    parser.add_argument("--target")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    if bool(options.gateway) == bool(options.target):
        parser.error("one of --gateway and --target")
    if options.target:
        host, port = options.target.rsplit(":", 1)
        results = run_all((host, int(port)), options.only)
    else:
        with tempfile.TemporaryDirectory() as folder:
            started = Started(options.gateway, folder)
            try:
                results = run_all(started.target, options.only)
            finally:
                code = started.end()
            results.append(None if code == 0 else f"exit code {code}")
            print("PASS the gateway ends" if code == 0 else f"FAIL exit code {code}")
    failed = sum(1 for fault in results if fault)
    print(f"stock scram: {len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
