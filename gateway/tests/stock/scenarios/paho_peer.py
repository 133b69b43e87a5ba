"""A paho-mqtt client with waiting in place of callbacks."""

import queue
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from harness import GRACE_SECS, HOST, PORT, WAIT_SECS, check

V4, V5 = paho.MQTTv311, paho.MQTTv5
FOREVER = 0xFFFFFFFF


def properties(kind, **values):
    made = Properties(getattr(PacketTypes, kind))
    for name, value in values.items():
        setattr(made, name, value)
    return made


def options(qos=0, **values):
    return SubscribeOptions(qos=qos, **values)


def lasting(version):
    """CONNECT properties of a session that outlives its connection."""
    return {"SessionExpiryInterval": FOREVER} if version == V5 else {}


class Peer:
    """`arrived` is a queue of messages; everything else waits at most WAIT_SECS."""

    def __init__(
        self,
        client_id,
        version=V5,
        port=PORT,
        clean=True,
        manual_ack=False,
        transport="tcp",
        tls=None,
    ):
        """`tls` are arguments of paho's `tls_set`."""
        self.version, self.port, self.clean = version, port, clean
        self.arrived, self.connacks, self.ends = queue.Queue(), queue.Queue(), queue.Queue()
        self.acks, self.flags, self.properties = {}, None, None
        self.acked = threading.Condition()
        arguments = {"clean_session": clean} if version == V4 else {}
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=version,
            reconnect_on_failure=False,
            manual_ack=manual_ack,
            transport=transport,
            **arguments,
        )
        if tls:
            self.client.tls_set(**tls)
        self.client.on_message = lambda _c, _d, message: self.arrived.put(message)
        self.client.on_connect = lambda _c, _d, *rest: self.connacks.put(rest)
        self.client.on_disconnect = lambda _c, _d, *rest: self.ends.put(rest)
        self.client.on_subscribe = self.client.on_unsubscribe = self._on_ack
        self.client.on_publish = lambda _c, _d, packet_id, code, more: self._on_ack(
            _c, _d, packet_id, [code], more
        )

    def _on_ack(self, _client, _data, packet_id, codes, _properties):
        with self.acked:
            self.acks[packet_id] = codes
            self.acked.notify_all()

    def connect(self, keepalive=60, will=None, **values):
        """Connects and returns itself; `values` are the CONNECT's properties."""
        self.ends = queue.Queue()  # paho may report one end twice
        if will:
            self.client.will_set(**will)
        arguments = {}
        if self.version == V5:
            made = properties("CONNECT", **values)
            arguments = {"clean_start": self.clean, "properties": made}
        self.client.connect(HOST, self.port, keepalive=keepalive, **arguments)
        self.client.loop_start()
        self.flags, reason, self.properties = self.connacks.get(timeout=WAIT_SECS)
        check(not reason.is_failure, f"CONNACK {reason}")
        return self

    def again(self, clean=False, port=None, **values):
        """The same client, hence with its in-flight messages, on a new connection."""
        self.client.loop_stop()
        self.clean, self.port = clean, port or self.port
        return self.connect(**values)

    def acknowledged(self, packet_id):
        """Waits for it; the reason codes."""
        with self.acked:
            done = self.acked.wait_for(lambda: packet_id in self.acks, WAIT_SECS)
            check(done, f"no acknowledgement of packet {packet_id}")
            return [each.value for each in self.acks.pop(packet_id)]

    def subscribe(self, *filters, identifier=None, qos=0):
        """The SUBACK's codes; each filter a text or a (text, options)."""
        if self.version == V4:
            pairs = [each if isinstance(each, tuple) else (each, qos) for each in filters]
            return self.acknowledged(self.client.subscribe(pairs)[1])
        pairs = [each if isinstance(each, tuple) else (each, options(qos)) for each in filters]
        made = properties("SUBSCRIBE")
        if identifier:
            made.SubscriptionIdentifier = identifier
        return self.acknowledged(self.client.subscribe(pairs, properties=made)[1])

    def unsubscribe(self, *filters):
        return self.acknowledged(self.client.unsubscribe(list(filters))[1])

    def publish(self, topic, payload, qos=0, retain=False, wait=True, **values):
        made = properties("PUBLISH", **values) if self.version == V5 else None
        message = self.client.publish(topic, payload, qos, retain, properties=made)
        if wait:
            message.wait_for_publish(WAIT_SECS)
            check(message.is_published(), f"no acknowledgement of {payload!r} to {topic}")
        return message

    def take(self, secs=WAIT_SECS):
        try:
            return self.arrived.get(timeout=secs)
        except queue.Empty:
            raise AssertionError("no message arrived") from None

    def payloads(self, count):
        """The next `count` messages' payloads as texts."""
        return [self.take().payload.decode() for _ in range(count)]

    def quiet(self):
        """Topics and payloads of what arrives beside a message that makes a whole round trip."""
        return [(each.topic, each.payload.decode()) for each in self.quiet_messages()]

    def quiet_messages(self):
        fence = f"fence/{id(self):x}"
        self.subscribe(fence, qos=0)
        self.publish(fence, "fence")
        found = []
        while (message := self.take()).topic != fence:
            found.append(message)
        self.unsubscribe(fence)
        try:
            while True:
                found.append(self.arrived.get(timeout=GRACE_SECS))
        except queue.Empty:
            return found

    def ended(self):
        """Waits for the connection's end; the DISCONNECT's reason code."""
        return self.ends.get(timeout=WAIT_SECS)[1]

    def disconnect(self, code=None, **values):
        arguments = {}
        if self.version == V5:
            arguments["properties"] = properties("DISCONNECT", **values)
            if code is not None:
                arguments["reasoncode"] = paho.ReasonCode(PacketTypes.DISCONNECT, identifier=code)
        self.client.disconnect(**arguments)
        self.client.loop_stop()
        self.ended()

    def drop(self, control):
        """The network breaks; needs a port of a proxy of its own."""
        control("reset", self.port)
        self.ended()
        self.client.loop_stop()
