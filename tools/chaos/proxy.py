"""A TCP proxy between the gateway and Kafka that can go silent, be slow, or reset what it has."""
import asyncio
import socket
import struct
import threading

CHUNK_BYTES = 64 << 10
# Of one direction of one connection; what is more waits in the sender's socket.
CHUNKS_HELD_MAX = 256
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Listens from the start until it is closed; all methods may be called from any thread."""

    def __init__(self, listen, target):
        self.listen, self.target = listen, target
        self.delay_secs = 0.0
        self.resets = 0
        self._open = None
        self._server = None
        self._tasks, self._writers = set(), set()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        self._call(self._start())

    def silence(self):
        """Nothing passes any more, and nobody is told."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def speak(self):
        """What was held passes, then everything."""
        self._loop.call_soon_threadsafe(self._open.set)

    def reset_all(self):
        """Ends every connection by RST, at both ends."""
        self._call(self._reset_all())

    def close(self):
        """Stops listening and resets what there is; a second call finds nothing to do."""
        if not self._thread.is_alive():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        self._open = asyncio.Event()
        self._open.set()
        self._loop.call_soon(started.set)
        self._loop.run_forever()
        self._loop.close()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _start(self):
        host, port = self.listen
        self._server = await asyncio.start_server(self._serve, host, port)

    async def _close(self):
        self._server.close()
        await self._reset_all()

    async def _reset_all(self):
        for writer in list(self._writers):
            reset(writer)
            self.resets += 1
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        ends = [writer]
        try:
            await self._open.wait()
            there_reader, there = await asyncio.open_connection(*self.target)
            ends.append(there)
            self._writers.add(there)
            pumps = [self._pump(reader, there), self._pump(there_reader, writer)]
            tasks = [self._loop.create_task(pump) for pump in pumps]
            self._tasks.update(tasks)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._tasks.difference_update(tasks)
        except OSError:
            reset(writer)  # Nobody is behind the proxy: its client is to see that.
        finally:
            for end in ends:
                self._writers.discard(end)
                end.close()

    async def _pump(self, reader, writer):
        held = asyncio.Queue(CHUNKS_HELD_MAX)
        passing = self._loop.create_task(self._pass_on(held, writer))
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                await held.put((self._loop.time() + self.delay_secs, chunk))
            await held.join()
        finally:
            passing.cancel()

    async def _pass_on(self, held, writer):
        while True:
            due, chunk = await held.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._open.wait()
            writer.write(chunk)
            await writer.drain()
            held.task_done()


def reset(writer):
    """Closes with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
