"""Runs the load generator once against a server and keeps what came out as one flat trial."""
import json
import re
import subprocess
import time

import host
from servers import FOLDER, LOADGEN

CLIENTS = 200
PAYLOAD_BYTES = 64
# What a run may take beyond its seconds: connecting, draining, a server that lags behind.
EXTRA_SECS_MAX = 60
# A reader that has seen nothing new for so long will not: on one machine records take milliseconds.
READER_IDLE_SECS = 4
DROPPED_REMARK = re.compile(r"Kafka had dropped ([\d,]+) records before")
QUIET_SECS = 0.25
QUIET_CPU_SHARE = 0.04


def publish(server, seconds, *options, run=None, ledger=None, clients=CLIENTS):
    """One `publish`; returns the trial. Latencies in ms, rates per second."""
    command = [LOADGEN, "publish", "--target", server.address, "--clients", str(clients)]
    command += ["--payload", str(PAYLOAD_BYTES), "--duration", str(seconds), *options]
    command += ["--run", run] if run else []
    command += ["--ledger", str(ledger)] if ledger else []
    trial = _measured(server, command, seconds)
    raw, figures = trial["loadgen"], trial["figures"]
    if raw["counts"]["sent"] == 0:
        raise RuntimeError("nothing was published: " + " ".join(command))
    if "late" in raw.get("latency_ms", {}):
        figures["late_p99_ms"] = raw["latency_ms"]["late"]["p99"]
    for name in ("p50", "p99", "max"):
        if "publish" in raw.get("latency_ms", {}):
            figures[f"{name}_ms"] = raw["latency_ms"]["publish"][name]
    figures["sent_per_sec"] = raw["per_sec"]["sent"]
    figures["acknowledged_per_sec"] = raw["per_sec"]["acknowledged"]
    # At QoS 0 the load generator is done while bytes still wait in the server's sockets, so that
    # there the CPU counts until the server is quiet.
    qos_0 = "--qos" in options and options[options.index("--qos") + 1] == "0"
    whole_us = trial["server_cpu_secs"] * 1e6 / raw["counts"]["sent"]
    figures["cpu_us"] = whole_us if qos_0 else raw["server"]["cpu_us_per_message"]
    figures["switches"] = raw["server"]["switches_voluntary"] / raw["counts"]["sent"]
    return trial


def deliver(server, seconds, *options):
    """One `deliver`; returns the trial. CPU is per delivery; on return of those who were away it
    stands apart. A fault is one message at one subscriber: lost, twice, late, changed."""
    command = [LOADGEN, "deliver", "--target", server.address, "--payload", str(PAYLOAD_BYTES)]
    command += ["--duration", str(seconds), *options]
    disk_before = host.disk_bytes(server.pid)
    trial = _measured(server, command, seconds, ok=(0, 3))
    raw, figures = trial["loadgen"], trial["figures"]
    if raw["counts"]["sent"] == 0:
        raise RuntimeError("nothing was published: " + " ".join(command))
    said, latency = raw["verdict"], raw.get("latency_ms", {})
    arrivals, published = said["arrivals"], said["server_while_published"]
    if "late" in latency:
        figures["late_p99_ms"] = latency["late"]["p99"]
    for name in ("p50", "p99", "max"):
        if "deliver" in latency:
            figures[f"{name}_ms"] = latency["deliver"][name]
        if "publish" in latency:
            figures[f"puback_{name}_ms"] = latency["publish"][name]
    figures["sent_per_sec"] = raw["per_sec"]["sent"]
    figures["delivered_per_sec"] = raw["per_sec"].get("delivered", 0.0)
    figures["cpu_us"] = published["cpu_us_per_message"]
    figures["per_cpu_sec"] = arrivals["delivered"] / published["cpu_secs"]
    figures["switches"] = published["switches_voluntary"] / max(1, arrivals["delivered"])
    figures["disk_bytes"] = (host.disk_bytes(server.pid) - disk_before) / raw["counts"]["sent"]
    if said["server_on_return"]:
        figures["return_cpu_us"] = said["server_on_return"]["cpu_us_per_message"]
    faults = ("lost", "duplicated", "reordered", "corrupted", "foreign", "sessions_missing")
    figures["faults"] = sum(arrivals[name] for name in faults)
    trial["arrivals"] = arrivals
    return trial


def connect(server, connections, *options):
    """One `connect` of many clients that all begin at once; returns the trial."""
    command = [LOADGEN, "connect", "--target", server.address, "--connections", str(connections)]
    command += ["--at-once", str(connections), "--connack-wait", "30", "--hold", "0", *options]
    trial = _measured(server, command, 0)
    raw = trial["loadgen"]
    trial["figures"].update(
        connected=raw["per_sec"]["connected"] * raw["counts"]["connect_secs"],
        refused=raw["counts"]["connects_refused"],
        secs=raw["counts"]["connect_secs"],
        connected_per_sec=raw["per_sec"]["connected"],
        server_cores=raw["server"]["cpu_secs"] / raw["counts"]["connect_secs"],
        cpu_us=raw["server"]["cpu_us_per_connect"],
        p99_ms=raw["latency_ms"]["connect"]["p99"],
    )
    return trial


