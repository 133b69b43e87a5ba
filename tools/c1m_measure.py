#!/usr/bin/env python3
"""Measures what one kernel knob does: each setting in a network namespace of its own."""
import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

os.chdir(Path(__file__).resolve().parents[1])
sys.path.insert(0, "tools/bench")

import c1m_server  # noqa: E402 (the paths are relative to the repository)
import host  # noqa: E402
from c1m_server import LOADGEN, Clients, running  # noqa: E402

# These two count for all namespaces, and are put back.
CHILD_EHASH = Path("/proc/sys/net/ipv4/tcp_child_ehash_entries")
TCP_MEM = Path("/proc/sys/net/ipv4/tcp_mem")
CONNECT_SECS_MAX = 180
SETTLE_SECS = 2
STALL_SECS = 1.0
KEEPALIVE = 4
# An address that is no loopback one: there the kernel chooses the port, from its own range.
LOCAL = "10.77.0.1"
NARROW, WIDE = "32768 60999", "1024 65535"
NFT_TRACK = "add table t; add chain t in { type filter hook input priority 0; }; " \
            "add rule t in ct state established counter"


def backlog(trial):
    """15,000 connects at once on one listener, whose server stands still for a second."""
    with _floor(trial, 15_000, []) as server:
        os.kill(server.pid, signal.SIGSTOP)
        crowd = Clients(server, 15_000, "--at-once", "15000", "--hold", "0", watch_pid=False)
        time.sleep(STALL_SECS)
        os.kill(server.pid, signal.SIGCONT)
        report = crowd.end()
    dropped = _netstat("ListenDrops")
    return {**_connected(report), "listen_drops": dropped}


def ports(trial):
    """Connects where the kernel chooses the source port, with one source address."""
    subprocess.run(["ip", "address", "add", f"{LOCAL}/32", "dev", "lo"], check=True)
    count = trial["clients"]
    with _floor(trial, count, ["--rings"], listen=f"{LOCAL}:0") as server:
        report = Clients(server, count, "--hold", "0", watch_pid=False).end()
    client_us = report["client"]["cpu_secs"] * 1e6 / count
    return {"clients": count, **_connected(report), "client_us_per_connect": client_us}


def memory(trial):
    """Kernel memory of a connection, both ends, and CPU of its making and of a ping."""
    count = trial.get("clients", 18_000)
    if trial.get("track"):
        subprocess.run(["nft", NFT_TRACK], check=True)
    if trial.get("notrack"):
        _notrack(trial)
    keepalive = trial.get("keepalive", KEEPALIVE)
    with _floor(trial, trial.get("room", count), trial.get("floor", ["--rings"])) as server:
        before = host.slab_bytes()
        options = ["--keepalive", str(keepalive), "--hold", str(2 * keepalive)]
        crowd = Clients(server, count, *options)
        crowd.await_connected(CONNECT_SECS_MAX)
        time.sleep(SETTLE_SECS)
        pair = (host.slab_bytes() - before) / count
        report = crowd.end()
    hold = next(p for p in report["counts"]["phases"] if p["name"] == "hold")
    pings = report["counts"]["pings_answered"]
    return {
        "slab_bytes_per_pair": pair,
        **_connected(report),
        "server_us_per_connect": report["server"]["cpu_us_per_connect"],
        "server_us_per_ping": hold["server"]["cpu_secs"] * 1e6 / max(pings, 1),
    }


def unread(trial):
    """One small message per client that the server does not read: what TCP accounts for it."""
    count = trial["clients"]
    with _floor(trial, count, ["--rings"]) as server:
        publish = ["--publishers", str(count), "--publish-rate", str(count), "--hold", "4"]
        crowd = Clients(server, count, "--keepalive", "0", *publish)
        crowd.await_connected(CONNECT_SECS_MAX)
        # The first messages are due when the hold begins, spread over one second.
        os.kill(server.pid, signal.SIGSTOP)
        before = _tcp_pages()
        time.sleep(1.5)
        pages = _tcp_pages() - before
        os.kill(server.pid, signal.SIGCONT)
        report = crowd.end()
    return {"clients": count, "pages": pages, "pages_per_client": pages / count,
            "pressures": _netstat("TCPMemoryPressures"),
            "unacknowledged": report["counts"]["unacknowledged"]}


