#!/usr/bin/env python3
"""HAProxy and Nginx of the distribution in front of the gateway: a PASS or FAIL line for each way.

    balancers.py --gateway BINARY [--logs FOLDER]

Devices come from an address of their own. Each publishes at QoS 1 through a balancer, and the
gateway's log must name that address, not the balancer's; a balancer that forgets the header gets
nobody in. All of it on 127.0.0.0/8, and the balancers run without rights in a temporary folder.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import paho.mqtt.client as paho

from gateway import Gateway

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEVICE = "127.7.7.7"
CERTIFICATE_NAME = "device-0042"
WAIT_SECS = 20
STREAM_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
RELAYED = {"PROXY_PROTOCOL": "required", "PROXY_FROM": "127.0.0.1"}
LISTENERS = {
    "MQTT": {},
    "WEB": {"PROTOCOL": "ws"},
    "RELAYED": RELAYED,
    "RELAYED_WEB": RELAYED | {"PROTOCOL": "ws"},
}

HAPROXY = """
global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen v1
  bind 127.0.0.1:{v1}
  server gateway {relayed} send-proxy
listen v2
  bind 127.0.0.1:{v2}
  server gateway {relayed} send-proxy-v2
listen tls
  bind 127.0.0.1:{tls} ssl crt {folder}/balancer.pem ca-file {folder}/ca.pem verify required
  server gateway {relayed} send-proxy-v2-ssl-cn
listen none
  bind 127.0.0.1:{none}
  server gateway {relayed}
"""

NGINX = """
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
stream {{
  proxy_protocol on;
  server {{ listen 127.0.0.1:{stream}; proxy_pass {relayed}; }}
  server {{ listen 127.0.0.1:{stream_web}; proxy_pass {relayed_web}; }}
  server {{ listen 127.0.0.1:{stream_none}; proxy_pass {relayed}; proxy_protocol off; }}
}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{http};
    location /mqtt {{
      proxy_pass http://{web};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
    }}
  }}
}}
"""


def until(what, ask):
    """Asks again and again until the answer is there."""
    end = time.monotonic() + WAIT_SECS
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise RuntimeError(f"never saw {what}")


class Balancers:
    """Both of them, on free ports; `ports` says which is which."""

    def __init__(self, listeners, logs, stack):
        self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="balancers-"))
        # Root's tests start them as somebody without its rights.
        self.account = {}
        if os.geteuid() == 0:
            self.account = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        certificates(self.folder)
        names = "v1 v2 tls none stream stream_web stream_none http".split()
        self.ports = dict(zip(names, free_ports(len(names))))
        words = self.ports | listeners | {"folder": self.folder, "module": STREAM_MODULE}
        for name, text in (("haproxy.cfg", HAPROXY), ("nginx.conf", NGINX)):
            (pathlib.Path(self.folder) / name).write_text(text.format(**words))
        if self.account:
            for path in (self.folder, *pathlib.Path(self.folder).iterdir()):
                shutil.chown(path, "nobody", "nogroup")
        self._start(stack, logs, "haproxy", "-f", f"{self.folder}/haproxy.cfg")
        nginx = ["-p", self.folder, "-e", "stderr", "-c", f"{self.folder}/nginx.conf"]
        self._start(stack, logs, "nginx", *nginx)
        for name, port in self.ports.items():
            until(f"{name} listening", lambda: listens(port))

    def _start(self, stack, logs, program, *arguments):
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
        if not path:
            raise SystemExit(f"{program} is missing: tools/setup.sh test installs it")
        log = stack.enter_context(open(logs / f"stock-{program}.log", "w"))
        process = subprocess.Popen(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.account
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def certificates(folder):
    """An authority, and by it the balancer's certificate and a device's."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl("req", "-x509", *new_key, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    by_ca = ["-x509", "-CA", "ca.pem", "-CAkey", "ca.key", *new_key]
    for name, subject in (("server", "localhost"), ("device", CERTIFICATE_NAME)):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
        openssl("req", *by_ca, "-subj", f"/CN={subject}", *names, *files)
    both = [(pathlib.Path(folder) / f"server.{end}").read_text() for end in ("crt", "key")]
    (pathlib.Path(folder) / "balancer.pem").write_text("".join(both))


