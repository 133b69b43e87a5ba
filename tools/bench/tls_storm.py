"""How soon is a fleet back that lost its connections at once, and what do the others notice?"""
import statistics
import time
from pathlib import Path

import host
import servers
import ways
from c1m_svg import curves
from crowd import Crowd, began_at, phase, threads
from trials import shown, table

NAME = "tls_storm"
CLIENTS = 50_000
CASE = "50,000 come back at once"
CONNECT_SECS_MAX = 300
HOLD_SECS, REST_SECS = 12, 4
# Before it falls idle a server forgets the deadlines of those who connected.
SKIPPED_SECS = 2
PUBLISHERS, PUBLISH_RATE = 100, 1_000
PUBLISH_SECS_MAX = 900
# Shards fill unevenly.
ROOM = 2_500
SMALL_BUDGET = 1_000
# So that the fleet takes no core from gateway and publishers: it would run on other machines.
GIVING_WAY = ["nice", "-n", "19"]


def measure(bench, round_number):
    if round_number > 0:
        return  # Each is a minute, and its curve says how even it was.
    for name, config, flags in _storms():
        config += ways.listener(name="plain") + servers.NULL_ROUTE
        config += f"[shards]\nmax_connections = {CLIENTS + PUBLISHERS + ROOM}\n"
        with servers.gateway(config) as server:
            bench.add(CASE, name, 0, _storm(server, flags))


def _storms():
    lean = ways.listener("mqtts", "mqtt", ways.layer("lean"))
    rustls = ways.listener("mqtts", "mqtt", ways.layer("rustls"))
    by_ticket = ways.TLS + ["--tls-resume"]
    budget = ways.budget(SMALL_BUDGET, SMALL_BUDGET)
    return [
        (ways.PLAIN, ways.listener(), []),
        ("lean, no tickets", lean, ways.TLS),
        ("lean, tickets", lean, by_ticket),
        ("rustls, tickets", rustls, by_ticket),
        (f"lean, tickets, {SMALL_BUDGET:,}/s", lean + budget, by_ticket),
    ]


def _storm(server, flags):
    watch = host.Watch(server.pids())
    plain = ["--publishers", str(PUBLISHERS), "--publish-rate", str(PUBLISH_RATE)]
    plain += ["--hold", str(PUBLISH_SECS_MAX)]
    others = Crowd(server, PUBLISHERS, *plain, address=server.addresses["plain"])
    storm = ["--hold", str(HOLD_SECS), "--rest", str(REST_SECS), "--storms", "1"]
    storm += ["--drop", "reset", *threads(), *flags]
    fleet = None
    try:
        others.await_connected(CONNECT_SECS_MAX)
        fleet = Crowd(server, CLIENTS, *storm, before=GIVING_WAY)
        fleet.await_connected(CONNECT_SECS_MAX)
        said = fleet.report(CONNECT_SECS_MAX + HOLD_SECS + 2 * REST_SECS)
        ours = others.let_go()
    finally:
        for crowd in (others, fleet):
            if crowd:
                crowd.kill()
    offset = began_at(fleet, said) - began_at(others, ours)
    return {
        **watch.result(),
        "command": fleet.command,
        "figures": {**_returned(said), **_noticed(said, ours, offset)},
        "counts": {name: value for name, value in said["counts"].items()
                   if value and name not in ("curve", "phases")},
        "ends": said.get("ends", {}),
        "curve": _curve(said),
        "publishers": [line for line in ours["seconds"] if line.get("latency_ms")],
    }


def _returned(said):
    back = phase(said, "return")
    return {
        "secs": back["secs"],
        "connected": back["connected_after"],
        "per_sec": back["connected_after"] / back["secs"],
        "cpu_us": back["server"]["cpu_secs"] * 1e6 / max(1, back["connected_after"]),
        "server_cores": back["server"]["cpu_secs"] / back["secs"],
        "connect_p50_ms": back["connect_ms"]["p50"],
        "connect_p99_ms": back["connect_ms"]["p99"],
        "resident_bytes": back["server"]["resident_bytes_after"],
        "handshakes_full": said["counts"]["handshakes_full"],
        "handshakes_resumed": said["counts"]["handshakes_resumed"],
        "refused": said["counts"]["connects_refused"],
    }


