"""What does a client cost that is simply there, by the way it came?"""
import os
from contextlib import contextmanager

import connections
import svg
import ways
from trials import goal, shown, table

NAME = "tls_idle"
CASE = "idle, by its way in"
LEAN_EXTRA_BYTES_GOAL, RUSTLS_EXTRA_BYTES_GOAL = 96, 3_500


def measure(bench, round_number):
    # Caches of threads hold what is free and count as given out: bounded by thread, but enough to
    # make each client of a few thousand waver by some bytes.
    with _environment("MALLOC_CONF", "tcache:false"):
        for way in _ways() if round_number == 0 else [ways.plain(), ways.lean(), ways.rustls()]:
            with way.start() as server:
                bench.add(CASE, way.name, 0, connections.held(server, *way.flags))


@contextmanager
def _environment(name, value):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _ways():
    tls12 = ['tls_versions = ["1.3", "1.2"]', ways.layer("rustls")]
    return [
        ways.plain(),
        ways.gateway("WebSocket", ways.WEBSOCKET, "ws"),
        ways.lean(),
        ways.with_certificates("lean"),
        ways.gateway("WebSocket, TLS, lean", ways.TLS + ways.WEBSOCKET, "wss", ways.layer("lean")),
        ways.rustls(),
        ways.with_certificates("rustls"),
        ways.gateway("WebSocket, TLS, rustls", ways.TLS + ways.WEBSOCKET, "wss",
                     ways.layer("rustls")),
        ways.gateway("TLS 1.2, rustls", ways.TLS + ["--tls-version", "1.2"], "mqtts", *tls12),
        *ways.mosquitto(),
    ]


def extra_bytes(trials, name, figure="user_bytes"):
    """What it costs beside a plain connection of the same server."""
    base = ways.MOSQUITTO if name.startswith(ways.MOSQUITTO) else ways.PLAIN
    ours, plain = (trials.median(CASE, way, figure) for way in (name, base))
    return ours - plain if ours is not None and plain is not None else None


def goals(trials):
    return [
        goal("user bytes of an idle TLS client beside plain: lean", LEAN_EXTRA_BYTES_GOAL,
             extra_bytes(trials, ways.LEAN), 0, " B", trials.marks(CASE, ways.LEAN)),
        goal("the same: rustls", RUSTLS_EXTRA_BYTES_GOAL, extra_bytes(trials, ways.RUSTLS), 0,
             " B", trials.marks(CASE, ways.RUSTLS)),
    ]


def section(trials):
    text = f"""## An idle client, by its way in

The slope between {connections.FEW:,} and {connections.MANY:,} clients of one process (MQTT 3.1.1,
keep-alive 60 s, no subscription), {connections.SETTLE_SECS:g} s after the last CONNACK. User bytes
are what the allocator has given out and not got back, aws-lc's among them (its caches by thread
are off here: what lies in them counts as given out); resident adds its slack.
"Beside plain" is against the same server without TLS. Slab is the kernel's, for both ends. TLS is
1.3, with AES-128-GCM by lean and AES-256-GCM by rustls; *certificates*: the clients show one.
Plain, lean and rustls are medians over the rounds, the others were looked at in the first.

"""
    head = ["", "user B", "beside plain", "resident B", "beside plain", "slab B per pair", "marks"]
    rows = []
    for name in _names(trials):
        rows.append([
            name,
            shown(trials.median(CASE, name, "user_bytes"), 0),
            shown(extra_bytes(trials, name), 0),
            shown(trials.median(CASE, name, "resident_bytes"), 0),
            shown(extra_bytes(trials, name, "resident_bytes"), 0),
            shown(trials.median(CASE, name, "slab_bytes"), 0),
            trials.marks(CASE, name) or "-",
        ])
    return text + table(head, rows) + "\n"


def _names(trials):
    return list(dict.fromkeys(
        trial["server"] for trial in trials.all if trial["case"] == CASE))


def plots(trials):
    names = _names(trials)
    if names:
        values = [trials.median(CASE, name, "resident_bytes") for name in names]
        yield "bytes-by-way.svg", svg.bars(
            "Resident bytes per idle client", "bytes (log)", names, {"resident": values}
        )
