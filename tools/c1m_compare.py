#!/usr/bin/env python3
"""mosquitto and Tributary side by side, 15,000 clients each, same load generator: `make compare`."""
import argparse
import json
import os
import sys
import time
from datetime import date
from pathlib import Path

os.chdir(Path(__file__).resolve().parents[1])
sys.path.insert(0, "tools/bench")

import c1m_server  # noqa: E402 (the paths are relative to the repository)
import host  # noqa: E402
import servers  # noqa: E402
import svg  # noqa: E402

SETTLE_SECS = 3
ROUNDS = 3
HALVES = 2
CONNECT_SECS_MAX = 300
CASES = {"idle": [], "with a subscription of its own": ["--subscribe-own"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=15_000, help="default 15,000")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--out", type=Path, help="default results/DATE-compare")
    args = parser.parse_args()
    host.allow_all_open_files()
    for folder in (servers.FOLDER, c1m_server.FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
    trials = []
    for number in range(args.rounds):
        for name, start in _turns(number):
            for case, options in CASES.items():
                with start() as server:
                    trial = _trial(server, args.connections // HALVES, options)
                trials.append({"server": name, "case": case, "round": number, **trial})
                print(f"compare: {name}, {case}: {trial['figures']}", flush=True)
    _write(args, trials)


def _turns(number):
    """Each round begins with another, so that none always follows the same one."""
    contenders = [("tributary", lambda: servers.gateway(servers.NULL_ROUTE))]
    if servers.mosquitto_program():
        contenders.append(("mosquitto", servers.mosquitto))
    else:
        print("compare: no mosquitto here (apt-get install mosquitto)")
    first = number % len(contenders)
    return contenders[first:] + contenders[:first]


def _trial(server, half, options):
    """Two crowds after each other: bytes as a slope, connects from the second, warm one."""
    crowds, looks = [], [_look(server)]
    try:
        for _ in range(HALVES):
            crowds.append(c1m_server.Clients(server, half, "--hold", "86400", "--keepalive", "600",
                                             *options))
            crowds[-1].await_connected(CONNECT_SECS_MAX)
            time.sleep(SETTLE_SECS)
            looks.append(_look(server))
        reports = [crowd.let_go() for crowd in crowds]
    finally:
        for crowd in crowds:
            if crowd.process.poll() is None:
                crowd.process.kill()
    time.sleep(SETTLE_SECS)
    looks.append(_look(server))
    empty, one, both, left = looks
    warm = reports[-1]
    return {
        "figures": {
            "resident_bytes": (both["resident_bytes"] - one["resident_bytes"]) / half,
            "user_bytes": _slope(both, one, half),
            "connects_per_sec": warm["per_sec"]["connected"],
            "connect_us": warm["server"]["cpu_us_per_connect"],
            "connect_p99_ms": warm["latency_ms"]["connect"]["p99"],
            "left_bytes": left["resident_bytes"] - empty["resident_bytes"],
            "granted": sum(r["counts"]["subscriptions_granted"] for r in reports),
            "ended": sum(r["counts"]["connections_ended"] - r["ends"].get("dropped in a storm", 0)
                         for r in reports),
        },
        "looks": looks,
    }


def _slope(more, less, count):
    if more["user_bytes"] is None:
        return None
    return (more["user_bytes"] - less["user_bytes"]) / count


def _look(server):
    user = server.metrics()["tributary_user_bytes"] if server.control else None
    return {"resident_bytes": host.resident_bytes(server.pid), "user_bytes": user,
            "slab_bytes": host.slab_bytes()}


def _median(trials, server, case, figure):
    values = sorted(t["figures"][figure] for t in trials
                    if (t["server"], t["case"]) == (server, case)
                    and t["figures"][figure] is not None)
    return values[len(values) // 2] if values else None


def _write(args, trials):
    today = date.today().isoformat()
    folder = args.out or Path("results") / f"{today}-compare"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"host": host.describe(), "commit": host.commit(), "connections": args.connections,
             "rounds": args.rounds, "command": "tools/c1m_compare.py " + " ".join(sys.argv[1:])}
    (folder / "report.json").write_text(json.dumps({"facts": facts, "trials": trials}, indent=1))
    names = sorted({trial["server"] for trial in trials}, reverse=True)
    (folder / "bytes.svg").write_text(svg.bars(
        "Resident bytes per client", "B (log)", list(CASES),
        {name: [_median(trials, name, case, "resident_bytes") for case in CASES]
         for name in names}))
    (folder / "README.md").write_text(_readme(today, facts, trials, names))
    print((folder / "README.md").read_text())


def _readme(today, facts, trials, names):
    described = facts["host"]
    lines = [
        f"# {today}: {facts['connections']:,} clients each\n",
        "The question: what does a client that is simply there cost mosquitto, and what does it "
        "cost Tributary?\n",
        f"Commit `{facts['commit']}`, {described['cpu_model']}, {described['cores']} cores, Linux "
        f"{described['kernel']}; `{facts['command'].strip()}`. MQTT 5, client ids of 16 bytes, the "
        "same load generator, both\nservers in turn, medians of "
        f"{facts['rounds']} round(s). Bytes are the slope between half of the clients and all; "
        "connects and CPU are\nthose of the second half. Left is resident memory above the "
        f"beginning {SETTLE_SECS} s after all had gone.\n",
        "| | resident B | user B | connects/s | CPU us per connect | CONNACK p99 ms | left MiB | "
        "granted | ended |",
        "| --- |" + " ---: |" * 8,
    ]
    for case in CASES:
        for name in names:
            values = {figure: _median(trials, name, case, figure)
                      for figure in trials[0]["figures"]}
            user = values["user_bytes"]
            lines.append(
                f"| {name}, {case} | {values['resident_bytes']:,.0f} | "
                f"{'-' if user is None else f'{user:,.0f}'} | {values['connects_per_sec']:,.0f} | "
                f"{values['connect_us']:,.1f} | {values['connect_p99_ms']:,.1f} | "
                f"{values['left_bytes'] / 2**20:,.1f} | {values['granted']:,} | "
                f"{values['ended']:,} |")
    return "\n".join(lines + ["\n![bytes](bytes.svg)"]) + "\n"


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"compare: {error}")
