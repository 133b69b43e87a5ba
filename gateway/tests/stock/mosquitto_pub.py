"""Publishes with mosquitto_pub, a process per message as in a shell script."""

import subprocess

from sent import LARGE_BYTES, Sent, UTF8_TOPIC

VERSIONS = {"3.1": "mqttv31", "3.1.1": "mqttv311", "5": "mqttv5"}
LINES = 100
TIMEOUT_SECS = 120


def publish(gateway, version, qos, folder):
    """Publishes a line, nothing, a file of 100 KB, a stream of lines and to a UTF-8 topic."""
    client_id = f"mosq{version.replace('.', '')}q{qos}"  # version 3.1 allows 23 characters
    sent = Sent(client_id)
    large = folder / "large.bin"
    large.write_bytes((bytes(range(255, -1, -1)) * (LARGE_BYTES // 256 + 1))[:LARGE_BYTES])
    lines = [f"{client_id} line {number}".encode() for number in range(LINES)]
    topic = f"stock/{client_id}"

    def run(topic, *arguments, stdin=b""):
        command = ["mosquitto_pub", "-h", gateway.host, "-p", str(gateway.port)]
        command += ["-V", VERSIONS[version], "-q", str(qos), "-i", client_id, "-t", topic]
        done = subprocess.run(
            [*command, *arguments], input=stdin, capture_output=True, timeout=TIMEOUT_SECS
        )
        if done.returncode != 0 or b"Error" in done.stderr:
            raise RuntimeError(f"mosquitto_pub {arguments}: {done.returncode} {done.stderr}")

    run(topic, "-m", "hello")
    sent.add(topic, b"hello")
    run(topic, "-n")
    sent.add(topic, b"")
    run(topic, "-f", str(large))
    sent.add(topic, large.read_bytes())
    run(topic, "-l", stdin=b"\n".join(lines) + b"\n")
    for line in lines:
        sent.add(topic, line)
    run(UTF8_TOPIC, "-m", "schön")
    return sent.add(UTF8_TOPIC, "schön".encode())
