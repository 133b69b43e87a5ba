#!/usr/bin/env python3
"""Other people's clients use the server: each scenario of each client is one PASS or FAIL line.

    run.py --gateway BINARY [--only CLIENT[/SCENARIO]] [--logs FOLDER]
    run.py --gateway BINARY --durable    with its sessions on disk, and on four shards
    run.py --broker HOST:PORT ...        the same against any server that runs already

The clients are programs in `scenarios/`, a process each, side by side; tools/fetch.sh brings their
libraries and builds them. All that they send passes through proxies (`proxy.py`) which cut
connections where a scenario says so, and write down the packets: a FAIL shows those of its
scenario, LOGS/stock-CLIENT.packets has all of them. What comes by WebSocket or under TLS goes past
them, to listeners with certificates of the run's own (`pki.py`); with --broker it is left out.

mosquitto is the server that the scenarios were checked with. What it does otherwise is in
`deviations.py`: with --broker such a failure is a DEVIATES line and no FAIL.
"""

import argparse
import contextlib
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import threading

import deviations
from gateway import Gateway
from pki import Pki
from proxy import Control

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
KEPT = CACHE / "tributary"
JAVA = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]
JAVA += ["-cp", f"{KEPT}/stock-java/jars/*:{KEPT}/stock-java/classes"]
PYTHON = [str(KEPT / "stock-python/bin/python"), "-B"]
# Client: what tools/fetch.sh must have brought, and the command.
CLIENTS = {
    "paho-python": ("python", [*PYTHON, str(HERE / "scenarios/paho_python.py")]),
    "aiomqtt": ("python", [*PYTHON, str(HERE / "scenarios/aiomqtt_python.py")]),
    "mosquitto": ("python", [*PYTHON, str(HERE / "scenarios/mosquitto.py")]),
    "mqtt.js": ("node", ["node", str(KEPT / "stock-node/scenarios/mqttjs.mjs")]),
    "rumqttc": ("rumqttc", [str(KEPT / "stock-rumqttc/release/stock-rumqttc")]),
    "paho-golang": ("golang", [str(KEPT / "stock-golang/stock-golang")]),
    "hivemq-java": ("java", [*JAVA, "HiveMq"]),
    "paho-java": ("java", [*JAVA, "PahoJava"]),
}
CLIENT_SECS_MAX = 170
EXCHANGE_LINES_MAX, EXCHANGE_COLUMNS_MAX = 60, 180


class Report:
    """Counts and prints the verdicts of all clients."""

    def __init__(self, known):
        self.lock, self.known = threading.Lock(), known
        self.passed, self.failed, self.deviating = 0, 0, 0

    def passes(self, name):
        with self.lock:
            self.passed += 1
            print(f"PASS {name}", flush=True)

    def fails(self, name, why, exchange=()):
        with self.lock:
            if name in self.known:
                self.deviating += 1
                print(f"DEVIATES {name}: {self.known[name]}; {why}", flush=True)
                return
            self.failed += 1
            print(f"FAIL {name}: {why}")
            for line in exchange[-EXCHANGE_LINES_MAX:]:
                print(f"    {line[:EXCHANGE_COLUMNS_MAX]}")
            sys.stdout.flush()


