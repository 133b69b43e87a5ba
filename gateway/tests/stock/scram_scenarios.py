"""What SCRAM-SHA-256 promises at the socket: from CONNECT to the next AUTH, right and wrong."""

from scram_client import (
    AUTH, CONNACK, DISCONNECT, METHOD, PUBACK, PUBLISH, SUBACK, Scram, Wire, auth, connect, publish,
    subscribe,
)  # fmt: skip

# A comma, an equals sign and what is not ASCII travel escaped or as UTF-8.
USERS = {"sensor": "s3cret", "pump": "other", "a,b=c": "pw", "räume": "schön"}
CONTINUE, REAUTHENTICATE = 0x18, 0x19
PROTOCOL_ERROR, NOT_AUTHORIZED, BAD_METHOD, TAKEN_OVER = 0x82, 0x87, 0x8C, 0x8E

scenarios = []


def scenario(function):
    scenarios.append(function)
    return function


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def begin(target, client_id, scram, **options):
    """CONNECT and server-first; returns the connection and what client-final has to be."""
    wire = Wire(target)
    wire.send(connect(client_id, METHOD, scram.first(), **options))
    return wire, challenge(wire, scram)


def challenge(wire, scram):
    packet = wire.packet()
    check(packet and packet.kind == AUTH, f"{packet} instead of AUTH")
    # [MQTT-4.12.0-2], [MQTT-4.12.0-5]
    check(packet.reason == CONTINUE, f"AUTH {packet.reason:#04x} instead of 0x18")
    check(packet.method == METHOD, f"AUTH names the method {packet.method}")
    return scram.final(packet.data)


def admit(target, client_id, name="sensor", **options):
    """A client that was let in, with its CONNACK."""
    scram = Scram(name, USERS[name])
    wire, final = begin(target, client_id, scram, **options)
    wire.send(auth(CONTINUE, data=final))
    return wire, welcome(wire, scram)


def welcome(wire, scram):
    packet = wire.packet()
    check(packet and packet.kind == CONNACK and packet.reason == 0, f"{packet}: not welcome")
    check(packet.method == METHOD, f"CONNACK names the method {packet.method}")
    scram.check(packet.data)
    return packet


def turned_away(wire, reasons, silence_is_fine=False):
    """CONNACK with one of these reasons, then the end [MQTT-4.12.0-1], [MQTT-4.12.0-4]."""
    packet = wire.packet()
    if packet is None:
        check(silence_is_fine, "closed without CONNACK")
        return None
    right = packet.kind in (CONNACK, DISCONNECT) if silence_is_fine else packet.kind == CONNACK
    check(right and packet.reason in reasons, f"{packet}, wanted one of {shown(reasons)}")
    check(wire.packet() is None, "the connection stays open")
    return packet


def ended(wire, reasons):
    """DISCONNECT with one of these reasons, then the end."""
    packet = wire.packet()
    check(packet and packet.kind == DISCONNECT, f"{packet} instead of DISCONNECT")
    check(packet.reason in reasons, f"{packet.reason:#04x}, wanted one of {shown(reasons)}")
    check(wire.packet() is None, "the connection stays open")


def shown(reasons):
    return ", ".join(f"{reason:#04x}" for reason in reasons)


@scenario
def each_user_is_let_in_by_its_password_and_gets_the_servers_proof(target, client_id):
    for name in USERS:
        wire, _ = admit(target, client_id, name)
        wire.ping()
        wire.send(publish(f"{client_id}/t", b"in", 1))
        packet = wire.packet()
        check(packet.kind == PUBACK, f"{packet} instead of PUBACK")
        wire.close()


@scenario
def an_exchange_in_single_bytes_is_the_same_exchange(target, client_id):
    scram, wire = Scram("sensor", USERS["sensor"]), Wire(target)
    for byte in connect(client_id, METHOD, scram.first()):
        wire.send(bytes([byte]))
    for byte in auth(CONTINUE, data=challenge(wire, scram)):
        wire.send(bytes([byte]))
    welcome(wire, scram)
    wire.ping()


