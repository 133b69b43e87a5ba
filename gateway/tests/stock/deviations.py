"""What mosquitto 2.0 answers otherwise than the scenarios ask: why, by client and scenario."""

MOSQUITTO = {}