def _noticed(said, ours, offset):
    """PUBACK latency of the plain publishers, second by second: before the storm and in it."""
    def seconds_of(begin, end):
        begin, end = begin + offset, end + offset
        lines = (line for line in ours["seconds"] if line.get("latency_ms"))
        return [line["latency_ms"] for line in lines
                if line["second"] < end and line["second"] + 1 > begin]
    hold, back = phase(said, "hold"), phase(said, "return")
    quiet = seconds_of(hold["begin_secs"] + SKIPPED_SECS, hold["begin_secs"] + hold["secs"] - 1)
    stormy = seconds_of(back["begin_secs"], back["begin_secs"] + back["secs"])
    figures = {"published": ours["counts"]["sent"],
               "unacknowledged": ours["counts"]["unacknowledged"],
               "publishers_ended": ours["counts"]["connections_ended"] - PUBLISHERS}
    for name, lines in (("before", quiet), ("during", stormy)):
        for quantile in ("p50", "p99"):
            values = [line[quantile] for line in lines]
            figures[f"{name}_{quantile}_ms"] = statistics.median(values) if values else None
        figures[f"{name}_max_ms"] = max((line["max"] for line in lines), default=None)
    return figures


def _curve(said):
    """Who is connected, from the moment when all may come back."""
    begin = phase(said, "return")["begin_secs"]
    end = begin + phase(said, "return")["secs"] + 1
    return [[round(secs - begin, 2), count] for secs, count in said["counts"]["curve"]
            if begin - 1 <= secs <= end and secs >= begin]


def goals(_trials):
    return []


def section(trials):
    text = f"""## A storm

{CLIENTS:,} clients of one process lose their connections at once by reset and come back at once,
while {PUBLISHERS} plain clients publish {PUBLISH_RATE:,} messages per second (QoS 1, 64 B, null
route) at another listener of the same gateway. The fleet's load generator shares the cores, so that
the time of a return is its time too; it gives way to the others (`{" ".join(GIVING_WAY)}`), as if
on other machines. CPU is the server's own. PUBACK latency is from the intended time: the median
over seconds of each second's quantile, and the highest of all, in the {HOLD_SECS} s before the drop
and while the fleet came back. Budgets for handshakes are the defaults, but for the last row:
{SMALL_BUDGET:,} full and as many resumed ones per second and shard. Whoever is turned away comes
again, and in full: the ticket has been shown once.

"""
    head = ["", "back after s", "per s", "CPU us each", "server's cores", "connect p50 s",
            "p99 s", "full", "resumed", "refused"]
    rows, beside = [], []
    for name in [storm[0] for storm in _storms()]:
        rows.append([name, *(shown(_value(trials, name, figure), digits) for figure, digits in (
            ("secs", 1), ("per_sec", 0), ("cpu_us", 1), ("server_cores", 2))),
            *(_secs(_value(trials, name, figure)) for figure in (
                "connect_p50_ms", "connect_p99_ms")),
            *(shown(_value(trials, name, figure), 0) for figure in (
                "handshakes_full", "handshakes_resumed", "refused"))])
        beside.append([name, *(shown(_value(trials, name, f"{when}_{what}_ms"), 2)
                               for when in ("before", "during") for what in ("p50", "p99", "max")),
                       shown(_value(trials, name, "published"), 0),
                       shown(_value(trials, name, "unacknowledged"), 0),
                       trials.marks(CASE, name) or "-"])
    text += table(head, rows) + "\nThe plain publishers beside it, PUBACK in ms:\n\n"
    head = ["", "before: p50", "p99", "max", "during: p50", "p99", "max", "published",
            "unacknowledged", "marks"]
    return text + table(head, beside) + "\n"


def _value(trials, name, figure):
    return trials.median(CASE, name, figure)


def _secs(millis):
    return shown(millis / 1_000 if millis is not None else None, 2)


def plots(trials):
    series = {trial["server"]: trial["curve"] for trial in trials.all if trial["case"] == CASE}
    if series:
        yield "tls-storm.svg", curves(CASE, "clients", series)
