"""What does a connection cost that is simply there, and what do 15,000 made at once?"""
import time

import host
import load
import servers
import svg
from trials import goal, percent, shown, table

NAME = "connections"
FEW, MANY = 5_000, 15_000
HELD_CASE = "idle connections"
STORM_CASE = "15,000 connections at once"
USER_BYTES_GOAL = 256
NEXT_USER_BYTES_GOAL = 128
CONNECT_SECS_MAX = 60
POLL_SECS = 0.1
# After the last CONNACK pools go back, sockets fall idle, and the deadlines of 10 s that each
# connection began with are forgotten: before that a server owns more than it does when idle.
SETTLE_SECS = 11.0
GATEWAY = "tributary"


def measure(bench, round_number):
    for name, start in bench.turns(_contenders(), round_number):
        with start() as server:
            bench.add(HELD_CASE, name, round_number, held(server))
        with start() as server:
            bench.add(STORM_CASE, name, round_number, load.connect(server, MANY))


def _contenders():
    contenders = [
        ("floor", servers.floor),
        (GATEWAY, lambda: servers.gateway(servers.NULL_ROUTE)),
    ]
    if servers.mosquitto_program():
        contenders.append(("mosquitto", servers.mosquitto))
    return contenders


def held(server, *options):
    """Bytes per connection as the slope between two numbers of them, in one process."""
    watch, clients, looks = host.Watch(server.pids()), [], []
    try:
        for more, total in ((FEW, FEW), (MANY - FEW, MANY)):
            clients.append(load.hold(server, more, *options))
            _await_connections(server, total, clients[-1])
            time.sleep(SETTLE_SECS)
            looks.append(_look(server))
    finally:
        for client in clients:
            load.let_go(client)
    few, many = looks
    slope = {name: (many[name] - few[name]) / (MANY - FEW) for name in few}
    return {**watch.result(), "figures": slope, "looks": looks}


def _await_connections(server, total, client):
    deadline = time.monotonic() + CONNECT_SECS_MAX
    while (count := server.connection_count()) < total:
        if client.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{server.name} has {count} connections instead of {total}")
        time.sleep(POLL_SECS)


def _look(server):
    look = {"resident_bytes": host.resident_bytes(server.pid), "slab_bytes": host.slab_bytes()}
    if server.control:
        look["user_bytes"] = server.metrics()["tributary_user_bytes"]
    return look


def names():
    return [name for name, _ in _contenders()]


def goals(trials):
    user = trials.median(HELD_CASE, GATEWAY, "user_bytes")
    marks = trials.marks(HELD_CASE, GATEWAY)
    refused = trials.values(STORM_CASE, GATEWAY, "refused")
    return [
        goal("user bytes per idle connection", USER_BYTES_GOAL, user, 0, " B", marks),
        goal("the next step", NEXT_USER_BYTES_GOAL, user, 0, " B", marks),
        goal(f"{STORM_CASE}: refused", 0, sum(refused) if refused else None, 0),
    ]


def section(trials):
    text = f"""## An idle connection

The slope between {FEW:,} and {MANY:,} connections of one process (client id, MQTT 3.1.1,
keep-alive 60 s, no subscription). User bytes are what the allocator has given out and not got
back; resident adds its slack and page tables' worth of rounding. Slab is the kernel's, for both
ends of a connection and for whatever else happened on the machine meanwhile.

"""
    head = ["", "user B", "resident B", "slab B per pair", "marks"]
    rows = []
    for name in names():
        figures = [shown(trials.median(HELD_CASE, name, figure), 0)
                   for figure in ("user_bytes", "resident_bytes", "slab_bytes")]
        rows.append([name, *figures, trials.marks(HELD_CASE, name) or "-"])
    text += table(head, rows)
    text += f"\n## {STORM_CASE}\n\nAll connect() calls go out before the first CONNACK is waited"
    text += " for; a connection counts as made when its CONNACK is there.\n\n"
    head = ["", "connected", "refused", "seconds", "CPU us per connection", "to the floor",
            "CONNACK p99 ms", "client's core", "marks"]
    return text + table(head, [_storm_row(trials, name) for name in names()]) + "\n"


def _storm_row(trials, name):
    def median(figure):
        return trials.median(STORM_CASE, name, figure)
    return [
        name,
        shown(median("connected"), 0),
        shown(median("refused"), 0),
        shown(median("secs"), 2),
        shown(median("cpu_us"), 1),
        shown(trials.ratio(STORM_CASE, name, "floor")) + "x",
        shown(median("p99_ms"), 0),
        percent(median("client_busiest_thread")),
        trials.marks(STORM_CASE, name) or "-",
    ]


def plots(trials):
    series = {figure: [trials.median(HELD_CASE, name, f"{figure}_bytes") for name in names()]
              for figure in ("user", "resident", "slab")}
    yield "bytes-per-connection.svg", svg.bars(
        "Bytes per idle connection", "bytes (log)", names(), series
    )