def storm(server, connections, *options):
    """Clients who connect, drop by reset and come back at once; CPU of the server for both."""
    command = [LOADGEN, "connect", "--target", server.address, "--connections", str(connections)]
    command += ["--connack-wait", "30", "--hold", "1", "--rest", "1", "--storms", "1"]
    trial = _measured(server, command + ["--drop", "reset", *options], EXTRA_SECS_MAX)
    counts, figures = trial["loadgen"]["counts"], trial["figures"]
    del counts["curve"]
    for name, wanted in (("first", "connect"), ("return", "return")):
        phase = next(phase for phase in counts["phases"] if phase["name"] == wanted)
        if phase["connected_after"] < connections:
            raise RuntimeError(f"{phase['connected_after']} connected by " + " ".join(command))
        figures[f"{name}_cpu_us"] = phase["server"]["cpu_secs"] * 1e6 / connections
        figures[f"{name}_per_sec"] = connections / phase["secs"]
    for kind in ("full", "resumed"):
        figures[f"handshakes_{kind}"] = counts.get(f"handshakes_{kind}", 0)
    return trial


def hold(server, connections, *options):
    """Starts clients that stay until `let_go`, and returns their process."""
    command = [LOADGEN, "connect", "--target", server.address, "--connections", str(connections)]
    # Whoever is refused tries again: it is the number that counts here.
    command += ["--hold", str(EXTRA_SECS_MAX * 2), "--connack-wait", "30", "--reconnect", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def let_go(process):
    process.terminate()
    process.wait()


def follow(kafka, topic, run, ledger):
    """Starts a reader of Kafka beside the devices, and returns its process."""
    command = _verify_command(kafka, topic, run, ledger) + ["--follow"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def verdict(kafka, topic, run, ledger, follower=None):
    """What is lost, duplicated or out of order, by the reader beside or by reading now."""
    if follower:
        follower.wait(EXTRA_SECS_MAX)
    else:
        command = _verify_command(kafka, topic, run, ledger)
        _run(command, EXTRA_SECS_MAX * 2, ok=(0, 3))
    report = json.loads((FOLDER / "verify.json").read_text())
    said = report["counts"]
    faults = {name: said[name]["count"] for name in ("lost", "duplicated", "reordered")}
    # What Kafka had dropped before it was read cannot be told from what never came.
    dropped = DROPPED_REMARK.search(" ".join(report["remarks"]))
    unread = int(dropped[1].replace(",", "")) if dropped else 0
    faults["unread"] = min(unread, faults["lost"])
    faults["lost"] -= faults["unread"]
    return {"acknowledged": said["acknowledged"], "found": said["found"], **faults}


def _verify_command(kafka, topic, run, ledger):
    (FOLDER / "verify.json").unlink(missing_ok=True)
    command = [LOADGEN, "verify", "--kafka", kafka, "--topic", topic, "--run", run]
    command += ["--idle", str(READER_IDLE_SECS), "--ledger", str(ledger)]
    return command + ["--json", str(FOLDER / "verify.json")]


def _measured(server, command, seconds, ok=(0,)):
    json_file = FOLDER / "loadgen.json"
    json_file.unlink(missing_ok=True)
    watch = host.Watch(server.pids())
    before = host.cpu_by_thread_secs(server.pid)
    whole = command + ["--server-pid", str(server.pid), "--json", str(json_file)]
    _run(whole, seconds + EXTRA_SECS_MAX, ok)
    after = _quiet(server.pid)
    used = {name: secs - before.get(name, 0.0) for name, secs in after.items()}
    raw = json.loads(json_file.read_text())
    client = raw["client"]
    return {
        "command": " ".join(command),
        **watch.result(),
        "figures": {
            "client_busiest_thread": client["busiest_thread"],
            "client_is_bottleneck": float(client["is_bottleneck"]),
        },
        "server_cpu_secs": round(sum(used.values()), 6),
        "server_cpu_secs_by_thread": {k: round(v, 4) for k, v in used.items() if v > 1e-3},
        "loadgen": _essence(raw),
    }


def _quiet(pid):
    """Waits until the server has done what is still in its sockets; returns its CPU by then."""
    deadline = time.monotonic() + EXTRA_SECS_MAX
    before = host.cpu_by_thread_secs(pid)
    while time.monotonic() < deadline:
        time.sleep(QUIET_SECS)
        after = host.cpu_by_thread_secs(pid)
        if sum(after.values()) - sum(before.values()) < QUIET_CPU_SHARE * QUIET_SECS:
            break
        before = after
    return after


def _essence(raw):
    """The load generator's report without what is the same for all, or second by second."""
    dull = ("host", "commit", "command", "command_line", "seconds")
    kept = {name: value for name, value in raw.items() if name not in dull}
    kept["counts"] = {name: value for name, value in raw["counts"].items() if value}
    kept["counts"].setdefault("sent", 0)
    kept["counts"].setdefault("connects_refused", 0)
    return kept


def _run(command, secs_max, ok=(0,)):
    done = subprocess.run(command, capture_output=True, text=True, timeout=secs_max, check=False)
    if done.returncode not in ok:
        end = (done.stdout + done.stderr)[-2000:]
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{end}")
