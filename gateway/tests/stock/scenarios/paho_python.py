"""paho-mqtt, the stock Python client: sessions, QoS 2 over cuts, wills, retained messages."""

import harness
import paho_python_5  # noqa: F401 its scenarios come with ours
import paho_ways  # noqa: F401 its scenarios too
from harness import DOWN_CUTS, UP_CUTS, Control, check, equal, scenario
from paho_peer import V4, V5, Peer, lasting, options

control = Control()


@scenario("persistent session 3.1.1", version=V4)
@scenario("persistent session 5", version=V5)
def persistent_session(names, version):
    """Queued QoS 1 and 2 come, each in order [MQTT-4.6.0-6]; then the session is forgotten."""
    topic, client_id = names.topic(), names.id("away")
    away = Peer(client_id, version, clean=False).connect(**lasting(version))
    check(not away.flags.session_present, "session present on the first connection")
    equal(away.subscribe((topic, options(2) if version == V5 else 2)), [2], "SUBACK")
    away.disconnect()
    other = Peer(names.id("other"), version).connect()
    for number in range(40):
        other.publish(topic, str(number), qos=1 + number % 2, wait=False)
    other.publish(topic, "40", qos=1)
    other.publish(topic, "41", qos=2)
    away = away.again(clean=False, **lasting(version))
    check(away.flags.session_present, "no session present after the reconnect")
    queued = [away.take() for _ in range(42)]
    for qos in (1, 2):
        found = [int(each.payload) for each in queued if each.qos == qos]
        equal(found, list(range(qos - 1, 42, 2)), f"queued at QoS {qos}")
    equal(away.quiet(), [], "beside them")
    other.publish(topic, "live", qos=1)
    equal(away.payloads(1), ["live"], "the subscription afterwards")
    away.disconnect()
    fresh = Peer(client_id, version, clean=True).connect()
    check(not fresh.flags.session_present, "session present after a clean start")
    other.publish(topic, "to nobody", qos=1)
    equal(fresh.quiet(), [], "after a clean start")
    for peer in (other, fresh):
        peer.disconnect()


@scenario("QoS 2 up over cuts 3.1.1", version=V4)
@scenario("QoS 2 up over cuts 5", version=V5)
def qos_2_up(names, version):
    """The publisher's connection breaks at each point: a witness gets each message once."""
    witness = Peer(names.id("witness"), version).connect()
    witness.subscribe(names.topic("#"), qos=2)
    for number, cut in enumerate(UP_CUTS):
        topic, port = names.topic(f"t{number}"), control("open", "cut", cut)
        peer = Peer(names.id(f"p{number}"), version, port, clean=False)
        peer.connect(**lasting(version))
        message = peer.client.publish(topic, f"once {number}", 2)
        peer.ended()
        equal(control("cuts", port), 1, f"connections cut at {cut}")
        peer.again(**lasting(version))
        check(peer.flags.session_present, f"no session present after {cut}")
        # Not by the message: where the cut met the sending, it says `not connected` for ever.
        peer.acknowledged(message.mid)
        peer.publish(topic, f"next {number}", 2)
        equal(witness.payloads(2), [f"once {number}", f"next {number}"], f"after {cut}")
        peer.disconnect()
    equal(witness.quiet(), [], "duplicates")
    witness.disconnect()


@scenario("QoS 2 down over cuts 3.1.1", version=V4)
@scenario("QoS 2 down over cuts 5", version=V5)
def qos_2_down(names, version):
    """The subscriber's connection breaks at each point: it gets each message once."""
    source = Peer(names.id("source"), version).connect()
    for number, cut in enumerate(DOWN_CUTS):
        topic, port = names.topic(f"t{number}"), control("open", "cut", cut)
        peer = Peer(names.id(f"s{number}"), version, port, clean=False)
        peer.connect(**lasting(version))
        peer.subscribe(topic, qos=2)
        source.publish(topic, "once", 2)
        peer.ended()
        equal(control("cuts", port), 1, f"connections cut at {cut}")
        source.publish(topic, "while away", 2)
        peer.again(**lasting(version))
        check(peer.flags.session_present, f"no session present after {cut}")
        equal(peer.payloads(2), ["once", "while away"], f"after {cut}")
        equal(peer.quiet(), [], f"duplicates after {cut}")
        peer.disconnect()
    source.disconnect()


@scenario("QoS 1 redelivery 3.1.1", version=V4)
@scenario("QoS 1 redelivery 5", version=V5)
def qos_1_redelivery(names, version):
    """What was not acknowledged comes again, with DUP, in order, before what is newer."""
    topic, port = names.topic(), control("open")
    peer = Peer(names.id("s"), version, port, clean=False, manual_ack=True)
    peer.connect(**lasting(version))
    peer.subscribe(topic, qos=1)
    source = Peer(names.id("source"), version).connect()
    for number in range(5):
        source.publish(topic, str(number), 1)
    for _ in range(2):
        message = peer.take()
        peer.client.ack(message.mid, message.qos)
    equal(peer.payloads(3), ["2", "3", "4"], "before the cut")
    # RST can overtake the acknowledgements, but not once a later SUBSCRIBE is answered.
    peer.subscribe(names.topic("fence"))
    equal(control("count", port, "up", "PUBACK"), 2, "acknowledgements that passed")
    peer.drop(control)
    source.publish(topic, "newer", 1)
    peer.again(**lasting(version))
    again = [peer.take() for _ in range(4)]
    equal([each.payload.decode() for each in again], ["2", "3", "4", "newer"], "payloads")
    # The last may have been tried on the old connection, where the server had not met RST yet.
    equal([each.dup for each in again[:3]], [True] * 3, "DUP")
    for message in again:
        peer.client.ack(message.mid, message.qos)
    for each in (peer, source):
        each.disconnect()


