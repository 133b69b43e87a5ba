"""Do 300,000 TLS clients fit into one process, and what does each cost then?"""
import time

import host
import servers
import ways
from connections import SETTLE_SECS
from crowd import Crowd, phase, threads
from trials import goal, shown, table

NAME = "tls_many"
CLIENTS = 300_000
CASE = "300,000 TLS clients"
CONNECT_SECS_MAX = 600
HOLD_SECS = 86_400
HALVES = 2


def measure(bench, round_number):
    if round_number > 0:
        return
    config = ways.listener("mqtts", "mqtt", ways.layer("lean")) + servers.NULL_ROUTE + ways.budget()
    config += f"[shards]\nmax_connections = {CLIENTS + CLIENTS // 50}\n"
    with servers.gateway(config) as server:
        bench.add(CASE, ways.LEAN, 0, _held(server))


def _held(server):
    watch, looks, crowds, reports = host.Watch(server.pids()), [_look(server)], [], []
    try:
        for _ in range(HALVES):
            crowd = Crowd(server, CLIENTS // HALVES, "--hold", str(HOLD_SECS), *threads(),
                          *ways.TLS)
            crowds.append(crowd)
            crowd.await_connected(CONNECT_SECS_MAX)
            time.sleep(SETTLE_SECS)
            looks.append(_look(server))
        clients_bytes = sum(host.resident_bytes(crowd.process.pid) for crowd in crowds)
        reports = [crowd.let_go() for crowd in crowds]
    finally:
        for crowd in crowds:
            crowd.kill()
    first = [phase(report, "connect") for report in reports]
    cpu_secs = sum(of["server"]["cpu_secs"] for of in first)
    _none, half, whole = looks
    figures = {f"{name}_slope": (whole[name] - half[name]) / (CLIENTS // HALVES)
               for name in ("user_bytes", "resident_bytes", "slab_bytes")}
    return {
        **watch.result(),
        "looks": looks,
        "figures": {
            **figures,
            "connected": whole["connected"],
            "missing": CLIENTS - whole["connected"],
            "resident_bytes": whole["resident_bytes"],
            "cpu_us": cpu_secs * 1e6 / CLIENTS,
            "per_sec": CLIENTS / sum(of["secs"] for of in first),
            "refused": sum(report["counts"]["connects_refused"] for report in reports),
            "client_bytes": clients_bytes / CLIENTS,
        },
    }


def _look(server):
    metrics = server.metrics()
    return {
        "user_bytes": metrics["tributary_user_bytes"],
        "connected": metrics["tributary_connections"],
        "resident_bytes": host.resident_bytes(server.pid),
        "slab_bytes": host.slab_bytes(),
    }


def goals(trials):
    missing = trials.median(CASE, ways.LEAN, "missing")
    return [goal(f"{CASE} in one process: missing", 0, missing, 0, "",
                 trials.marks(CASE, ways.LEAN))]


def section(trials):
    text = f"""## {CASE}

In one gateway process with the lean record layer, by {HALVES} load generators, each with half of
them; bytes are the slope between the first half and both, {SETTLE_SECS:g} s after the last CONNACK.

"""
    head = ["", "connected", "refused", "user B", "resident B", "slab B per pair",
            "resident in all, MiB", "connects/s", "CPU us per connect", "load generator B", "marks"]

    def value(figure, digits=0):
        return shown(trials.median(CASE, ways.LEAN, figure), digits)
    resident = trials.median(CASE, ways.LEAN, "resident_bytes")
    row = [ways.LEAN, value("connected"), value("refused"), value("user_bytes_slope"),
           value("resident_bytes_slope"), value("slab_bytes_slope"),
           shown(resident / 2**20 if resident else None, 0), value("per_sec"), value("cpu_us", 1),
           value("client_bytes"), trials.marks(CASE, ways.LEAN) or "-"]
    return text + table(head, [row]) + "\n"


def plots(_trials):
    return ()
