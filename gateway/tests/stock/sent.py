"""What a client was told to publish: the expectation that Kafka is compared with."""

from dataclasses import dataclass, field

LARGE_BYTES = 100_000
UTF8_TOPIC = "räume/küche/温度/🌡"


@dataclass
class Sent:
    """One client's messages in the order it published them."""

    client_id: str
    messages: list = field(default_factory=list)  # of (topic, payload)

    def add(self, topic, payload):
        self.messages.append((topic, payload))
        return self


def payloads(client_id, count):
    """`count` small payloads that all differ, then the odd ones: empty, every byte, and large."""
    topic = f"stock/{client_id}"
    for number in range(count):
        yield topic, f'{{"device":"{client_id}","number":{number}}}'.encode()
    yield from odd(topic)


def odd(topic):
    """Payloads and a topic that a careless bridge would spoil."""
    every_byte = bytes(range(256))
    yield topic, b""
    yield topic, every_byte
    yield topic, (every_byte * (LARGE_BYTES // 256 + 1))[:LARGE_BYTES]
    yield UTF8_TOPIC, "schön".encode()
