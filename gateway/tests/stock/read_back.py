"""Reads Kafka with consumers that are not ours, and asks Kafka's code for the right partitions."""

import pathlib
import subprocess
from collections import namedtuple

KAFKA = pathlib.Path(__file__).parent.parent / "kafka"
TIMEOUT_SECS = 180

Record = namedtuple("Record", "partition offset key value topic")


def by_kcat(brokers, topic):
    """kcat, which is librdkafka: lengths in front, then the bytes as they are."""
    form = "%p %o %K %S\\n%k%s%h\\n"
    command = ["kcat", "-C", "-q", "-b", brokers, "-t", topic, "-o", "beginning", "-e", "-f", form]
    output = _run(command).stdout
    records, at = [], 0
    while at < len(output):
        end = output.index(b"\n", at)
        partition, offset, key_bytes, value_bytes = map(int, output[at:end].split())
        key_end = end + 1 + max(key_bytes, 0)
        value_end = key_end + max(value_bytes, 0)
        at = output.index(b"\n", value_end) + 1
        header = output[value_end : at - 1]
        records.append(
            Record(
                partition,
                offset,
                output[end + 1 : key_end],
                output[key_end:value_end] if value_bytes >= 0 else None,
                header.removeprefix(b"mqtt.topic=") if header.startswith(b"mqtt.topic=") else None,
            )
        )
    return records


def by_java(brokers, topic, jars):
    """Kafka's own Java consumer; every field in hexadecimal, `-` for none."""
    output = _java(jars, "ReadBack.java", brokers, topic).stdout.decode()
    records = []
    for line in output.splitlines():
        partition, offset, *fields = line.split()
        plain = (None if field == "-" else bytes.fromhex(field[1:]) for field in fields)
        records.append(Record(int(partition), int(offset), *plain))
    return records


def partitions_by_java(keys, count, jars):
    """The partition that Kafka's Java producer would choose for each key."""
    lines = "".join(key.hex() + "\n" for key in keys).encode()
    output = _java(jars, "Partitions.java", str(count), stdin=lines).stdout.decode()
    return dict(zip(keys, map(int, output.split()), strict=True))


def _java(jars, program, *arguments, stdin=b""):
    command = ["java", "-Xmx160m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    return _run([*command, "-cp", f"{jars}/*", str(KAFKA / program), *arguments], stdin)


def _run(command, stdin=b""):
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=TIMEOUT_SECS)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {said}")
    return done