class Run:
    """One client's program and what it says."""

    def __init__(self, client, server, beside, scenario, report, logs):
        """`beside` is what the environment says of listeners that no proxy stands before."""
        self.client, self.report, self.logs = client, report, logs
        self.control = Control(server)
        self.planned, self.begun, self.told, self.mark = None, None, 0, 0
        self.environment = os.environ | {
            "STOCK_PORT": str(self.control.port_for_all),
            "STOCK_CONTROL": str(self.control.port),
            "STOCK_RUN": f"{client.replace('.', '')}-{secrets.token_hex(3)}",
            "STOCK_ONLY": scenario,
        } | beside

    def drive(self):
        """Runs the program to its end, which comes by itself or by the clock."""
        with open(self.logs / f"stock-{self.client}.log", "w") as log:
            process = subprocess.Popen(
                CLIENTS[self.client][1],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            clock = threading.Timer(CLIENT_SECS_MAX, process.kill)
            clock.daemon = True
            clock.start()
            for line in process.stdout:
                self._hear(line.rstrip("\n"))
            code = process.wait()
            clock.cancel()
        if self.begun:
            self._verdict(f"the program ended ({code}) in the middle of it")
        if code != 0:
            self.report.fails(self.client, f"exit code {code}, see stock-{self.client}.log")
        elif self.told != self.planned:
            self.report.fails(self.client, f"{self.told} verdicts for {self.planned} scenarios")
        exchange = "\n".join(self.control.exchange.since(0))
        (self.logs / f"stock-{self.client}.packets").write_text(exchange + "\n")

    def _hear(self, line):
        word, _, rest = line.partition(" ")
        match word:
            case "PLAN":
                self.planned = int(rest)
            case "RUN":
                self.begun, self.mark = rest, self.control.exchange.mark()
                self.control.exchange.add(f"==== {rest}")
            case "PASS":
                self._verdict(None)
            case "FAIL":
                self._verdict(rest.removeprefix(f"{self.begun}: "))

    def _verdict(self, fault):
        name, self.begun = f"{self.client}/{self.begun}", None
        self.told += 1
        if fault is None:
            self.report.passes(name)
        else:
            self.report.fails(name, fault, self.control.exchange.since(self.mark))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--gateway", help="the binary to start")
    where.add_argument("--broker", help="HOST:PORT of a server that runs already")
    parser.add_argument("--durable", action="store_true", help="sessions on disk, four shards")
    parser.add_argument("--only", default="", help="CLIENT or CLIENT/SCENARIO")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / "target/test-logs")
    options = parser.parse_args()
    only, _, scenario = options.only.partition("/")
    clients = [client for client in CLIENTS if only in ("", client)]
    if not clients:
        parser.error(f"no client {only!r}; there are {', '.join(CLIENTS)}")
    for what in dict.fromkeys(CLIENTS[client][0] for client in clients):
        subprocess.run([ROOT / "tools/fetch.sh", what], check=True, stdin=subprocess.DEVNULL)
    options.logs.mkdir(parents=True, exist_ok=True)
    report = Report(deviations.MOSQUITTO if options.broker else {})
    with contextlib.ExitStack() as stack:
        if options.broker:
            host, port = options.broker.rsplit(":", 1)
            server, beside = (host, int(port)), {}
        else:
            log = stack.enter_context(open(options.logs / "stock-gateway.log", "w"))
            settings = {}
            if options.durable:
                settings["TRIBUTARY_STORE__KIND"] = "local"
                settings["TRIBUTARY_STORE__PATH"] = stack.enter_context(
                    tempfile.TemporaryDirectory()
                )
                settings["TRIBUTARY_SHARDS__COUNT"] = "4"
            pki = Pki(pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory())))
            gateway = Gateway(options.gateway, None, log, settings, pki.listeners())
            server, beside = (gateway.host, gateway.port), past_the_proxies(gateway, pki)
        try:
            rest = (server, beside, scenario, report, options.logs)
            drive_all([Run(client, *rest) for client in clients])
        finally:
            code = 0 if options.broker else gateway.end()
        if code != 0:
            report.fails("the gateway drains", f"exit code {code}")
    deviating = f", {report.deviating} deviating" if report.deviating else ""
    print(f"stock clients: {report.passed} passed, {report.failed} failed{deviating}")
    return 1 if report.failed or not report.passed else 0


def past_the_proxies(gateway, pki):
    """Listeners whose bytes are frames or records, and no packets that a proxy could read."""
    return {
        "STOCK_WEB_PORT": str(gateway.web_port),
        "STOCK_TLS_PORT": str(gateway.port_of("secure")),
        "STOCK_MUTUAL_PORT": str(gateway.port_of("mutual")),
        "STOCK_SECURE_WEB_PORT": str(gateway.port_of("secureweb")),
        "STOCK_PKI": str(pki.folder),
    }


def drive_all(runs):
    threads = [threading.Thread(target=run.drive) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main())