@scenario
def a_wrong_password_is_not_authorized(target, client_id):
    wire, final = begin(target, client_id, Scram("sensor", "wrong"))
    wire.send(auth(CONTINUE, data=final))
    turned_away(wire, [NOT_AUTHORIZED])


@scenario
def an_unknown_user_sees_what_a_wrong_password_sees(target, client_id):
    seen = []
    for name in ("sensor", "nobody"):
        scrams = [Scram(name, "wrong") for _ in range(2)]
        begun = [begin(target, client_id, scram) for scram in scrams]
        wire, final = begun[0]
        begun[1][0].close()
        wire.send(auth(CONTINUE, data=final))
        seen.append(turned_away(wire, [NOT_AUTHORIZED]).body)
    check(seen[0] == seen[1], f"CONNACK {seen[0].hex()} and {seen[1].hex()}")


@scenario
def an_unknown_user_has_a_salt_that_stays(target, client_id):
    def salt(name):
        wire = Wire(target)
        wire.send(connect(client_id, METHOD, Scram(name, "").first()))
        packet = wire.packet()
        wire.close()
        return next(field for field in packet.data.split(b",") if field.startswith(b"s="))

    check(salt("nobody") == salt("nobody"), "the salt of a stranger changes")
    check(salt("nobody") != salt("noone"), "two strangers share a salt")
    check(len(salt("nobody")) == len(salt("sensor")), "a stranger's salt has another length")


@scenario
def an_unknown_method_is_a_bad_authentication_method(target, client_id):
    for method in ("SCRAM-SHA-1", "scram-sha-256", "GS2-KRB5", ""):
        wire = Wire(target)
        wire.send(connect(client_id, method, Scram("sensor", "").first()))
        turned_away(wire, [BAD_METHOD])


@scenario
def a_first_message_that_is_none_is_not_authorized(target, client_id):
    wrong = [b"", b"n,,", b"n,,n=sensor", b"\xff", b"x" * 60_000]
    wrong += [b"p=tls-exporter,,n=sensor,r=abc", b"n,,m=x,n=sensor,r=abc"]
    for data in [*wrong, b"n,a=pump,n=sensor,r=abc"]:
        wire = Wire(target)
        wire.send(connect(client_id, METHOD, data))
        turned_away(wire, [NOT_AUTHORIZED])
    wire = Wire(target)
    wire.send(connect(client_id, METHOD))
    turned_away(wire, [NOT_AUTHORIZED])


@scenario
def data_without_a_method_is_a_protocol_error(target, client_id):
    # Section 3.1.2.11.10.
    wire = Wire(target)
    wire.send(connect(client_id, None, Scram("sensor", "").first()))
    turned_away(wire, [PROTOCOL_ERROR], silence_is_fine=True)


@scenario
def a_last_message_that_is_none_is_not_authorized(target, client_id):
    for wrong in (b"", b"p=AAAA", b"\xff", b"x" * 60_000, None):
        wire, _ = begin(target, client_id, Scram("sensor", USERS["sensor"]))
        wire.send(auth(CONTINUE, data=wrong))
        turned_away(wire, [NOT_AUTHORIZED])


@scenario
def a_last_message_of_another_exchange_is_not_authorized(target, client_id):
    first, final = begin(target, client_id, Scram("sensor", USERS["sensor"]))
    second, _ = begin(target, client_id + "2", Scram("sensor", USERS["sensor"]))
    second.send(auth(CONTINUE, data=final))
    turned_away(second, [NOT_AUTHORIZED])
    first.close()


@scenario
def another_method_or_reason_inside_the_exchange_ends_it(target, client_id):
    # [MQTT-4.12.0-3], [MQTT-4.12.0-5]
    right = Scram("sensor", USERS["sensor"])
    for reason, method in [(CONTINUE, "SCRAM-SHA-1"), (REAUTHENTICATE, METHOD), (0x00, METHOD)]:
        wire, final = begin(target, client_id, right)
        wire.send(auth(reason, method, final))
        turned_away(wire, [PROTOCOL_ERROR, BAD_METHOD, NOT_AUTHORIZED], silence_is_fine=True)


