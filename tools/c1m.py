#!/usr/bin/env python3
"""Holds a million MQTT clients with one gateway, storms and all, and writes results/: `make c1m`.

Checks first what the host allows, goes into a network namespace of its own, sets there what it may
and says what it could not, then runs and writes results/DATE-c1m/. Everything ends with it.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

os.chdir(Path(__file__).resolve().parents[1])
sys.path.insert(0, "tools/bench")

import c1m_report  # noqa: E402 (the paths are relative to the repository)
import c1m_runs  # noqa: E402
import c1m_server  # noqa: E402
import host  # noqa: E402

INSIDE = "TRIBUTARY_C1M_INSIDE"
# Both ends of a connection live here: 8.2 KB measured, and what user space takes beside.
BYTES_PER_PAIR = 8_700
# The server's half alone, and what a client without a socket is in the load generator.
BYTES_PER_HALF = 4_700
BYTES_ASIDE = 1 << 30
# The hash table of a new namespace is asked for in the one that it is made from.
CHILD_EHASH = Path("/proc/sys/net/ipv4/tcp_child_ehash_entries")
SYSCTLS = {
    "net.core.somaxconn": "65535",
    "net.ipv4.tcp_max_syn_backlog": "65535",
    "net.ipv4.ip_local_port_range": "1024 65535",
    "net.ipv4.tcp_syncookies": "1",
}


def main():
    args = _arguments()
    # So that everything is taken down in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _check_memory(args)
    if INSIDE not in os.environ:
        _go_inside(args.connections)
    notes = [_bring_up(), *_set_sysctls(), _tcp_mem(args.connections)]
    notes = [note for note in notes if note]
    host.allow_all_open_files()
    doctor = _ask_doctor(args)
    for note in notes:
        print(f"c1m: {note}", flush=True)
    load_before, began = os.getloadavg()[0], time.monotonic()
    runs, failed = c1m_runs.all_runs(args)
    notes += failed
    facts = {
        "date": date.today().isoformat(),
        "host": host.describe(),
        "commit": host.commit(),
        "command": "tools/c1m.py " + " ".join(sys.argv[1:]),
        "connections": args.connections,
        "hold_secs": args.hold,
        "keepalive_secs": args.keepalive,
        "load_before": load_before,
        "minutes": (time.monotonic() - began) / 60,
        "notes": notes,
        "doctor": doctor,
    }
    folder = args.out or Path("results") / f"{facts['date']}-c1m"
    figures = c1m_report.write(folder, facts, runs)
    print((folder / "README.md").read_text())
    print(f"c1m: {folder}/README.md")
    if failed or args.check and (failed := list(c1m_report.missed(figures))):
        raise RuntimeError("; ".join(failed))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--hold", type=float, help="seconds (default 60, 20 below 500,000)")
    parser.add_argument("--keepalive", type=int, default=60, help="seconds (default 60)")
    names = list(c1m_runs.RUNS)
    usual = [name for name in names if name not in c1m_runs.NOT_BY_DEFAULT]
    parser.add_argument("--only", nargs="+", choices=names, default=usual, metavar="RUN",
                        help="of " + ", ".join(names))
    parser.add_argument("--force", action="store_true", help="run although the doctor says no")
    parser.add_argument("--check", action="store_true",
                        help="exit 1 when a client is missing or has too many bytes")
    parser.add_argument("--out", type=Path, help="default results/DATE-c1m")
    args = parser.parse_args()
    if args.connections < 1_000:
        parser.error("--connections: at least 1,000, or the figures mean nothing")
    if args.hold is None:
        args.hold = 60 if args.connections >= 500_000 else 20
    return args


def _check_memory(args):
    connections = args.connections
    each = BYTES_PER_HALF if args.only == ["stateless"] else BYTES_PER_PAIR
    needed = connections * each + BYTES_ASIDE
    found = c1m_server.meminfo_bytes("MemAvailable")
    if found < needed:
        fit = max(0, found - BYTES_ASIDE) // each
        raise RuntimeError(
            f"{connections:,} clients and their server's sockets need {needed / 2**30:.1f} GiB, "
            f"{found / 2**30:.1f} GiB are available; `make c1m CONNECTIONS={fit // 1000 * 1000}` "
            "fits, or end what else takes memory here"
        )


def _may_go_inside():
    """Root alone is not enough in a container."""
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"):
        return False
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return done.returncode == 0


def _go_inside(connections):
    """Starts this program again in a new network namespace, which ends with it."""
    environment = dict(os.environ)
    if not _may_go_inside():
        environment[INSIDE] = "no: that takes root, unshare and ip; this host's own settings hold"
        os.execvpe(sys.executable, [sys.executable, *sys.argv], environment)
    environment[INSIDE] = "yes"
    before = CHILD_EHASH.read_text() if CHILD_EHASH.exists() else None
    if before is not None:
        try:
            # A bucket per socket, both ends here, in a power of two.
            CHILD_EHASH.write_text(str(1 << (2 * connections - 1).bit_length()))
        except OSError:
            before = None  # The table has its usual size then.
    command = ["unshare", "--net", sys.executable, *sys.argv]
    process = subprocess.Popen(command, env=environment)
    try:
        if before is not None:
            _await_namespace(process)
            CHILD_EHASH.write_text(before)
        code = process.wait()
    except KeyboardInterrupt:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    sys.exit(code)


def _await_namespace(process):
    """The setting may go back once the child has left for its own namespace."""
    own = os.readlink("/proc/self/ns/net")
    while process.poll() is None:
        try:
            if os.readlink(f"/proc/{process.pid}/ns/net") != own:
                return
        except OSError:
            return
        time.sleep(0.01)


def _bring_up():
    said = os.environ[INSIDE]
    if said != "yes":
        return f"no network namespace of its own: {said[4:]}"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return None


def _set_sysctls():
    if os.environ[INSIDE] != "yes":
        yield "not set, since they would be the host's: " + ", ".join(SYSCTLS)
        return
    for name, value in SYSCTLS.items():
        try:
            Path("/proc/sys", name.replace(".", "/")).write_text(value)
        except OSError as error:
            yield f"not set: {name}={value} ({error})"


def _tcp_mem(connections):
    """Counts for all namespaces and can be set in the first alone: only a storm of data needs it."""
    path = Path("/proc/sys/net/ipv4/tcp_mem")
    if not path.exists():
        return (f"not set: net.ipv4.tcp_mem, which only the host's own namespace has; when all "
                f"{connections:,} speak at once there is memory pressure, and nothing is lost")
    return None


def _ask_doctor(args):
    command = [c1m_server.GATEWAY, "doctor", "--connections", str(args.connections)]
    done = subprocess.run(command + ["--json"], capture_output=True, text=True, check=False)
    said = json.loads(done.stdout)
    if not said["fits"] and not args.force:
        subprocess.run(command, check=False)
        raise RuntimeError("the doctor says no (above); --force tries all the same")
    return said


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"c1m: {error}")
