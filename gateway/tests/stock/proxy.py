"""A TCP proxy that knows packets: it writes down what passes and breaks connections on demand.

The clients under test, in whatever language, open and steer proxies by lines on the control port;
each line gets one line back:

    open                              -> the port of a new proxy that lets everything pass
    open cut DIRECTION TYPE NTH PART  -> the same, but it breaks the connection at one packet
    cuts PORT                         -> how many connections that rule has broken: 0 or 1
    count PORT DIRECTION TYPE         -> how many such packets have passed or been cut
    reset PORT                        -> breaks its connections; how many
    stall PORT                        -> nothing passes any more on its connections; how many

DIRECTION is `up` (client to server) or `down`. PART is how much of the NTH packet of TYPE still
passes: `none`, `half` or `all`. Broken means RST to both sides.
"""

import contextlib
import socket
import struct
import threading
import time
from collections import Counter

import packets

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: close() sends RST
READ_BYTES = 1 << 16


class Exchange:
    """What passed through all proxies of one client, in order."""

    def __init__(self):
        self.lock, self.lines, self.began = threading.Lock(), [], time.monotonic()

    def add(self, text):
        with self.lock:
            self.lines.append(f"{time.monotonic() - self.began:8.3f} {text}")

    def mark(self):
        with self.lock:
            return len(self.lines)

    def since(self, mark):
        with self.lock:
            return self.lines[mark:]


class Link:
    """One connection through a proxy: a socket on each side and a thread for each direction."""

    def __init__(self, proxy, client, number):
        self.proxy, self.number = proxy, number
        self.level, self.name = 4, "?"
        self.stalled, self.broken = threading.Event(), False
        self.client = client
        self.server = socket.create_connection(proxy.server)
        for each in (self.client, self.server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target, direction in (
            (self.client, self.server, "up"),
            (self.server, self.client, "down"),
        ):
            threading.Thread(
                target=self._pump, args=(source, target, direction), daemon=True
            ).start()

    def say(self, text):
        self.proxy.exchange.add(f"#{self.number} {self.name} {text}")

    def _pump(self, source, target, direction):
        buffered = bytearray()
        try:
            while data := source.recv(READ_BYTES):
                buffered += data
                for packet in packets.split(buffered):
                    if self.stalled.is_set():
                        return
                    if not self._pass(packet, target, direction):
                        return
            if self.broken:
                return
            self.say(f"{direction}: FIN" + (f" after {buffered.hex()}" if buffered else ""))
            target.shutdown(socket.SHUT_WR)
        except OSError as fault:
            if not self.broken:
                self.say(f"{direction}: {fault}")
                self.break_off()

    def _pass(self, packet, target, direction):
        """Lets a packet pass unless the proxy's rule says to cut here; whether to go on."""
        name = packets.name_of(packet)
        if name == "CONNECT":
            self.name, self.level = packets.client_of(packet)
        arrow = ">" if direction == "up" else "<"
        self.say(f"{arrow} {packets.describe(packet, self.level)}")
        part = self.proxy.verdict(direction, name)
        if part is None:
            target.sendall(packet)
            return True
        # First of all: what the other side answers to it must not slip through.
        self.stalled.set()
        passed = {"none": 0, "half": len(packet) // 2, "all": len(packet)}[part]
        target.sendall(packet[:passed])
        self.say(f"cut after {passed} of {len(packet)} bytes")
        self.proxy.cut_done()  # before its client can ask
        self.break_off()
        return False

    def break_off(self):
        """RST to both sides."""
        self.broken = True
        for each in (self.server, self.client):
            with contextlib.suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                # Ends a recv() that waits in the other thread; a plain close() would not.
                each.shutdown(socket.SHUT_RD)
                each.close()


class Proxy:
    """Listens on a port of its own; at most one rule, used at most once."""

    def __init__(self, server, exchange, rule=None):
        self.server, self.exchange, self.rule = server, exchange, rule
        self.lock, self.links, self.seen, self.cuts = threading.Lock(), [], Counter(), 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            with self.lock:
                number = f"{self.port}.{len(self.links) + 1}"
                try:
                    self.links.append(Link(self, client, number))
                except OSError as fault:
                    self.exchange.add(f"#{number} the server refused: {fault}")
                    client.close()

    def verdict(self, direction, name):
        """None: let it pass; else how much of it."""
        with self.lock:
            self.seen[direction, name] += 1
            if self.rule is None or self.rule[:2] != (direction, name):
                return None
            if self.seen[direction, name] != self.rule[2]:
                return None
            part, self.rule = self.rule[3], None
            return part

    def cut_done(self):
        with self.lock:
            self.cuts += 1

    def each(self, act):
        with self.lock:
            live = [link for link in self.links if not link.broken]
        for link in live:
            act(link)
        return len(live)


class Control:
    """The control port of one client's proxies."""

    def __init__(self, server):
        self.server, self.exchange, self.proxies = server, Exchange(), {}
        self.port_for_all = self._open()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            peer, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, peer.makefile("rw") as lines:
            for line in lines:
                try:
                    answer = self._do(line.split())
                except (KeyError, ValueError, TypeError) as fault:
                    answer = f"error {fault!r}"
                lines.write(f"{answer}\n")
                lines.flush()

    def _open(self, rule=None):
        proxy = Proxy(self.server, self.exchange, rule)
        self.proxies[proxy.port] = proxy
        return proxy.port

    def _do(self, words):
        match words:
            case ["open"]:
                return self._open()
            case ["open", "cut", "up" | "down" as direction, name, nth, part]:
                return self._open((direction, name, int(nth), part))
            case ["cuts", port]:
                return self.proxies[int(port)].cuts
            case ["count", port, direction, name]:
                return self.proxies[int(port)].seen[direction, name]
            case ["reset", port]:
                self.exchange.add(f"reset of {port}")
                return self.proxies[int(port)].each(Link.break_off)
            case ["stall", port]:
                self.exchange.add(f"stall of {port}")
                return self.proxies[int(port)].each(lambda link: link.stalled.set())
        raise ValueError(words)
