"""Stock clients publish through the gateway; consumers that are not ours say what Kafka got.

    to_kafka.py --gateway BINARY (--embedded | --kafka HOST:PORT) --jars FOLDER --logs FOLDER

Compared for each client: values byte for byte, count, order, key, header mqtt.topic, and the
partition, which must be the one that Kafka's own Java code chooses. One PASS or FAIL line for each
client, version and QoS.
"""

import argparse
import pathlib
import sys
import tempfile
import threading

import mosquitto_pub
import mqttjs
import paho_python
import read_back
from gateway import Gateway

CLIENTS = {"mosquitto_pub": mosquitto_pub, "paho": paho_python, "mqtt.js": mqttjs}
TOPIC, PARTITIONS = "mqtt", 12
READ_TRIES = 20


class Report:
    """Counts and prints the verdicts."""

    def __init__(self, place):
        self.place, self.passed, self.failed = place, 0, 0

    def add(self, name, fault=None):
        if fault:
            self.failed += 1
            print(f"FAIL {self.place} {name}: {fault}", flush=True)
        else:
            self.passed += 1
            print(f"PASS {self.place} {name}", flush=True)


def publish_all(gateway, folder, report):
    """Lets each client publish with each version and QoS; returns what they sent by their name."""
    sent = {}
    for client, module in CLIENTS.items():
        for version in module.VERSIONS:
            for qos in (0, 1, 2):
                name = f"{client} {version} QoS {qos}"
                try:
                    sent[name] = module.publish(gateway, version, qos, folder)
                except Exception as fault:
                    report.add(name, f"publishing: {fault}")
    return sent


def read_until_complete(read, wanted):
    """Reads until as many records are there as were sent: QoS 0 is on its way without a word."""
    pause = threading.Event()
    records = []
    for _ in range(READ_TRIES):
        records = read()
        if len(records) >= wanted:
            break
        pause.wait(0.5)
    return records


def fault_of(sent, records, partitions):
    """What is wrong with one client's records, or None."""
    key = sent.client_id.encode()
    mine = sorted((r for r in records if r.key == key), key=lambda r: (r.partition, r.offset))
    found = {record.partition for record in mine}
    if found != {partitions[key]}:
        return f"partitions {found}, Java chooses {partitions[key]}"
    if len(mine) != len(sent.messages):
        return f"{len(mine)} records for {len(sent.messages)} messages"
    for number, (record, (topic, payload)) in enumerate(zip(mine, sent.messages, strict=True)):
        if record.value != payload:
            return f"message {number}: value {shown(record.value)} instead of {shown(payload)}"
        if record.topic != topic.encode():
            return f"message {number}: header {record.topic} instead of {topic}"
    return None


def shown(value):
    return "null" if value is None else f"{len(value)} bytes {value[:40]!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--kafka")
    parser.add_argument("--embedded", action="store_true")
    parser.add_argument("--jars", required=True)
    parser.add_argument("--logs", required=True, type=pathlib.Path)
    options = parser.parse_args()
    if bool(options.kafka) == options.embedded:
        parser.error("one of --kafka and --embedded")
    place = "embedded" if options.embedded else "kafka"
    report = Report(place)
    with tempfile.TemporaryDirectory() as folder, open(options.logs / f"{place}.log", "w") as log:
        gateway = Gateway(options.gateway, options.kafka, log)
        try:
            sent = publish_all(gateway, pathlib.Path(folder), report)
            compare(gateway, sent, options, report)
        finally:
            code = gateway.end()
        report.add("the gateway drains", None if code == 0 else f"exit code {code}")
    print(f"stock {place}: {report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


def compare(gateway, sent, options, report):
    """Compares what was sent with what each consumer reads."""
    readers = {"kcat": lambda: read_back.by_kcat(gateway.kafka, TOPIC)}
    if options.kafka:
        # The Java consumer wants more of a broker than the embedded one has.
        readers["java"] = lambda: read_back.by_java(gateway.kafka, TOPIC, options.jars)
    keys = [each.client_id.encode() for each in sent.values()]
    partitions = read_back.partitions_by_java(keys, PARTITIONS, options.jars)
    wanted = sum(len(each.messages) for each in sent.values())
    for reader, read in readers.items():
        try:
            records = read_until_complete(read, wanted)
        except Exception as fault:
            report.add(f"reading by {reader}", fault)
            continue
        foreign = {record.key for record in records} - set(keys)
        report.add(f"{reader}: no foreign record", f"keys {foreign}" if foreign else None)
        for name, each in sent.items():
            report.add(f"{name}, read by {reader}", fault_of(each, records, partitions))


if __name__ == "__main__":
    sys.exit(main())
