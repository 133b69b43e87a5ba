"""What does a connected client with subscriptions cost in bytes?"""
import connections
import servers
import svg
from trials import goal, shown, table

NAME = "subscriptions"
GATEWAY = "tributary"
OWN = "one topic of its own"
CASES = {
    "no subscription": [],
    OWN: ["--subscribe-own"],
    "10 topics of its own": [
        word for n in range(10) for word in ("--subscribe", f"dev/{{client}}/{n}")],
    "10 filters that nobody else has": [
        word for n in range(10) for word in ("--subscribe", f"site/{n}/room/{{n}}/state")],
}
USER_BYTES_GOAL = 192


def measure(bench, round_number):
    if round_number > 0:
        return  # Bytes do not depend on chance, and settling takes its time.
    for case, options in CASES.items():
        for name, start in _contenders():
            with start() as server:
                bench.add(case, name, round_number, connections.held(server, *options))


def _contenders():
    contenders = [(GATEWAY, lambda: servers.gateway(servers.NULL_ROUTE))]
    if servers.mosquitto_program():
        contenders.append(("mosquitto", servers.mosquitto))
    return contenders


def goals(trials):
    user = trials.median(OWN, GATEWAY, "user_bytes")
    marks = trials.marks(OWN, GATEWAY)
    return [goal(f"user bytes per client, {OWN}", USER_BYTES_GOAL, user, 0, " B", marks)]


def section(trials):
    text = f"""## A client with subscriptions

The slope between {connections.FEW:,} and {connections.MANY:,} connections of one process, taken
{connections.SETTLE_SECS:g} s after the last CONNACK (client id of 16 bytes, MQTT 3.1.1, keep-alive
60 s). *One topic of its own* is `dev/{{client id}}/cmd`, ten of them `dev/{{client id}}/0` to `9`; the
filters that nobody else has are `site/0/room/{{number}}/state` to `site/9/...`, which no template
can share. mosquitto does not tell what its allocator gave out: compare resident bytes.

"""
    head = ["", "server", "user B", "resident B", "more user B than without", "marks"]
    rows = []
    for case in CASES:
        for name, _ in _contenders():
            user = trials.median(case, name, "user_bytes")
            bare = trials.median("no subscription", name, "user_bytes")
            more = user - bare if user is not None and bare is not None else None
            resident = trials.median(case, name, "resident_bytes")
            rows.append([case, name, shown(user, 0), shown(resident, 0), shown(more, 0),
                         trials.marks(case, name) or "-"])
    return text + table(head, rows) + "\n"


def plots(trials):
    series = {"tributary, user": [trials.median(case, GATEWAY, "user_bytes") for case in CASES]}
    for name, _ in _contenders():
        resident = [trials.median(case, name, "resident_bytes") for case in CASES]
        series[f"{name}, resident"] = resident
    yield "bytes-per-subscriber.svg", svg.bars(
        "Bytes per client with subscriptions", "bytes (log)", list(CASES), series
    )
