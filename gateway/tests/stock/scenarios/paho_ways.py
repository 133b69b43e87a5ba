"""paho-mqtt by every way but plain TCP: WebSocket, TLS with and without certificates, and both."""

import ssl

from harness import MUTUAL_PORT, SECURE_WEB_PORT, TLS_PORT, WEB_PORT
from harness import check, equal, pem, scenario
from paho_peer import V4, V5, Peer, lasting, options

SIZES = (1, 300, 100_000)


def trusting(name):
    """Arguments of `tls_set` for a client that has this authority and no certificate."""
    return {"ca_certs": pem(f"{name}.pem")}


def shown(name):
    """The same for one that shows this certificate."""
    return trusting("authority") | {"certfile": pem(f"{name}.pem"), "keyfile": pem(f"{name}.key")}


def ways():
    """What a Peer is told for each way, by its name."""
    if WEB_PORT:
        yield "websocket", {"port": WEB_PORT, "transport": "websockets"}
    if TLS_PORT:
        yield "TLS", {"port": TLS_PORT, "tls": trusting("authority")}
        yield "TLS with a certificate", {"port": MUTUAL_PORT, "tls": shown("client")}
        secure_web = {"port": SECURE_WEB_PORT, "transport": "websockets"}
        yield "websocket under TLS", {**secure_web, "tls": trusting("authority")}


def by_another_way(names, version, way):
    """A session of every QoS in both directions, kept over changes between this way and TCP."""
    topic, client_id = names.topic(), names.id("roaming")
    peer = Peer(client_id, version, clean=False, **way).connect(**lasting(version))
    peer.subscribe((topic, options(2) if version == V5 else 2))
    texts = [f"{qos} {'x' * size}" for qos in range(3) for size in SIZES]
    for text in texts:
        peer.publish(topic, text, qos=int(text[0]))
    equal(sorted(peer.payloads(len(texts))), sorted(texts), "its own messages")
    peer.disconnect()
    other = Peer(names.id("other"), version).connect()
    for there, text in (({}, "queued for TCP"), (way, f"and back {'y' * SIZES[-1]}")):
        other.publish(topic, text, qos=2)
        peer = Peer(client_id, version, clean=False, **there).connect(**lasting(version))
        check(peer.flags.session_present, f"no session present with {there}")
        equal(peer.payloads(1), [text], "queued")
        peer.disconnect()
    peer = Peer(client_id, version, clean=True, **way).connect()
    check(not peer.flags.session_present, "session present after a clean start")
    for each in (peer, other):
        each.disconnect()


for name, arguments in ways():
    scenario(f"{name} 3.1.1", version=V4, way=arguments)(by_another_way)
    scenario(f"{name} 5", version=V5, way=arguments)(by_another_way)


def a_server_of_a_stranger(names):
    """The client's own refusal, by either port; with the right authority it comes in after that."""
    for port, transport in ((TLS_PORT, "tcp"), (SECURE_WEB_PORT, "websockets")):
        peer = Peer(names.id("a"), port=port, transport=transport, tls=trusting("stranger"))
        try:
            peer.connect()
            raise AssertionError("it has connected")
        except ssl.SSLCertVerificationError:
            pass
        peer = Peer(names.id("a"), port=port, transport=transport, tls=trusting("authority"))
        peer.connect().disconnect()


def refused_by_the_server(names):
    """No certificate, and one that a stranger has signed: no CONNACK, and nothing is published.

    With TLS 1.3 the client's handshake is over before the server has seen the certificate, so that
    the refusal meets what stands behind it.
    """
    witness = Peer(names.id("witness")).connect()
    witness.subscribe(names.topic("#"), qos=1)
    for tls in (trusting("authority"), shown("impostor")):
        peer = Peer(names.id("a"), port=MUTUAL_PORT, tls=tls)
        peer.client.connect("127.0.0.1", MUTUAL_PORT)
        peer.client.publish(names.topic(), "unheard", 1)
        peer.client.loop_start()
        peer.ended()
        peer.client.loop_stop()
        check(peer.connacks.empty(), f"a CONNACK with {tls}")
    right = Peer(names.id("a"), port=MUTUAL_PORT, tls=shown("client")).connect()
    right.publish(names.topic(), "heard", 1)
    equal(witness.quiet(), [(names.topic(), "heard")], "to the witness")
    for peer in (right, witness):
        peer.disconnect()


if TLS_PORT:
    scenario("TLS and a server of a stranger 5")(a_server_of_a_stranger)
    scenario("TLS and a client that is refused 5")(refused_by_the_server)