@scenario
def an_auth_without_a_method_inside_the_exchange_ends_it(target, client_id):
    # Section 3.15.2.2.2: leaving it out is a protocol error; an AUTH of length 0 means Success.
    for packet in (auth(CONTINUE, None), b"\xf0\0"):
        wire, _ = begin(target, client_id, Scram("sensor", USERS["sensor"]))
        wire.send(packet)
        turned_away(wire, [PROTOCOL_ERROR], silence_is_fine=True)


@scenario
def other_packets_before_connack_end_the_exchange_and_do_nothing(target, client_id):
    # [MQTT-3.1.2-30]
    witness, _ = admit(target, client_id + "w", "pump")
    witness.send(subscribe(f"{client_id}/#", 1))
    check(witness.packet().kind == SUBACK, "no SUBACK")
    early = [
        publish(f"{client_id}/early", b"early", 1),
        subscribe("#", 1),
        b"\xc0\0",
        b"\x62\x02\0\1",
        connect(client_id),
    ]
    for packet in early:
        scram = Scram("sensor", USERS["sensor"])
        wire, final = begin(target, client_id, scram)
        # The right answer behind the wrong packet must not heal it.
        wire.send(packet + auth(CONTINUE, data=final))
        turned_away(wire, [PROTOCOL_ERROR, NOT_AUTHORIZED], silence_is_fine=True)
    wire, _ = admit(target, client_id)
    wire.send(publish(f"{client_id}/late", b"late", 1))
    packet = witness.packet()
    check(packet.kind == PUBLISH and packet.body.endswith(b"late"), f"{packet} came to a witness")


@scenario
def a_disconnect_before_connack_ends_the_exchange_quietly(target, client_id):
    wire, _ = begin(target, client_id, Scram("sensor", USERS["sensor"]))
    wire.send(b"\xe0\0")
    check(wire.packet() is None, "an answer to DISCONNECT")


@scenario
def an_exchange_that_stops_half_way_ends_with_the_deadline_for_connect(target, client_id):
    wire, _ = begin(target, client_id, Scram("sensor", USERS["sensor"]))
    packet = wire.packet()
    check(packet is None or packet.reason >= 0x80, f"{packet} for nothing")


@scenario
def two_hundred_exchanges_that_break_off_leave_the_server_as_it_was(target, client_id):
    for number in range(200):
        wire, _ = begin(target, f"{client_id}{number % 7}", Scram("sensor", USERS["sensor"]))
        wire.reset()
    wire, _ = admit(target, client_id)
    wire.ping()


@scenario
def who_has_not_proven_itself_takes_nobody_over(target, client_id):
    owner, _ = admit(target, client_id, clean=False, expiry_secs=60)
    for name in ("sensor", "nobody"):
        wire, final = begin(target, client_id, Scram(name, "wrong"), clean=True)
        owner.ping()
        wire.send(auth(CONTINUE, data=final))
        turned_away(wire, [NOT_AUTHORIZED])
        owner.ping()
    # Once it has, it does, and finds the session that nobody else has cleaned away.
    newcomer, connack = admit(target, client_id, clean=False, expiry_secs=60)
    check(connack.session_present, "the session is gone")
    ended(owner, [TAKEN_OVER])
    newcomer.ping()


@scenario
def a_session_is_found_again_through_the_exchange(target, client_id):
    wire, connack = admit(target, client_id, clean=False, expiry_secs=60)
    check(not connack.session_present, "a session is there from the start")
    wire.send(subscribe(f"{client_id}/t", 1))
    check(wire.packet().kind == SUBACK, "no SUBACK")
    wire.reset()
    other, _ = admit(target, client_id + "2", "pump")
    other.send(publish(f"{client_id}/t", b"kept", 1))
    check(other.packet().kind == PUBACK, "no PUBACK")
    wire, connack = admit(target, client_id, clean=False, expiry_secs=60)
    check(connack.session_present, "the session is gone")
    packet = wire.packet()
    check(packet.kind == PUBLISH and packet.body.endswith(b"kept"), f"{packet} instead of `kept`")


