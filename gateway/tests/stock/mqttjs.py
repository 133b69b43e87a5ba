"""Publishes with MQTT.js, the stock JavaScript client, by the small program `mqttjs.mjs`."""

import base64
import json
import os
import pathlib
import subprocess

from sent import Sent, payloads

VERSIONS = ("3.1", "3.1.1", "5")
MESSAGES = 300
TIMEOUT_SECS = 120


def publish(gateway, version, qos, folder):
    """Publishes 300 messages and the odd ones, 64 at a time."""
    client_id = f"js{version.replace('.', '')}q{qos}"
    sent = Sent(client_id, list(payloads(client_id, MESSAGES)))
    lines = [json.dumps([topic, base64.b64encode(data).decode()]) for topic, data in sent.messages]
    # Node looks for packages from the program's own place upwards: it runs beside node_modules.
    program = pathlib.Path(os.environ["STOCK_NODE"]) / "mqttjs.mjs"
    program.write_text((pathlib.Path(__file__).parent / "mqttjs.mjs").read_text())
    command = ["node", str(program), gateway.host, str(gateway.port), version, str(qos), client_id]
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, timeout=TIMEOUT_SECS
    )
    if done.returncode != 0 or done.stdout.strip() != str(len(sent.messages)):
        raise RuntimeError(f"mqtt.js: {done.returncode} {done.stdout} {done.stderr[-500:]}")
    return sent
