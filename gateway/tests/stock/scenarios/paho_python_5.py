"""paho-mqtt, the stock Python client: what only MQTT 5 has."""

import time
from functools import partial

from harness import WAIT_SECS, Control, check, equal, scenario, until
from paho_peer import FOREVER, V4, Peer, options, properties

control = Control()


@scenario("CONNACK properties")
def connack(names):
    """What is told is true: nothing is declared missing that the suite goes on to use."""
    peer = Peer(names.id("a")).connect(RequestResponseInformation=1, RequestProblemInformation=1)
    told = peer.properties.json()
    check(not peer.flags.session_present, "session present")
    for name in ("RetainAvailable", "WildcardSubscriptionAvailable"):
        equal(told.get(name, 1), 1, name)
    for name in ("SubscriptionIdentifierAvailable", "SharedSubscriptionAvailable"):
        equal(told.get(name, 1), 1, name)
    check("MaximumQoS" not in told, "QoS 2 is supported, so Maximum QoS must not be told")
    check(told.get("ReceiveMaximum", 1) > 0, "Receive Maximum of 0")
    check(told.get("MaximumPacketSize", 1) > 0, "Maximum Packet Size of 0")
    check("AssignedClientIdentifier" not in told, "an id assigned to a client that has one")
    equal(told.get("ServerKeepAlive", 60), 60, "Server Keep Alive")
    peer.disconnect()


@scenario("assigned client id")
def assigned(names):
    """No id in CONNECT: each gets one of its own, and its session can be resumed by it."""
    first, second = (Peer("").connect(SessionExpiryInterval=60) for _ in range(2))
    ids = [each.properties.AssignedClientIdentifier for each in (first, second)]
    check(all(ids) and ids[0] != ids[1], f"assigned {ids}")
    first.subscribe(names.topic(), qos=1)
    first.disconnect()
    second.publish(names.topic(), "for the first", 1)
    again = Peer(ids[0], clean=False).connect()
    check(again.flags.session_present, "the assigned id does not lead to its session")
    equal(again.payloads(1), ["for the first"], "queued")
    for peer in (second, again):
        peer.disconnect()


@scenario("session expiry")
def session_expiry(names):
    """Ends with the connection by default, after its interval, or as DISCONNECT says."""

    def present(role, connect, disconnect=None, pause_secs=0.0):
        Peer(names.id(role), clean=True).connect(**connect).disconnect(**(disconnect or {}))
        time.sleep(pause_secs)  # a session's age is what is tested
        peer = Peer(names.id(role), clean=False).connect()
        peer.disconnect()
        return peer.flags.session_present

    interval = "SessionExpiryInterval"
    check(not present("none", {}), "a session without an interval outlived its connection")
    check(present("minute", {interval: 60}), "a session of a minute is gone at once")
    check(present("forever", {interval: FOREVER}), "a session for ever is gone at once")
    check(not present("second", {interval: 1}, None, 2.5), "a session of a second lives for 2.5")
    check(not present("ended", {interval: 60}, {interval: 0}), "DISCONNECT with 0 keeps it")
    check(present("longer", {interval: 1}, {interval: 60}, 2.5), "DISCONNECT with 60 loses it")


@scenario("will delay")
def will_delay(names):
    """A reconnect in time cancels the will; the end of the session does not wait for the delay."""
    watcher = Peer(names.id("watcher")).connect()
    watcher.subscribe(names.topic("#"), qos=1)

    def mortal(role, delay, expiry):
        will = {"topic": names.topic(role), "payload": role, "qos": 1}
        will["properties"] = properties("WILLMESSAGE", WillDelayInterval=delay)
        peer = Peer(names.id(role), port=control("open"), clean=False)
        return peer.connect(will=will, SessionExpiryInterval=expiry)

    back, gone = mortal("back", 1, 60), mortal("gone", 2, 60)
    for peer in (back, gone):
        peer.drop(control)
    back.client.will_clear()
    back.again(SessionExpiryInterval=60)
    check(back.flags.session_present, "no session present")
    short = mortal("short", 60, 1)
    short.drop(control)
    # The session of `short` ends before the delay of `gone`; that of `back` would come before.
    equal(sorted(watcher.payloads(2)), ["gone", "short"], "wills")
    equal(watcher.quiet(), [], "the will of the one that came back")
    for peer in (watcher, back):
        peer.disconnect()


