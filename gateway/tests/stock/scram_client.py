"""A SCRAM-SHA-256 client on a raw socket (RFC 5802, RFC 7677, MQTT 5 section 4.12), stdlib only.

It says what a test tells it to, right or wrong; the server's proof is always checked.
"""

import base64
import hashlib
import hmac
import os
import socket

METHOD = "SCRAM-SHA-256"
ANSWER_SECS = 20

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT, AUTH = 2, 3, 4, 9, 13, 14, 15
METHOD_PROPERTY, DATA_PROPERTY = 0x15, 0x16
# Length of the values of other properties that may stand in CONNACK, AUTH and DISCONNECT.
NUMBERS = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}
TEXTS = {0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F}


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return len(value).to_bytes(2, "big") + value


def varint(value):
    encoded = b""
    while True:
        value, low = divmod(value, 128)
        encoded += bytes([low | (0x80 if value else 0)])
        if not value:
            return encoded


def frame(first_byte, body):
    return bytes([first_byte]) + varint(len(body)) + body


def properties(method=None, data=None, more=b""):
    """The two properties of enhanced authentication, and others as they are."""
    listed = more
    if method is not None:
        listed += bytes([METHOD_PROPERTY]) + text(method)
    if data is not None:
        listed += bytes([DATA_PROPERTY]) + text(data)
    return varint(len(listed)) + listed


def connect(client_id, method=None, data=None, clean=True, expiry_secs=0):
    more = b"\x11" + expiry_secs.to_bytes(4, "big") if expiry_secs else b""
    flags = 0x02 if clean else 0x00
    body = text("MQTT") + bytes([5, flags, 0, 60]) + properties(method, data, more)
    return frame(0x10, body + text(client_id))


def auth(reason, method=METHOD, data=None):
    return frame(0xF0, bytes([reason]) + properties(method, data))


def publish(topic, payload, packet_id):
    return frame(0x32, text(topic) + packet_id.to_bytes(2, "big") + b"\0" + payload)


def subscribe(topic, packet_id):
    return frame(0x82, packet_id.to_bytes(2, "big") + b"\0" + text(topic) + b"\x01")


class Packet:
    """A packet of the server; `reason` and properties are read of CONNACK, AUTH, DISCONNECT."""

    def __init__(self, first_byte, body):
        self.kind, self.body = first_byte >> 4, body
        self.session_present, self.reason, self.method, self.data = False, None, None, None
        if self.kind not in (CONNACK, AUTH, DISCONNECT):
            return
        rest = body
        if self.kind == CONNACK:
            self.session_present, rest = bool(body[0] & 1), body[1:]
        # A reason of success and no properties may be left out.
        self.reason = rest[0] if rest else 0
        rest = rest[1:]
        if rest:
            length, rest = take_varint(rest)
            if length != len(rest):
                raise ValueError(f"properties of {length} bytes in {body.hex()}")
            self._read(rest)

    def _read(self, rest):
        while rest:
            identifier, rest = rest[0], rest[1:]
            if identifier == 0x26:
                _, rest = take_text(rest)
                _, rest = take_text(rest)
            elif identifier in TEXTS:
                value, rest = take_text(rest)
                if identifier == METHOD_PROPERTY:
                    self.method = value.decode()
                elif identifier == DATA_PROPERTY:
                    self.data = value
            else:
                rest = rest[NUMBERS[identifier] :]

    def __repr__(self):
        return f"packet {self.kind} {self.body.hex()}"


def take_varint(rest):
    value = 0
    for at, byte in enumerate(rest[:4]):
        value |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            return value, rest[at + 1 :]
    raise ValueError(f"no length in {rest[:4].hex()}")


def take_text(rest):
    length = int.from_bytes(rest[:2], "big")
    return rest[2 : 2 + length], rest[2 + length :]


class Wire:
    """One connection."""

    def __init__(self, target):
        self.socket = socket.create_connection(target, timeout=ANSWER_SECS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def send(self, packet):
        self.socket.sendall(packet)

    def packet(self):
        """The next packet; None when the server has closed."""
        while True:
            whole = self._take()
            if whole:
                return whole
            try:
                chunk = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not chunk:
                if self.received:
                    raise ValueError(f"closed inside a packet: {self.received.hex()}")
                return None
            self.received += chunk

    def _take(self):
        if len(self.received) < 2 or all(byte & 0x80 for byte in self.received[1:5]):
            return None
        length, rest = take_varint(self.received[1:])
        if len(rest) < length:
            return None
        packet = Packet(self.received[0], rest[:length])
        self.received = rest[length:]
        return packet

    def ping(self):
        self.send(b"\xc0\0")
        packet = self.packet()
        if packet is None or packet.kind != PINGRESP:
            raise AssertionError(f"{packet} instead of PINGRESP")

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Scram:
    """The client's side of one exchange."""

    def __init__(self, name, password, header="n,,"):
        escaped = name.replace("=", "=3D").replace(",", "=2C")
        self.header, self.password = header, password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n={escaped},r={self.nonce}"
        self.server_proof = None

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, server_first):
        """Client-final for what the server said first."""
        said = server_first.decode()
        fields = dict(field.split("=", 1) for field in said.split(","))
        if not fields["r"].startswith(self.nonce) or fields["r"] == self.nonce:
            raise AssertionError(f"the nonce {fields['r']} does not go on from {self.nonce}")
        rounds = int(fields["i"])
        if rounds < 4096:
            raise AssertionError(f"{rounds} iterations, RFC 7677 wants 4096")
        salt = base64.b64decode(fields["s"], validate=True)
        salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, rounds)
        without_proof = f"c={base64.b64encode(self.header.encode()).decode()},r={fields['r']}"
        message = f"{self.bare},{said},{without_proof}".encode()
        client_key = digest(salted, b"Client Key")
        signature = digest(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self.server_proof = base64.b64encode(digest(digest(salted, b"Server Key"), message))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def check(self, server_final):
        """The server has to prove that it knows the password too."""
        if server_final != b"v=" + self.server_proof:
            raise AssertionError(f"server-final {server_final} instead of v={self.server_proof}")


def digest(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()