def reauthenticate(wire, scram):
    """AUTH 0x19 to client-final; the server's answer to that is still to come."""
    wire.send(auth(REAUTHENTICATE, data=scram.first()))
    wire.send(auth(CONTINUE, data=challenge(wire, scram)))


@scenario
def re_authentication_goes_through_the_same_exchange_again(target, client_id):
    # [MQTT-4.12.1-1]
    wire, _ = admit(target, client_id)
    for _ in range(3):
        scram = Scram("sensor", USERS["sensor"])
        reauthenticate(wire, scram)
        packet = wire.packet()
        check(packet and packet.kind == AUTH and packet.reason == 0, f"{packet}: not AUTH 0x00")
        check(packet.method == METHOD, f"AUTH names the method {packet.method}")
        scram.check(packet.data)
        wire.ping()


@scenario
def other_packets_go_on_during_re_authentication(target, client_id):
    # Section 4.12.1: both sides can go on as authenticated before.
    wire, _ = admit(target, client_id)
    scram = Scram("sensor", USERS["sensor"])
    wire.send(auth(REAUTHENTICATE, data=scram.first()))
    final = challenge(wire, scram)
    wire.ping()
    wire.send(publish(f"{client_id}/t", b"meanwhile", 1))
    check(wire.packet().kind == PUBACK, "no PUBACK")
    wire.send(auth(CONTINUE, data=final))
    packet = wire.packet()
    check(packet and packet.kind == AUTH and packet.reason == 0, f"{packet}: not AUTH 0x00")


@scenario
def re_authentication_that_fails_ends_the_connection(target, client_id):
    # [MQTT-4.12.1-2]; who proves to be somebody else is not who was let in.
    for name, password in [("sensor", "wrong"), ("nobody", "x"), ("pump", USERS["pump"])]:
        wire, _ = admit(target, client_id)
        reauthenticate(wire, Scram(name, password))
        ended(wire, [NOT_AUTHORIZED])


@scenario
def re_authentication_by_another_method_is_a_protocol_error(target, client_id):
    wire, _ = admit(target, client_id)
    wire.send(auth(REAUTHENTICATE, "SCRAM-SHA-1", Scram("sensor", "").first()))
    ended(wire, [PROTOCOL_ERROR, BAD_METHOD])


@scenario
def an_auth_out_of_turn_is_a_protocol_error(target, client_id):
    # 0x18 without an exchange, 0x00 from a client, 0x19 inside an exchange.
    for reason in (CONTINUE, 0x00):
        wire, _ = admit(target, client_id)
        wire.send(auth(reason, data=Scram("sensor", "").first()))
        ended(wire, [PROTOCOL_ERROR])
    wire, _ = admit(target, client_id)
    scram = Scram("sensor", USERS["sensor"])
    wire.send(auth(REAUTHENTICATE, data=scram.first()))
    challenge(wire, scram)
    wire.send(auth(REAUTHENTICATE, data=scram.first()))
    ended(wire, [PROTOCOL_ERROR])


@scenario
def an_auth_on_a_connection_without_a_method_is_a_protocol_error(target, client_id):
    # [MQTT-4.12.0-7]
    wire = Wire(target)
    wire.send(connect(client_id))
    packet = wire.packet()
    check(packet.kind == CONNACK and packet.reason == 0, f"{packet}: not welcome")
    # [MQTT-4.12.0-6]
    check(packet.method is None and packet.data is None, f"{packet} names a method")
    wire.send(auth(REAUTHENTICATE, data=Scram("sensor", "").first()))
    ended(wire, [PROTOCOL_ERROR])