@scenario("will properties")
def will_properties(names):
    """A will comes with its own properties, and can be retained."""
    made = properties("WILLMESSAGE", ContentType="text/plain", ResponseTopic="r")
    made.CorrelationData, made.PayloadFormatIndicator = b"\0\1", 1
    made.MessageExpiryInterval, made.UserProperty = 60, [("b", "1"), ("a", "2"), ("b", "1")]
    will = {"topic": names.topic(), "payload": "gone", "qos": 1, "retain": True}
    mortal = Peer(names.id("m"), port=control("open"))
    mortal.connect(will={**will, "properties": made})
    watcher = Peer(names.id("w")).connect()
    watcher.subscribe(names.topic(), qos=1)
    mortal.drop(control)
    live = watcher.take().properties.json()
    late = Peer(names.id("late")).connect()
    late.subscribe(names.topic(), qos=1)
    kept = late.take()
    check(kept.retain, "the will is not retained")
    for told in (live, kept.properties.json()):
        equal(told.pop("MessageExpiryInterval", 60) in (59, 60), True, "expiry of about a minute")
        wanted = {"ContentType": "text/plain", "ResponseTopic": "r", "CorrelationData": "0001"}
        wanted |= {"PayloadFormatIndicator": 1}
        wanted |= {"UserProperty": [("b", "1"), ("a", "2"), ("b", "1")]}
        equal(told, wanted, "properties")
    late.publish(names.topic(), "", 1, retain=True)
    for peer in (watcher, late):
        peer.disconnect()


@scenario("retain handling")
def retain_handling(names):
    """Retain Handling 0, 1, 2 and Retain As Published, each on a new and an old subscription."""
    topic = names.topic()
    source = Peer(names.id("source")).connect()
    source.publish(topic, "kept", 1, retain=True)
    for handling, first, second in ((0, 1, 1), (1, 1, 0), (2, 0, 0)):
        peer = Peer(names.id(f"h{handling}")).connect()
        for count, which in ((first, "first"), (second, "second")):
            peer.subscribe((topic, options(1, retainHandling=handling)))
            found = peer.quiet_messages()
            wanted = [(b"kept", True)] * count
            what = f"retain handling {handling}, {which} SUBSCRIBE"
            equal([(each.payload, each.retain) for each in found], wanted, what)
        peer.disconnect()
    flags = []
    for published in (False, True):
        peer = Peer(names.id(f"p{published}")).connect()
        peer.subscribe((topic, options(1, retainHandling=2, retainAsPublished=published)))
        flags.append(peer)
    source.publish(topic, "live", 1, retain=True)
    equal([each.take().retain for each in flags], [False, True], "Retain As Published")
    source.publish(topic, "", 1, retain=True)
    for peer in (source, *flags):
        peer.disconnect()


@scenario("retained expiry")
def retained_expiry(names):
    """A retained message carries what is left of its interval, and ends with it."""
    source = Peer(names.id("source")).connect()
    source.publish(names.topic("long"), "long", 1, retain=True, MessageExpiryInterval=100)
    source.publish(names.topic("short"), "short", 1, retain=True, MessageExpiryInterval=1)
    time.sleep(2.5)  # a message's age is what is tested
    peer = Peer(names.id("s")).connect()
    peer.subscribe(names.topic("+"), qos=1)
    found = peer.quiet_messages()
    equal([each.payload for each in found], [b"long"], "retained messages")
    left = found[0].properties.MessageExpiryInterval
    check(90 <= left <= 98, f"{left} of 100 s left after 2.5")
    source.publish(names.topic("long"), "", 1, retain=True)
    for each in (source, peer):
        each.disconnect()


@scenario("message expiry")
def message_expiry(names):
    """In the offline queue: the remaining interval is sent, what has expired is not."""
    topic = names.topic()
    away = Peer(names.id("away"), clean=False).connect(SessionExpiryInterval=60)
    away.subscribe(topic, qos=2)
    away.disconnect()
    source = Peer(names.id("source")).connect()
    source.publish(topic, "short", 1, MessageExpiryInterval=1)
    source.publish(topic, "long", 1, MessageExpiryInterval=100)
    source.publish(topic, "endless", 1)
    time.sleep(2.5)  # a message's age is what is tested
    away.again(SessionExpiryInterval=60)
    found = away.quiet_messages()
    equal([each.payload for each in found], [b"long", b"endless"], "queued")
    left = found[0].properties.MessageExpiryInterval
    check(90 <= left <= 98, f"{left} of 100 s left after 2.5")
    check("MessageExpiryInterval" not in found[1].properties.json(), "an expiry out of nothing")
    for each in (source, away):
        each.disconnect()


