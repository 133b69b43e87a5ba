"""What does it cost that a message survives, and how soon are 1,000,000 sessions there again?"""
import json
import subprocess
import time

import host
import load
import servers
import svg
from trials import goal, shown, table

NAME = "store"
MEMORY, LOCAL = "tributary, memory", "tributary, local store"
SAVED = "mosquitto, saved at each change"
UNSAVED = "mosquitto, saved every 30 min"
PAIRS = 200
# Messages for each subscriber that is away.
KEPT = 500
# mosquitto writes everything it has at each change: with more nobody would wait for it.
KEPT_SAVED = 10
HERE = "QoS 1 to a persistent session"
AWAY = "QoS 1 to a session that is away"
RECOVERY = "recovery"
EXAMPLE = "target/release/examples/store_choice"
FILLED = servers.FOLDER / "sessions"
SESSIONS, SESSIONS_QUICK = 1_000_000, 100_000
FULL_SECONDS_MIN = 3
FILL_SECS_MAX = 600


def measure(bench, round_number):
    pairs = ["--topics", str(PAIRS), "--qos", "1", "--version", "5", "--in-flight", "10"]
    for name, start in bench.turns(_contenders(), round_number):
        with start() as server:
            options = pairs + ["--rate", "0", "--persistent"]
            bench.add(HERE, name, round_number, load.deliver(server, bench.seconds, *options))
        with start() as server:
            kept = KEPT_SAVED if name == SAVED else KEPT
            trial = load.deliver(server, bench.seconds, *pairs, "--away", str(kept))
            bench.add(AWAY, name, round_number, trial)
    if round_number == 0:
        _recover(bench)


def _contenders():
    def local():
        servers.fresh(servers.STORE)
        return servers.gateway(servers.local_store())
    contenders = [(MEMORY, lambda: servers.gateway(servers.NULL_ROUTE)), (LOCAL, local)]
    if servers.mosquitto_program():
        at_once = ("autosave_on_changes true", "autosave_interval 1")
        contenders.append((SAVED, lambda: servers.mosquitto_keeping(*at_once)))
        contenders.append((UNSAVED, servers.mosquitto_keeping))
    return contenders


