"""What the Python programs share: the list of scenarios, names of their own, and the proxies.

A program prints `PLAN count`, then for each scenario `RUN name` and `PASS name` or
`FAIL name: why`. The environment says where the server is and which scenario alone to run.
"""

import os
import socket
import time
import traceback

HOST, PORT = "127.0.0.1", int(os.environ["STOCK_PORT"])
# None where there is no such listener: WebSockets, TLS, TLS with the client's certificate, both.
WEB_PORT, TLS_PORT, MUTUAL_PORT, SECURE_WEB_PORT = (
    int(os.environ.get(f"STOCK_{name}_PORT") or 0) or None
    for name in ("WEB", "TLS", "MUTUAL", "SECURE_WEB")
)
RUN, ONLY = os.environ["STOCK_RUN"], os.environ.get("STOCK_ONLY", "")
WAIT_SECS = 10
# Only ever waited for what must not come: too short a time hides a fault, it never makes one.
GRACE_SECS = 0.3



def _cuts(publish, answer):
    """QoS 2 has four packets; the connection breaks before, in the middle of and behind each."""
    ways = ((publish, "PUBLISH"), (answer, "PUBREC"), (publish, "PUBREL"), (answer, "PUBCOMP"))
    parts = ("none", "half", "all")
    return [f"{way} {packet} 1 {part}" for way, packet in ways for part in parts]


UP_CUTS, DOWN_CUTS = _cuts("up", "down"), _cuts("down", "up")

_scenarios = []


class Names:
    """Client ids and topics that no other scenario, client or run uses."""

    def __init__(self, scenario):
        self.stem = f"{RUN}-{scenario.replace(' ', '-').replace('.', '')}"

    def id(self, role):
        return f"{self.stem}-{role}"

    def topic(self, rest="t"):
        return f"{self.stem}/{rest}"


class Control:
    """The control port of the proxies; `stock/proxy.py` says what it understands."""

    def __init__(self):
        self.peer = socket.create_connection((HOST, int(os.environ["STOCK_CONTROL"])))
        self.lines = self.peer.makefile("rw")

    def __call__(self, *words):
        self.lines.write(" ".join(map(str, words)) + "\n")
        self.lines.flush()
        answer = self.lines.readline().strip()
        check(answer.isdigit(), f"the proxy said {answer!r} to {words}")
        return int(answer)


def scenario(name, **arguments):
    """Adds a function of (names, **arguments) to the list."""

    def add(function):
        _scenarios.append((name, function, arguments))
        return function

    return add


def pem(name):
    """The path of a certificate or key; `stock/pki.py` says which there are."""
    return os.path.join(os.environ["STOCK_PKI"], name)


def check(good, why):
    if not good:
        raise AssertionError(why)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: {found!r} instead of {wanted!r}")


def until(condition, what, secs=WAIT_SECS):
    """Polls: for what no library has a callback."""
    end = time.monotonic() + secs
    while not condition():
        check(time.monotonic() < end, f"waited {secs} s for {what}")
        time.sleep(0.01)


def main():
    chosen = [each for each in _scenarios if ONLY in each[0]]
    print(f"PLAN {len(chosen)}", flush=True)
    for name, function, arguments in chosen:
        print(f"RUN {name}", flush=True)
        try:
            function(Names(name), **arguments)
            print(f"PASS {name}", flush=True)
        except Exception as fault:
            place = traceback.extract_tb(fault.__traceback__)
            lines = [str(each.lineno) for each in place if "scenarios" in each.filename]
            said = " ".join(f"{type(fault).__name__}: {fault}".split())
            print(f"FAIL {name}: {said} (lines {', '.join(lines[1:])})", flush=True)