@scenario("will on reset 3.1.1", version=V4)
@scenario("will on reset 5", version=V5)
def will_on_reset(names, version):
    """RST, silence and a takeover publish the will; DISCONNECT does not, unless it says so."""
    watcher = Peer(names.id("watcher"), version).connect()
    watcher.subscribe(names.topic("#"), qos=2)

    def mortal(role, **arguments):
        will = {"topic": names.topic(role), "payload": f"will of {role}", "qos": 2}
        peer = Peer(names.id(role), version, control("open"))
        return peer.connect(will=will, **arguments)

    mortal("reset").drop(control)
    equal(watcher.payloads(1), ["will of reset"], "after RST")
    silent = mortal("silent", keepalive=1)
    control("stall", silent.port)
    equal(watcher.payloads(1), ["will of silent"], "after one and a half keep-alives")
    taken = mortal("taken")
    heir = Peer(names.id("taken"), version).connect()
    equal(watcher.payloads(1), ["will of taken"], "after a takeover")
    taken.ended()
    if version == V5:
        # paho reads a DISCONNECT's reason only where properties follow: the proxy saw the packet.
        equal(control("count", taken.port, "down", "DISCONNECT"), 1, "DISCONNECT for the old one")
        mortal("wilful").disconnect(code=0x04)
        equal(watcher.payloads(1), ["will of wilful"], "after DISCONNECT with 0x04")
    mortal("polite").disconnect()
    equal(watcher.quiet(), [], "after DISCONNECT")
    for peer in (watcher, heir):
        peer.disconnect()


@scenario("retained 3.1.1")
def retained(names):
    """Stored with its QoS, sent with RETAIN to a new subscription and without to an old one."""
    topic = names.topic("a/b")
    source = Peer(names.id("source"), V4).connect()
    early = Peer(names.id("early"), V4).connect()
    early.subscribe(topic, qos=2)
    source.publish(topic, "first", 1, retain=True)
    source.publish(topic, "second", 2, retain=True)
    live = [early.take(), early.take()]
    found = [(each.payload.decode(), each.retain, each.qos) for each in live]
    equal(found, [("first", False, 1), ("second", False, 2)], "live messages")
    late = Peer(names.id("late"), V4).connect()
    late.subscribe((names.topic("+/b"), 1))
    message = late.take()
    found = (message.topic, message.payload, message.retain, message.qos)
    equal(found, (topic, b"second", True, 1), "the retained message")
    # A subscription made again sends the retained messages again [MQTT-3.8.4-3].
    late.subscribe((names.topic("+/b"), 1))
    check(late.take().retain, "a second SUBSCRIBE sends it again")
    source.publish(topic, "", 1, retain=True)
    equal(late.payloads(1), [""], "the clearing message itself")
    fresh = Peer(names.id("fresh"), V4).connect()
    fresh.subscribe(topic)
    equal(fresh.quiet(), [], "after the clearing")
    for peer in (source, early, late, fresh):
        peer.disconnect()


@scenario("overlapping subscriptions 3.1.1", version=V4)
@scenario("overlapping subscriptions 5", version=V5)
def overlapping(names, version):
    """A message that several filters match arrives, at the highest of their QoS."""
    peer = Peer(names.id("s"), version).connect()
    filters = [("a/b", 0), ("a/+", 2), ("a/#", 1), ("+/b/#", 0), ("a/b/#", 1)]
    made = [(names.topic(f), options(q) if version == V5 else q) for f, q in filters]
    equal(peer.subscribe(*made), [0, 2, 1, 0, 1], "SUBACK")
    for rest in ("a/b", "a", "a/", "x/b/c", "b", "a/b/c/d"):
        peer.publish(names.topic(rest), rest, 2)
    found = {}
    for topic, payload in peer.quiet():
        equal(topic, names.topic(payload), "topic")
        found[payload] = found.get(payload, 0) + 1
    # One copy or one for each matching subscription: both are allowed [MQTT-3.3.4-2].
    equal(set(found), {"a/b", "a", "a/", "x/b/c", "a/b/c/d"}, "topics that match")
    peer.publish(names.topic("a/b"), "highest", 2)
    equal(max(each.qos for each in peer.quiet_messages()), 2, "the highest QoS")
    peer.unsubscribe(*(text for text, _ in made))
    peer.publish(names.topic("a/b"), "unheard", 1)
    check("unheard" not in [payload for _, payload in peer.quiet()], "after UNSUBSCRIBE")
    peer.disconnect()


@scenario("$SYS 3.1.1")
def sys_tree(names):
    """The $SYS tree is read by name, and `#` or `+/...` never shows it [MQTT-4.7.2-1]."""
    peer = Peer(names.id("s"), V4).connect()
    for rest in ("version", "uptime", "clients/connected"):
        peer.subscribe(f"$SYS/broker/{rest}")
        message = peer.take(15)  # mosquitto says some of them every ten seconds only
        equal(message.topic, f"$SYS/broker/{rest}", "topic")
        check(message.payload, f"{rest} is empty")
    peer.unsubscribe("$SYS/broker/version", "$SYS/broker/uptime", "$SYS/broker/clients/connected")
    other = Peer(names.id("all"), V4).connect()
    other.subscribe("#", "+/broker/version")
    seen = {topic.split("/")[0] for topic, _ in other.quiet()}
    check("$SYS" not in seen, f"{seen} through `#`")
    for each in (peer, other):
        each.disconnect()


if __name__ == "__main__":
    harness.main()