@scenario("No Local")
def no_local(names):
    """One's own messages stay away, another's come; the publisher is the client, not the link."""
    peer = Peer(names.id("p"), clean=False).connect(SessionExpiryInterval=60)
    other = Peer(names.id("other")).connect()
    peer.subscribe((names.topic("a"), options(2, noLocal=True)), (names.topic("b"), options(2)))
    peer.publish(names.topic("a"), "own", 2)
    peer.publish(names.topic("b"), "own", 2)
    other.publish(names.topic("a"), "other", 2)
    equal(sorted(peer.payloads(2)), ["other", "own"], "messages")
    equal(peer.quiet(), [], "beside them")
    for each in (peer, other):
        each.disconnect()


@scenario("subscription identifiers")
def identifiers(names):
    """Each message names the subscriptions that match it, also the largest identifier."""
    peer = Peer(names.id("s")).connect()
    largest = 268_435_455
    peer.subscribe(names.topic("a/+"), identifier=1, qos=1)
    peer.subscribe(names.topic("a/#"), identifier=largest, qos=2)
    peer.subscribe(names.topic("b"), qos=1)
    for rest in ("a/b", "a/b/c", "b"):
        peer.publish(names.topic(rest), rest, 2)
    found = {}
    for message in peer.quiet_messages():
        told = message.properties.json().get("SubscriptionIdentifier", [])
        found.setdefault(message.payload.decode(), []).extend(told)
    found = {payload: sorted(told) for payload, told in found.items()}
    equal(found, {"a/b": [1, largest], "a/b/c": [largest], "b": []}, "identifiers by message")
    # The same filter again replaces the identifier, or takes it away [MQTT-3.8.4-3].
    peer.subscribe(names.topic("a/#"), identifier=7, qos=2)
    peer.unsubscribe(names.topic("a/+"))
    peer.publish(names.topic("a/b"), "again", 1)
    equal(peer.take().properties.json().get("SubscriptionIdentifier"), [7], "replaced")
    peer.disconnect()


@scenario("request and response")
def request_response(names):
    """Response topic and correlation data reach the one who answers, byte for byte."""
    asking, answering = Peer(names.id("asking")).connect(), Peer(names.id("answering")).connect()
    answering.subscribe(names.topic("ask"), qos=1)
    asking.subscribe(names.topic("answer"), qos=1)
    data = bytes(range(256))
    wanted = {"ResponseTopic": names.topic("answer"), "CorrelationData": data}
    asking.publish(names.topic("ask"), "six times nine?", 1, **wanted)
    told = answering.take().properties
    equal((told.ResponseTopic, told.CorrelationData), tuple(wanted.values()), "the request")
    answering.publish(told.ResponseTopic, "42", 1, CorrelationData=told.CorrelationData)
    answer = asking.take()
    equal((answer.payload, answer.properties.CorrelationData), (b"42", data), "the answer")
    for each in (asking, answering):
        each.disconnect()


@scenario("topic aliases upwards")
def aliases(names):
    """An alias stands for its topic, can be given to another one, and ends with the link."""
    watcher = Peer(names.id("w"), V4).connect()
    watcher.subscribe(names.topic("#"), qos=2)
    peer = Peer(names.id("p"), port=control("open"), clean=False).connect(SessionExpiryInterval=60)
    most = peer.properties.json().get("TopicAliasMaximum", 0)
    check(most >= 1, f"Topic Alias Maximum of {most}")
    sent = []
    for topic, rest, qos in (("a", "a", 1), ("", "a", 2), ("b", "b", 0), ("", "b", 1)):
        text = f"{len(sent)} to {rest}"
        # paho itself refuses an empty topic unless it comes with an alias.
        peer.publish(names.topic(topic) if topic else "", text, qos, TopicAlias=most)
        sent.append((names.topic(rest), text))
    messages = [watcher.take() for _ in sent]
    found = sorted((each.topic, each.payload.decode()) for each in messages)
    equal(found, sorted(sent), "topics")
    peer.disconnect()
    peer.again(SessionExpiryInterval=60)
    disconnects = partial(control, "count", peer.port, "down", "DISCONNECT")
    before = disconnects()
    # Not waited for: the answer is the end of the connection, and it may come first.
    peer.publish("", "to nowhere", 0, wait=False, TopicAlias=most)
    # paho does not tell the reason of so short a DISCONNECT.
    until(lambda: disconnects() > before, "DISCONNECT for an old alias")
    watcher.disconnect()