def _recover(bench):
    """Fills a store with sessions by the gateway's own code, and has it opened in two ways."""
    full = bench.seconds >= FULL_SECONDS_MIN
    sessions = SESSIONS if full else SESSIONS_QUICK
    watch = host.Watch([])
    command = [EXAMPLE, str(FILLED), f"sessions={sessions}", "secs=1"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=FILL_SECS_MAX, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        if line["figure"] == "recover":
            secs, cpu_us = line["measured"]["secs"], line["measured"]["cpu_micros_each"]
            figures = {"sessions": sessions, "secs": secs, "per_sec": sessions / secs,
                       "cpu_us": cpu_us, "resident_mb": line["about"]["rss_mb"]}
            name = f"the store, {line['about']['after']}"
            bench.add(RECOVERY, name, 0, {**watch.result(), "figures": figures, "said": line})
    watch, began = host.Watch([]), time.monotonic()
    with servers.gateway(servers.local_store(FILLED)) as server:
        secs = time.monotonic() - began
        there = server.metrics()["tributary_sessions"]
        # One that had a long queue was deleted again, to see what that takes.
        if there < sessions - 1:
            raise RuntimeError(f"the gateway has {there:,.0f} of {sessions:,} sessions again")
        figures = {"sessions": sessions, "secs": secs, "per_sec": sessions / secs,
                   "user_bytes": server.metrics()["tributary_user_bytes"] / sessions,
                   "cpu_us": host.cpu_secs(server.pid) * 1e6 / sessions,
                   "resident_mb": host.resident_bytes(server.pid) >> 20}
        bench.add(RECOVERY, "the gateway, until ready", 0, {**watch.result(), "figures": figures})
    servers.fresh(FILLED)


def names():
    return [name for name, _ in _contenders()]


def goals(trials):
    faults = [fault for case in (HERE, AWAY) for name in (MEMORY, LOCAL)
              for fault in trials.values(case, name, "faults")]
    total = sum(faults) if faults else None
    return [goal("store: lost, duplicated, out of order or changed", 0, total, 0)]


def section(trials):
    text = f"""## A message that survives

{PAIRS} pairs, QoS 1, 64 B, at most 10 messages of a pair under way; sessions of subscribers outlive
their connections. *{LOCAL}* acknowledges a PUBLISH when it is on disk (group commit, fsync).
*{SAVED}* is `autosave_on_changes true` with `autosave_interval 1`: it writes its whole
database again and again and acknowledges before that, which is as near as mosquitto comes.
*{UNSAVED}* is its default: what came since the last save is lost with the
process. Disk is what the process sent to it, per message.

**{HERE}.** Both ends are there; each message is stored and done with.

"""
    head = ["", "CPU us per message", "msg/s", "disk B", "PUBACK p50 ms", "p99 ms",
            "to the subscriber p50 ms", "p99 ms", "faults", "marks"]
    text += table(head, [_here(trials, name) for name in names()])
    text += f"""
**{AWAY}.** {KEPT} messages for each subscriber ({KEPT_SAVED} with *{SAVED}*) while it
is away; then all come back at once and get them.

"""
    head = ["", "CPU us to keep one", "kept/s", "disk B", "PUBACK p50 ms", "p99 ms",
            "CPU us to give it", "given/s", "faults", "marks"]
    text += table(head, [_away(trials, name) for name in names()])
    return text + _recovery(trials)


def _recovery(trials):
    text = """
**Recovery.** Sessions with one subscription each, written by the gateway's own store. *The store*
is the time to open the file and have every session as an object, after an orderly end and from a
copy made while it was open (as after kill -9). *The gateway* is from the start of the process to
its `ready`: sessions in their shards, subscriptions in the index. User bytes are all that its allocator
has given out, per session.

"""
    head = ["", "sessions", "seconds", "sessions/s", "CPU us each", "user B each",
            "resident MiB", "marks"]
    rows = []
    for name in ("the store, clean", "the store, crash", "the gateway, until ready"):
        def median(figure, name=name):
            return trials.median(RECOVERY, name, figure)
        rows.append([name, shown(median("sessions"), 0), shown(median("secs")),
                     shown(median("per_sec"), 0), shown(median("cpu_us")),
                     shown(median("user_bytes"), 0), shown(median("resident_mb"), 0),
                     trials.marks(RECOVERY, name) or "-"])
    return text + table(head, rows) + "\n"


def _here(trials, name):
    return _row(trials, HERE, name, (("cpu_us", 2), ("delivered_per_sec", 0), ("disk_bytes", 0),
                                     ("puback_p50_ms", 3), ("puback_p99_ms", 3),
                                     ("p50_ms", 3), ("p99_ms", 3)))


def _away(trials, name):
    return _row(trials, AWAY, name, (("cpu_us", 2), ("sent_per_sec", 0), ("disk_bytes", 0),
                                     ("puback_p50_ms", 3), ("puback_p99_ms", 3),
                                     ("return_cpu_us", 2), ("delivered_per_sec", 0)))


def _row(trials, case, name, figures):
    shown_figures = [shown(trials.median(case, name, figure), digits) for figure, digits in figures]
    faults = trials.values(case, name, "faults")
    return [name, *shown_figures, shown(sum(faults), 0) if faults else "-",
            trials.marks(case, name) or "-"]


def plots(trials):
    series = {name: [trials.median(HERE, name, "cpu_us"), trials.median(AWAY, name, "cpu_us"),
                     trials.median(AWAY, name, "return_cpu_us")] for name in names()}
    yield "cpu-persistent.svg", svg.bars(
        "CPU of the server per persistent message", "us (log)",
        ["subscriber there", "kept while away", "given on return"], series
    )
