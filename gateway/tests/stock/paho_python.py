"""Publishes with paho-mqtt, the stock Python client: one connection, its own flow control."""

import threading

import paho.mqtt.client as paho

from sent import Sent, payloads

VERSIONS = {"3.1": paho.MQTTv31, "3.1.1": paho.MQTTv311, "5": paho.MQTTv5}
MESSAGES = 1000
TIMEOUT_SECS = 120


def publish(gateway, version, qos, _folder):
    """Publishes 1,000 messages and the odd ones, and waits until paho calls each of them done."""
    client_id = f"paho{version.replace('.', '')}q{qos}"
    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=VERSIONS[version]
    )
    connected, faults = threading.Event(), []

    def on_connect(_client, _data, _flags, reason, _properties):
        if reason.is_failure:
            faults.append(f"refused: {reason}")
        connected.set()

    def on_disconnect(_client, _data, _flags, reason, _properties):
        if reason.is_failure:
            faults.append(f"disconnected: {reason}")

    def on_publish(_client, _data, packet_id, reason, _properties):
        if reason.is_failure:
            faults.append(f"publish {packet_id}: {reason}")

    client.on_connect, client.on_disconnect = on_connect, on_disconnect
    client.on_publish = on_publish
    client.connect(gateway.host, gateway.port, keepalive=30)
    client.loop_start()
    try:
        if not connected.wait(TIMEOUT_SECS):
            raise RuntimeError("no CONNACK")
        sent, waiting = Sent(client_id), []
        for topic, payload in payloads(client_id, MESSAGES):
            waiting.append(client.publish(topic, payload, qos=qos))
            sent.add(topic, payload)
        for message in waiting:
            message.wait_for_publish(TIMEOUT_SECS)
            if not message.is_published():
                raise RuntimeError(f"message {message.mid} is not acknowledged; {faults}")
    finally:
        client.disconnect()
        client.loop_stop()
    if faults:
        raise RuntimeError("; ".join(faults[:5]))
    return sent