@scenario("user properties")
def user_properties(names):
    """Order and repetition are kept; content type and format go along."""
    peer = Peer(names.id("p")).connect()
    peer.subscribe(names.topic(), qos=1)
    pairs = [("z", "1"), ("a", "2"), ("z", "1"), ("ä", "🌡"), ("", "")]
    wanted = {"UserProperty": pairs, "ContentType": "text/plain", "PayloadFormatIndicator": 1}
    peer.publish(names.topic(), "schön", 1, **wanted)
    equal(peer.take().properties.json(), wanted, "properties")
    peer.disconnect()


@scenario("shared subscription")
def shared(names):
    """Fair to four members, each message once; and the others take over when two leave."""
    members = [Peer(names.id(f"m{number}")).connect() for number in range(4)]
    for member in members:
        equal(member.subscribe(f"$share/group/{names.topic('+')}", qos=1), [1], "SUBACK")
    beside = Peer(names.id("beside")).connect()
    beside.subscribe(names.topic("+"), qos=1)
    source = Peer(names.id("source")).connect()

    def publish(count, what):
        waiting = [
            source.publish(names.topic(f"t{n % 7}"), f"{what} {n}", 1, wait=False)
            for n in range(count)
        ]
        for message in waiting:
            message.wait_for_publish(WAIT_SECS)
            check(message.is_published(), "a publish is never acknowledged")
        equal(len(beside.payloads(count)), count, "messages to the one beside the group")
        found = [[payload for _, payload in each.quiet()] for each in members]
        wanted = sorted(f"{what} {n}" for n in range(count))
        equal(sorted(sum(found, [])), wanted, f"{what}: the group's messages together")
        return [len(each) for each in found]

    counts = publish(400, "four")
    check(min(counts) >= 50, f"balance of 400 over four: {counts}")
    members.pop().disconnect()
    members.pop().unsubscribe(f"$share/group/{names.topic('+')}")
    counts = publish(100, "two")
    check(min(counts) >= 25, f"balance of 100 over two: {counts}")
    for peer in (*members, beside, source):
        peer.disconnect()


@scenario("receive maximum")
def receive_maximum(names):
    """Never more than two unacknowledged, QoS 0 passes by, and nothing is lost."""
    peer = Peer(names.id("s"), manual_ack=True).connect(ReceiveMaximum=2)
    peer.subscribe(names.topic(), qos=1)
    source = Peer(names.id("source")).connect()
    for number in range(6):
        source.publish(names.topic(), f"{number}", 1)
    for number in range(0, 6, 2):
        pair = [peer.take(), peer.take()]
        found = [each.payload.decode() for each in pair]
        equal(found, [f"{number}", f"{number + 1}"], "two at a time")
        equal(peer.quiet(), [], "a third one while two are unacknowledged")
        for message in pair:
            peer.client.ack(message.mid, message.qos)
    for each in (peer, source):
        each.disconnect()


@scenario("maximum packet size")
def maximum_packet_size(names):
    """What is too large for the client is not sent to it, as if it had been [MQTT-3.1.2-25]."""
    peer = Peer(names.id("s")).connect(MaximumPacketSize=200, ReceiveMaximum=1)
    peer.subscribe(names.topic(), qos=1)
    source = Peer(names.id("source")).connect()
    for size in (10, 400, 20):
        source.publish(names.topic(), "x" * size, 1)
    equal([len(each) for each in peer.payloads(2)], [10, 20], "payloads")
    for each in (peer, source):
        each.disconnect()


@scenario("UNSUBSCRIBE codes")
def unsubscribe_codes(names):
    """Success for what was subscribed to, No subscription existed for what was not."""
    peer = Peer(names.id("s")).connect()
    peer.subscribe(names.topic("a"), f"$share/g/{names.topic('b')}")
    filters = [names.topic("a"), names.topic("b"), f"$share/g/{names.topic('b')}"]
    equal(peer.unsubscribe(*filters), [0x00, 0x11, 0x00], "UNSUBACK")
    peer.disconnect()