def time_wait(trial):
    """18,000 clients that all close by FIN and come back at once, three times over."""
    with _floor(trial, 18_000, ["--rings"]) as server:
        options = ["--storms", "3", "--drop", "fin", "--reconnect", "--rest", "0", "--hold", "0"]
        crowd = Clients(server, 18_000, "--keepalive", "0", *options)
        report = crowd.end()
        waiting = _sockstat("tw")
    returns = [p for p in report["counts"]["phases"] if p["name"] == "return"]
    return {
        "left_in_time_wait": waiting,
        "without_time_wait": _netstat("TCPTimeWaitOverflow"),
        "missing": 18_000 - report["counts"]["held"],
        "reconnects_per_sec": sum(p["connected_after"] for p in returns)
        / sum(p["secs"] for p in returns),
        "server_us_per_connect": sum(p["server"]["cpu_secs"] for p in returns) * 1e6
        / sum(p["connected_after"] for p in returns),
    }


def _connected(report):
    ms = report["latency_ms"].get("connect", {})
    return {
        "connected": report["counts"]["connects_made"],
        "refused": report["counts"]["connects_refused"],
        "connects_per_sec": report["per_sec"]["connected"],
        **{f"{name}_ms": ms.get(name) for name in ("p50", "p99", "max")},
    }


KNOBS = {
    "backlog": (backlog, [
        {"name": f"somaxconn {queue}", "sysctls": {"net.core.somaxconn": queue},
         "floor": [], "threads": 1} for queue in (128, 1024, 4096, 65535)]),
    "ports": (ports, [
        {"name": f"{count:,} clients, ports {ports_of}", "clients": count,
         "sysctls": {"net.ipv4.ip_local_port_range": ports_of}}
        for count, ports_of in ((15_000, NARROW), (27_000, NARROW), (27_000, WIDE),
                                (28_500, NARROW), (40_000, WIDE))]),
    "buffers": (memory, [
        {"name": f"tcp_rmem and tcp_wmem default {size}", "sysctls": {
            "net.ipv4.tcp_rmem": f"4096 {size} 6291456",
            "net.ipv4.tcp_wmem": f"4096 {size} 4194304"}} for size in (4096, 16384, 131072)]),
    "conntrack": (memory, [
        {"name": "no rule"}, {"name": "a rule that asks for ct state", "track": True},
        {"name": "that rule, and notrack for the port", "track": True, "notrack": True}]),
    "ehash": (memory, [
        {"name": f"{buckets:,} buckets", "ehash": buckets}
        for buckets in (4_096, 65_536, 1_048_576)]),
    "ehash-million": (memory, [
        {"name": f"1,000,000 clients, {buckets:,} buckets", "ehash": buckets,
         "clients": 1_000_000, "keepalive": 60} for buckets in (262_144, 4_194_304)]),
    "rings": (memory, [
        {"name": f"room for {room:,} clients", "clients": 15_000, "room": room}
        for room in (18_000, 1_000_000)]),
    "time-wait": (time_wait, [
        {"name": f"tcp_max_tw_buckets {most}, tcp_tw_reuse {reuse}", "sysctls": {
            "net.ipv4.tcp_max_tw_buckets": most, "net.ipv4.tcp_tw_reuse": reuse}}
        for most, reuse in ((131_072, 2), (131_072, 0), (1_000, 2))]),
    "arming": (memory, [
        {"name": "epoll", "floor": [], "threads": 1},
        {"name": "one-shot poll in a ring", "floor": ["--rings"], "threads": 1},
        {"name": "multishot receive in a ring", "floor": ["--rings", "--multishot"],
         "threads": 1}]),
    "tcp-mem": (unread, [
        {"name": "tcp_mem as it is", "clients": 40_000},
        {"name": "pressure from 20,000 pages on", "clients": 40_000,
         "tcp_mem": "15000 20000 200000"}]),
}


@contextmanager
def _floor(trial, connections, flags, listen="127.0.0.1:0"):
    command = [LOADGEN, "floor", "--listen", listen, "--connections", str(connections), *flags]
    command += ["--threads", str(trial.get("threads", 2))]
    with running(c1m_server._start("floor", command)) as server:
        yield server