class Run:
    """The ways in, one method each."""

    def __init__(self, gateway, balancers, log):
        self.gateway, self.ports, self.log = gateway, balancers.ports, log
        self.folder = balancers.folder

    def haproxy_version_1(self):
        self._named(self._publish("haproxy-v1", "v1"))

    def haproxy_version_2(self):
        self._named(self._publish("haproxy-v2", "v2"))

    def haproxy_ends_tls_and_tells_the_name_in_the_certificate(self):
        files = [f"{self.folder}/{name}" for name in ("ca.pem", "device.crt", "device.key")]
        flags = [part for pair in zip(("--cafile", "--cert", "--key"), files) for part in pair]
        line = self._named(self._publish("haproxy-tls", "tls", *flags))
        self._expect(line.get("certificate") == CERTIFICATE_NAME, line)

    def haproxy_without_a_header_gets_nobody_in(self):
        self._refused("none")

    def nginx_stream(self):
        self._named(self._publish("nginx-stream", "stream"))

    def nginx_stream_before_a_websocket(self):
        self._named(self._publish_by_websocket("nginx-stream-ws", "stream_web"))

    def nginx_stream_without_a_header_gets_nobody_in(self):
        self._refused("stream_none")

    def nginx_as_a_web_server_before_a_websocket(self):
        # HTTP has no PROXY header, so nobody has told an address, and none is made up.
        line = self._logged(self._publish_by_websocket("nginx-http", "http"))
        self._expect("address" not in line, line)

    def _publish(self, client_id, port, *flags):
        """Publishes at QoS 1; whoever does not get its PUBACK ends with an error."""
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.ports[port]), "-A", DEVICE]
        command += ["-i", client_id, "-q", "1", "-t", f"balanced/{client_id}", "-m", "hello"]
        done = subprocess.run(
            [*command, *flags], capture_output=True, timeout=WAIT_SECS, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0 or b"rror" in done.stderr:
            raise RuntimeError(f"mosquitto_pub: {done.returncode} {done.stderr}")
        return client_id

    def _publish_by_websocket(self, client_id, port):
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id, transport="websockets"
        )
        connected = threading.Event()
        client.on_connect = lambda *_: connected.set()
        client.connect("127.0.0.1", self.ports[port], bind_address=DEVICE)
        client.loop_start()
        try:
            self._expect(connected.wait(WAIT_SECS), "no CONNACK")
            message = client.publish(f"balanced/{client_id}", b"hello", qos=1)
            message.wait_for_publish(WAIT_SECS)
            self._expect(message.is_published(), "no PUBACK")
        finally:
            client.disconnect()
            client.loop_stop()
        return client_id

    def _refused(self, port):
        before = self._ends("proxy_missing")
        try:
            self._publish("refused", port)
        except (RuntimeError, subprocess.TimeoutExpired):
            pass
        else:
            raise RuntimeError("it was let in")
        until("proxy_missing counted", lambda: self._ends("proxy_missing") > before)

    def _named(self, client_id):
        """The log's line for a client, which has the device's address."""
        line = self._logged(client_id)
        self._expect(line["address"].startswith(f"{DEVICE}:"), line)
        return line

    def _logged(self, client_id):
        def find():
            for text in self.log.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    line = json.loads(text)
                    if line.get("message") == "connected" and line.get("client") == client_id:
                        return line
            return None

        return until(f"{client_id} in the log", find)

    def _ends(self, reason):
        control = self.gateway.listeners["control"]
        with urllib.request.urlopen(f"http://{control}/metrics", timeout=WAIT_SECS) as answer:
            text = answer.read().decode()
        wanted = f'tributary_disconnects_total{{reason="{reason}"}} '
        for line in text.splitlines():
            if line.startswith(wanted):
                return float(line.removeprefix(wanted))
        return 0

    @staticmethod
    def _expect(is_right, what):
        if not is_right:
            raise RuntimeError(f"wrong: {what}")


def settings():
    """The listeners, and a log that tells each client, as the environment spells them."""
    told = {"TRIBUTARY_LOG__LEVEL": "debug", "TRIBUTARY_LOG__FORMAT": "json"}
    for name, keys in LISTENERS.items():
        for key, value in ({"ADDRESS": "127.0.0.1:0"} | keys).items():
            told[f"TRIBUTARY_LISTEN__{name}__{key}"] = value
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", required=True, help="the binary to start")
    parser.add_argument("--logs", type=pathlib.Path, default=ROOT / "target/test-logs")
    options = parser.parse_args()
    options.logs.mkdir(parents=True, exist_ok=True)
    path = options.logs / "stock-balanced-gateway.log"
    failed = 0
    with contextlib.ExitStack() as stack:
        log = stack.enter_context(open(path, "w"))
        gateway = Gateway(options.gateway, None, log, settings())
        stack.callback(gateway.end)
        balancers = Balancers(gateway.listeners, options.logs, stack)
        run = Run(gateway, balancers, path)
        ways = [name for name in vars(Run) if not name.startswith("_")]
        for name in ways:
            try:
                getattr(run, name)()
                print(f"PASS {name}", flush=True)
            except (RuntimeError, OSError, subprocess.TimeoutExpired, KeyError) as fault:
                failed += 1
                print(f"FAIL {name}: {fault}", flush=True)
    print(f"balancers: {len(ways) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
