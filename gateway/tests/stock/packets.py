"""Splits a stream of bytes into MQTT packets and says in one line what a packet is."""

NAMES = {
    1: "CONNECT", 2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP",
    8: "SUBSCRIBE", 9: "SUBACK", 10: "UNSUBSCRIBE", 11: "UNSUBACK", 12: "PINGREQ", 13: "PINGRESP",
    14: "DISCONNECT", 15: "AUTH",
}  # fmt: skip
HEX_BYTES_MAX = 120


def name_of(packet):
    return NAMES.get(packet[0] >> 4, "RESERVED")


def split(buffered):
    """Takes the whole packets off the front of a bytearray."""
    while len(buffered) >= 2:
        length, at = _varint(buffered, 1)
        if at is None or len(buffered) < at + length:
            return
        packet = bytes(buffered[: at + length])
        del buffered[: at + length]
        yield packet


def client_of(connect):
    """Client id and protocol level of a CONNECT."""
    at = _body(connect)
    at += 2 + _u16(connect, at)
    level = connect[at] & 0x7F
    at += 4
    if level == 5:
        length, at = _varint(connect, at)
        at += length
    return _text(connect, at), level


def describe(packet, level):
    """Name, the fields that matter most, and the bytes."""
    try:
        fields = _fields(packet, level)
    except (IndexError, TypeError, UnicodeDecodeError) as fault:
        fields = f"cannot be decoded: {fault!r}"
    shown = packet[:HEX_BYTES_MAX].hex()
    more = f"... {len(packet)} bytes" if len(packet) > HEX_BYTES_MAX else ""
    return f"{name_of(packet)} {fields} [{shown}{more}]"


def _fields(packet, level):
    at = _body(packet)
    match name_of(packet):
        case "CONNECT":
            client_id, level = client_of(packet)
            flags = packet[at + 2 + _u16(packet, at) + 1]
            return f"id={client_id!r} level={level} flags={flags:#04x}"
        case "CONNACK":
            return f"session_present={packet[at] & 1} code={packet[at + 1]:#04x}"
        case "PUBLISH":
            flags, topic_end = packet[0] & 0x0F, at + 2 + _u16(packet, at)
            id_text = f" id={_u16(packet, topic_end)}" if flags & 6 else ""
            bits = f"dup={flags >> 3} qos={flags >> 1 & 3} retain={flags & 1}"
            return f"{_text(packet, at)!r} {bits}{id_text}"
        case "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP":
            code = packet[at + 2] if len(packet) > at + 2 else 0
            return f"id={_u16(packet, at)} code={code:#04x}"
        case "SUBSCRIBE" | "UNSUBSCRIBE":
            return f"id={_u16(packet, at)} {_filters(packet, at + 2, level)}"
        case "SUBACK" | "UNSUBACK":
            codes = packet[_past_properties(packet, at + 2, level) :]
            return f"id={_u16(packet, at)} codes={codes.hex(' ')}"
        case "DISCONNECT" | "AUTH":
            return f"code={packet[at] if len(packet) > at else 0:#04x}"
    return ""


def _filters(packet, at, level):
    at = _past_properties(packet, at, level)
    filters = []
    while at < len(packet):
        text = _text(packet, at)
        at += 2 + _u16(packet, at)
        if name_of(packet) == "SUBSCRIBE":
            text += f" options={packet[at]:#04x}"
            at += 1
        filters.append(text)
    return ", ".join(filters)


def _past_properties(packet, at, level):
    if level != 5:
        return at
    length, at = _varint(packet, at)
    return at + length


def _body(packet):
    return _varint(packet, 1)[1]


def _varint(data, at):
    """The value and where it ends; the end is None when bytes are missing."""
    value = 0
    for shift in range(0, 28, 7):
        if at >= len(data):
            return 0, None
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("a remaining length of more than four bytes")


def _u16(data, at):
    return data[at] << 8 | data[at + 1]


def _text(data, at):
    return data[at + 2 : at + 2 + _u16(data, at)].decode()
