"""The runs of `make c1m`: idle, pinged, storms by reset and FIN, a gateway that is killed."""
import os
import time

import c1m_server
from c1m_server import Clients, running, start_floor, start_gateway

POLL_SECS = 0.2
SETTLE_SECS = 3
CONNECT_SECS_MAX = 300
# After everyone has gone: when memory is looked at.
AFTER_SECS = (1, 3, 10)
PUBLISHERS, PUBLISH_RATE = 100, 1_000
# The first half of the clients, then the other: bytes per client as a slope, not as a quotient.
HALVES = 2
KAFKA_ROUTE = ""
CHURN_SECS, CHURN_LOOK_SECS = 600, 10
# The far end of the load generator's device.
FAR_END = "10.255.255.254"
STATELESS_SECS_MAX = 1_200


def all_runs(args):
    """What each run found, and which failed: one that fails does not take the others with it."""
    found, failed = {}, []
    for name in (name for name in RUNS if name in args.only):
        try:
            found[name] = RUNS[name](args)
        except RuntimeError as error:
            failed.append(f"{name} failed: {error}")
            print(f"c1m: {failed[-1]}", flush=True)
    return found, failed


def _cores():
    return len(os.sched_getaffinity(0))


def idle(args):
    """Memory at two sizes, the CPU of clients that say nothing, and what is given back."""
    with running(start_gateway(args.connections)) as server:
        return _idle(server, args, ["--keepalive", "0"])


def subscribed(args):
    """The same memory with a subscription of each client's own."""
    with running(start_gateway(args.connections)) as server:
        return _idle(server, args, ["--keepalive", "0", "--subscribe-own"])


def _idle(server, args, options):
    half, looks, crowds = args.connections // HALVES, [server.look()], []
    try:
        for _ in range(HALVES):
            crowds.append(Clients(server, half, "--hold", "86400", *options))
            _await(crowds[-1])
            looks.append(server.look())
        generators = [crowd.resident_bytes() for crowd in crowds]
        time.sleep(args.hold)
        looks.append(server.look())
        reports = [crowd.let_go() for crowd in crowds]
    finally:
        for crowd in crowds:
            if crowd.process.poll() is None:
                crowd.process.kill()
    return {
        "half": half,
        "looks": looks,
        "after": _after(server),
        "loadgen_bytes_per_client": sum(generators) / (HALVES * half),
        "reports": reports,
    }


def _after(server):
    """Memory some seconds after everyone has gone."""
    began, looks = time.monotonic(), {}
    for secs in AFTER_SECS:
        time.sleep(max(0, began + secs - time.monotonic()))
        looks[str(secs)] = server.look()
    return looks


def _await(crowd):
    crowd.await_connected(CONNECT_SECS_MAX)
    time.sleep(SETTLE_SECS)


def pinged_floor(args):
    """The bare server over rings, answering the same pings: what any server has to pay."""
    with running(start_floor(args.connections, _cores())) as server:
        return _pinged(server, args)


def pinged(args):
    """The gateway at the keep-alive asked for."""
    with running(start_gateway(args.connections)) as server:
        return _pinged(server, args)


def _pinged(server, args):
    before = server.look()
    options = ["--keepalive", str(args.keepalive), "--hold", str(args.hold + args.keepalive)]
    crowd = Clients(server, args.connections, *options)
    return {"before": before, "report": crowd.end(), "after": _after(server)}


def storm_floor(args):
    """The bare server over rings in the same storm: what any server has to pay."""
    with running(start_floor(args.connections, _cores())) as server:
        return _storm(server, args, "reset", [])


def storm_reset(args):
    with running(start_gateway(args.connections)) as server:
        return _storm(server, args, "reset", [])


def storm_fin(args):
    """With the embedded Kafka and a few that publish to it during the hold."""
    options = ["--publishers", str(PUBLISHERS), "--publish-rate", str(PUBLISH_RATE)]
    with running(start_gateway(args.connections, route=KAFKA_ROUTE)) as server:
        return _storm(server, args, "fin", options)


def _storm(server, args, farewell, options):
    before = server.look()
    options += ["--keepalive", str(args.keepalive), "--hold", "10", "--storms", "1"]
    options += ["--drop", farewell, "--rest", "5", "--reconnect"]
    crowd = Clients(server, args.connections, *options)
    return {"before": before, "report": crowd.end(), "after": _after(server)}


def storm_kill(args):
    """kill -9 of the gateway; the next one takes the port as soon as the kernel gives it up."""
    server = start_gateway(args.connections)
    hold = args.connections / 5_000 + 60
    options = ["--keepalive", str(args.keepalive), "--hold", str(hold), "--reconnect"]
    # The number of the process changes, so that the load generator cannot watch it.
    began = time.time()
    crowd = Clients(server, args.connections, *options, watch_pid=False)
    try:
        _await(crowd)
        killed = time.time()
        server.kill()
        server = _succeed(server.address, args)
        back = time.time()
        report = crowd.end()
        end = server.look()
    finally:
        if crowd.process.poll() is None:
            crowd.process.kill()
        c1m_server.end(server)
    return {"began": began, "killed": killed, "listening_again": back, "report": report,
            "end": end}


def _succeed(address, args):
    """Listeners of a killed process live on until its rings are gone."""
    deadline = time.monotonic() + CONNECT_SECS_MAX
    while True:
        try:
            return start_gateway(args.connections, listen=address)
        except RuntimeError as error:
            if time.monotonic() > deadline or "listen" not in str(error):
                raise
            time.sleep(POLL_SECS)


def churn(args):
    """One client in a hundred goes and comes each second, for ten minutes: nothing may grow."""
    with running(start_gateway(args.connections)) as server:
        looks = [server.look()]
        options = ["--keepalive", str(args.keepalive), "--hold", str(CHURN_SECS), "--churn", "1"]
        crowd = Clients(server, args.connections, *options)
        _await(crowd)
        while crowd.process.poll() is None:
            looks.append(server.look())
            time.sleep(CHURN_LOOK_SECS)
        return {"looks": looks, "report": crowd.end(), "after": _after(server)}


def stateless(args):
    """Clients without sockets behind a TUN device: only the server's half costs kernel memory."""
    with running(start_gateway(args.connections, listen="0.0.0.0:0")) as server:
        server.address = f"{FAR_END}:{server.address.rsplit(':', 1)[1]}"
        before = server.look()
        options = ["--keepalive", "0", "--hold", "86400", "--stateless"]
        crowd = Clients(server, args.connections, *options)
        try:
            connected = crowd.await_connected(STATELESS_SECS_MAX)
            time.sleep(SETTLE_SECS)
            whole = server.look()
            generator = crowd.resident_bytes()
            time.sleep(args.hold)
            held = server.look()
            report = crowd.let_go()
        finally:
            if crowd.process.poll() is None:
                crowd.process.kill()
        return {"connected": connected, "looks": [before, whole, held], "report": report,
                "loadgen_bytes_per_client": generator / args.connections, "after": _after(server)}


RUNS = {
    "idle": idle,
    "subscribed": subscribed,
    "pinged-floor": pinged_floor,
    "pinged": pinged,
    "storm-floor": storm_floor,
    "storm-reset": storm_reset,
    "storm-fin": storm_fin,
    "storm-kill": storm_kill,
    "churn": churn,
    "stateless": stateless,
}
# One takes ten minutes and is for fewer clients, one is for more: asked for by name.
NOT_BY_DEFAULT = {"churn", "stateless"}
