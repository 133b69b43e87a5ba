"""What mosquitto 2.0.11 answers otherwise than the scenarios ask: why, by client and scenario."""

_NO_DISCONNECT = "a client that is taken over is hung up on without DISCONNECT 0x8E"
_NO_ALIAS = "it never uses a topic alias towards a client"
_QUOTA = "its count of what may be in flight is off: a PUBACK can let two more pass, PUBCOMPs none"

MOSQUITTO = {
    "paho-python/receive maximum": _QUOTA,
    "paho-python/maximum packet size": "what was too large to send takes its place in flight",
    "paho-python/will on reset 5": _NO_DISCONNECT,
    "paho-python/overlapping subscriptions 3.1.1": "not the highest QoS but that of any",
    "aiomqtt/many in flight QoS 2": _QUOTA,
    "mqtt.js/topic aliases downwards": _NO_ALIAS,
    "rumqttc/topic aliases downwards": _NO_ALIAS,
    "rumqttc/retain handling": "a repeated SUBSCRIBE does not change Retain As Published",
    "paho-java/takeover": _NO_DISCONNECT,
}