def _notrack(trial):
    """The shipped rules, for every port: the floor takes a free one."""
    rules = Path("tuning/nft/notrack.nft").read_text().replace("1883, 8883", "1024-65535")
    rules = rules.replace("type inet_service", "type inet_service; flags interval")
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    trial["rules"] = rules


def _netstat(name):
    """A counter of the kernel's TcpExt line, of this namespace alone."""
    lines = Path("/proc/net/netstat").read_text().splitlines()
    names, values = (next(pair) for pair in (iter(l.split() for l in lines[i::2]) for i in (0, 1)))
    return int(dict(zip(names, values)).get(name, 0))


def _tcp_pages():
    """Pages that all TCP buffers of the machine are accounted for."""
    return _sockstat("mem")


def _sockstat(name):
    line = next(l for l in Path("/proc/net/sockstat").read_text().splitlines()
                if l.startswith("TCP:"))
    words = line.split()
    return int(words[words.index(name) + 1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("knob", choices=list(KNOBS), metavar="KNOB", help=", ".join(KNOBS))
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--out", type=Path, help="default results/DATE-tuning-KNOB")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside is not None:
        return _inside(*KNOBS[args.knob], args.inside)
    if os.geteuid() != 0:
        raise RuntimeError("a network namespace takes root")
    host.allow_all_open_files()
    measure, trials = KNOBS[args.knob]
    rounds = []
    for number in range(args.rounds):
        for step in range(len(trials)):
            index = (number + step) % len(trials)
            figures = _outside(args.knob, trials[index], index)
            print(f"measure: {trials[index]['name']}: {figures}", flush=True)
            rounds.append({"name": trials[index]["name"], "round": number, "figures": figures})
    _write(args, measure, trials, rounds)
    return None


def _outside(knob, trial, index):
    wanted = {CHILD_EHASH: trial.get("ehash"), TCP_MEM: trial.get("tcp_mem")}
    before = {path: path.read_text() for path, value in wanted.items() if value is not None}
    for path in before:
        path.write_text(str(wanted[path]))
    try:
        command = ["unshare", "--net", sys.executable, sys.argv[0], knob, "--inside", str(index)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    finally:
        for path, value in before.items():
            path.write_text(value)
    if done.returncode != 0:
        raise RuntimeError(f"{trial['name']}: see above")
    return json.loads(done.stdout.splitlines()[-1])


def _inside(measure, trials, index):
    trial = trials[index]
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, value in trial.get("sysctls", {}).items():
        Path("/proc/sys", name.replace(".", "/")).write_text(str(value))
    print(json.dumps(measure(dict(trial))))


def _write(args, measure, trials, rounds):
    today = date.today().isoformat()
    folder = args.out or Path("results") / f"{today}-tuning-{args.knob}"
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"host": host.describe(), "commit": host.commit(), "rounds": args.rounds,
             "command": f"tuning/measure.sh {args.knob} --rounds {args.rounds}"}
    raw = {"facts": facts, "trials": trials, "rounds": rounds}
    (folder / "report.json").write_text(json.dumps(raw, indent=1) + "\n")
    figures = list(rounds[0]["figures"])
    lines = [f"# {today}: {args.knob}\n", measure.__doc__ + "\n",
             f"`{facts['command']}` at commit `{facts['commit']}`, {facts['host']['cpu_model']}, "
             f"{facts['host']['cores']} cores,\nLinux {facts['host']['kernel']}; medians of "
             f"{args.rounds} round(s), each setting in a network namespace of its own.\n",
             "| | " + " | ".join(name.replace("_", " ") for name in figures) + " |",
             "| --- |" + " ---: |" * len(figures)]
    for trial in trials:
        of_trial = [one["figures"] for one in rounds if one["name"] == trial["name"]]
        shown = [_median([one[name] for one in of_trial]) for name in figures]
        lines.append(f"| {trial['name']} | " + " | ".join(shown) + " |")
    (folder / "README.md").write_text("\n".join(lines) + "\n")
    print((folder / "README.md").read_text())


def _median(values):
    known = sorted(value for value in values if value is not None)
    if not known:
        return "-"
    value = known[len(known) // 2]
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"measure: {error}")
