"""What does a handshake cost the server, full and resumed, and does the budget hold?"""
import load
import servers
import ways
from trials import shown, table

NAME = "tls_handshakes"
CASE = "connect, by its way in"
CLIENTS = 10_000
BUDGET_CASE = "a budget for full handshakes"
BUDGET_PER_SHARD, BUDGET_CLIENTS = 500, 5_000
RESUME = ["--tls-resume"]


def measure(bench, round_number):
    for way in bench.turns(_ways(), round_number):
        with way.start() as server:
            flags = way.flags + (RESUME if way.flags else [])
            trial = load.storm(server, CLIENTS, *flags)
            bench.add(CASE, way.name, round_number, trial)
    if round_number == 0:
        config = ways.listener("mqtts") + servers.NULL_ROUTE + ways.budget(BUDGET_PER_SHARD)
        with servers.gateway(config) as server:
            bench.add(BUDGET_CASE, ways.RUSTLS, 0, _budgeted(server))


def _ways():
    return [ways.plain(), ways.lean(), ways.rustls(), ways.with_certificates("rustls"),
            *ways.mosquitto()]


def _budgeted(server):
    """Everyone comes at once, and whoever is turned away comes again."""
    trial = load.connect(server, BUDGET_CLIENTS, "--reconnect", *ways.TLS)
    trial["figures"]["shed"] = server.metrics()["tributary_shed_total"]
    return trial


def goals(_trials):
    return []


def section(trials):
    text = f"""## A handshake

{CLIENTS:,} clients connect over TLS 1.3 (X25519, ECDSA P-256, AES-128-GCM; by rustls
AES-256-GCM), drop by reset, and come back with the ticket that each was given; mosquitto has
a certificate of the same kind. CPU is the server's own, user and kernel, per connect: TCP and MQTT are in it, and what TLS adds stands beside.
The rate is what both ends and the kernel reach on the cores that they share; per core of its own a
server does a million divided by the microseconds. The budget for handshakes is lifted here.

"""
    head = ["", "CPU us, full", "beside plain", "per s", "CPU us, resumed", "beside plain",
            "per s", "marks"]
    names = [way.name for way in _ways()]
    text += table(head, [_row(trials, name) for name in names])
    return text + _budget(trials)


def _row(trials, name):
    base = ways.MOSQUITTO if name.startswith(ways.MOSQUITTO) else ways.PLAIN

    def median(figure, way=name):
        return trials.median(CASE, way, figure)

    def extra(figure):
        ours, plain = median(figure), median(figure, base)
        return ours - plain if ours is not None and plain is not None else None
    return [
        name,
        shown(median("first_cpu_us"), 1),
        shown(extra("first_cpu_us"), 1),
        shown(median("first_per_sec"), 0),
        shown(median("return_cpu_us"), 1),
        shown(extra("return_cpu_us"), 1),
        shown(median("return_per_sec"), 0),
        trials.marks(CASE, name) or "-",
    ]


def _budget(trials):
    per_sec = trials.median(BUDGET_CASE, ways.RUSTLS, "connected_per_sec")
    if per_sec is None:
        return ""
    shards = servers.core_count()
    return f"""
With a budget of {BUDGET_PER_SHARD} full handshakes per second and shard ({shards} shards), and
{BUDGET_CLIENTS:,} clients who all come at once and come again when they are turned away:
{per_sec:,.0f} connects per second, all connected after
{trials.median(BUDGET_CASE, ways.RUSTLS, "secs"):.1f} s;
{trials.median(BUDGET_CASE, ways.RUSTLS, "shed"):,.0f} times somebody was turned away, and the
server used {trials.median(BUDGET_CASE, ways.RUSTLS, "server_cores"):.2f} cores.
"""


def plots(_trials):
    return ()
