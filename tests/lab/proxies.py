# SPDX-License-Identifier: BSD-2-Clause
"""Proxies between a client and a server: slow ones, broken ones, and such as
change what is said. What they do depends on the octets that pass and a seed,
never on the clock."""

import queue
import random
import re
import socket
import threading
import time

UP, DOWN = "up", "down"  # from the client, from the server
CHUNK = 1 << 18


class Hangup(Exception):
    """Ends a connection, both ways, at once."""


class Link:
    """One connection: the client's socket and the server's."""

    def __init__(self, proxy, client, number):
        self.proxy = proxy
        self.number = number
        self.client = client
        self.server = socket.create_connection(("127.0.0.1", proxy.to), 30)
        self.server.settimeout(None)
        self.down = threading.RLock()  # held while a response is sent
        self.framing = {UP: None, DOWN: None}
        self.stalled = threading.Event()
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, way, data):
        if self.stalled.is_set():
            return
        (self.server if way == UP else self.client).sendall(data)

    def hang_up(self):
        for end in (self.client, self.server):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pump(self, way):
        source = self.client if way == UP else self.server
        try:
            while True:
                data = source.recv(CHUNK)
                if not data:
                    break
                self.proxy.passing(self, way, data)
            if not self.stalled.is_set():
                (self.server if way == UP else self.client).shutdown(
                    socket.SHUT_WR)
        except Hangup:
            self.hang_up()
        except OSError:
            self.hang_up()


class Proxy:
    """Passes everything on. `passed` counts octets of all connections."""

    def __init__(self, to, port=0):
        self.to = to
        self.passed = {UP: 0, DOWN: 0}
        self.links = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=200)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            try:
                link = Link(self, client, len(self.links))
            except OSError:  # the server is down
                client.close()
                continue
            self.links.append(link)
            for way in (UP, DOWN):
                threading.Thread(target=link.pump, args=(way,),
                                 daemon=True).start()

    def passing(self, link, way, data):
        """Octets came; sends what shall go on. May raise Hangup."""
        self.count(way, data)
        link.send(way, data)

    def count(self, way, data):
        with self.lock:
            before = self.passed[way]
            self.passed[way] += len(data)
        return before

    def close(self):
        self.listener.close()
        for link in self.links:
            link.hang_up()
            link.client.close()
            link.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()


class Delay(Proxy):
    """What passes arrives `milliseconds` later each way, as fast as ever."""

    def __init__(self, to, milliseconds):
        self.seconds = milliseconds / 1000
        self.waiting = {}
        super().__init__(to)

    def passing(self, link, way, data):
        self.count(way, data)
        key = link.number, way
        with self.lock:
            first = key not in self.waiting
            line = self.waiting.setdefault(key, queue.Queue(4096))
        if first:
            threading.Thread(target=self._deliver, args=(link, way, line),
                             daemon=True).start()
        line.put((time.monotonic() + self.seconds, data))

    @staticmethod
    def _deliver(link, way, line):
        try:
            while True:
                due, data = line.get()
                pause = due - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
                link.send(way, data)
        except OSError:
            link.hang_up()


class At(Proxy):
    """Something happens, once, when the octet number `at` of one way is about
    to pass, counted over all connections; all is well again afterwards."""

    def __init__(self, to, way, at):
        self.way, self.at = way, at
        self.happened = False
        super().__init__(to)

    def passing(self, link, way, data):
        before = self.count(way, data)
        if self.happened or way != self.way or before + len(data) <= self.at:
            link.send(way, data)
            return
        self.happened = True
        edge = max(0, self.at - before)
        link.send(way, data[:edge])
        self.happen(link, way, data[edge:])

    def happen(self, link, way, rest):
        raise NotImplementedError


class Cut(At):
    """The connection breaks there."""

    def happen(self, link, way, rest):
        raise Hangup


class Stall(At):
    """From there on nothing passes any more, either way, and nobody is told.
    Other connections are not concerned."""

    def happen(self, link, way, rest):
        link.stalled.set()


class Garbage(At):
    """Some octets that nobody sent come in between."""

    def __init__(self, to, way, at, seed=1, size=40):
        self.garbage = random.Random(seed).randbytes(size)
        super().__init__(to, way, at)

    def happen(self, link, way, rest):
        link.send(way, self.garbage + rest)


LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r?\n$")


class Frames:
    """Cuts a stream into lines and the literals that belong to them."""

    def __init__(self):
        self.held = b""
        self.literal = 0
        self.first = True  # the next line begins a command or response

    def feed(self, data):
        """Yields ("line", octets, first, last, synchronising) and ("octets",
        octets); an unfinished line is kept."""
        self.held += data
        while self.held:
            if self.literal > 0:
                part = self.held[:self.literal]
                self.literal -= len(part)
                self.held = self.held[len(part):]
                yield "octets", part
                continue
            end = self.held.find(b"\n") + 1
            if end == 0:
                return
            line, self.held = self.held[:end], self.held[end:]
            announced = LITERAL.search(line)
            first, self.first = self.first, announced is None
            if announced:
                self.literal = int(announced.group(1))
            yield ("line", line, first, announced is None,
                   announced is not None and not announced.group(2))


class Framed(Proxy):
    """Knows commands and responses of IMAP, and passes all of them on. A
    command whose `command` returns words is not passed on but refused with
    them; `response` may change a line, or drop a one-line response by None."""

    def command(self, link, tag, name, line):
        """The first line of a command came. None: pass it on."""

    def response(self, link, line):
        """A line of the server, literals left out."""
        return line

    def passing(self, link, way, data):
        if link.framing[way] is None:
            link.framing[way] = Frames()
        self.count(way, data)
        for frame in link.framing[way].feed(data):
            if way == UP:
                self._up(link, frame)
            else:
                self._down(link, frame)

    def _up(self, link, frame):
        if frame[0] == "octets":
            if link.refusing is None:
                link.send(UP, frame[1])
            return
        _, line, first, last, synchronising = frame
        if first:
            words = line.split(None, 2)
            link.tag = words[0] if words else b""
            name = words[1].upper() if len(words) > 1 else b""
            link.refusing = self.command(link, link.tag, name, line)
        if link.refusing is None:
            link.send(UP, line)
        elif last:
            self.say(link, link.tag + b" " + link.refusing + b"\r\n")
        elif synchronising:
            self.say(link, b"+ go on\r\n")

    def _down(self, link, frame):
        if frame[0] == "octets":
            link.send(DOWN, frame[1])
            return
        _, line, first, last, _ = frame
        if first:
            link.down.acquire()
        try:
            line = self.response(link, line)
            if line:
                link.send(DOWN, line)
        except BaseException:
            link.down.release()
            raise
        if last:
            link.down.release()

    @staticmethod
    def say(link, line):
        """To the client, between two responses of the server."""
        with link.down:
            link.send(DOWN, line)


class Refusing(Framed):
    """Answers every k-th command of a name by itself."""

    def __init__(self, to, every, words=b"NO [OVERQUOTA] no room",
                 name=b"APPEND"):
        self.every, self.words, self.name = every, words, name
        self.seen = 0
        super().__init__(to)

    def command(self, link, tag, name, line):
        if name != self.name:
            return None
        with self.lock:
            self.seen += 1
            return None if self.seen % self.every else self.words


class Swallowing(Framed):
    """Lets the k-th command of a name through, keeps its answer to itself and
    cuts the connection. Once."""

    def __init__(self, to, which=1, name=b"APPEND"):
        self.which, self.name = which, name
        self.seen = 0
        self.happened = False
        super().__init__(to)

    def command(self, link, tag, name, line):
        if name == self.name:
            with self.lock:
                self.seen += 1
                if self.seen == self.which:
                    link.swallow = tag + b" "

    def response(self, link, line):
        if getattr(link, "swallow", None) and line.startswith(link.swallow):
            self.happened = True
            raise Hangup
        return line


class Goodbye(Framed):
    """Says BYE in place of the answer number `which`, and hangs up. Once."""

    def __init__(self, to, which, words=b"* BYE [UNAVAILABLE] going down"):
        self.which, self.words = which, words
        self.seen = 0
        self.happened = False
        super().__init__(to)

    def response(self, link, line):
        if not line.startswith((b"* ", b"+")):
            with self.lock:
                self.seen += 1
                mine = self.seen == self.which
            if mine:
                self.happened = True
                link.send(DOWN, self.words + b"\r\n")
                raise Hangup
        return line


class Masking(Framed):
    """Takes words out of every list of capabilities, and response codes that
    go with them out of answers."""

    CODES = {b"UIDPLUS": rb"\[(APPENDUID|COPYUID) [^]]*\] ",
             b"CONDSTORE": rb"\[HIGHESTMODSEQ \d+\] "}

    def __init__(self, to, *words):
        self.words = {word.upper() for word in words}
        self.codes = [re.compile(self.CODES[word]) for word in self.words
                      if word in self.CODES]
        super().__init__(to)

    def _mask(self, match):
        kept = [word for word in match.group(2).split(b" ")
                if word.upper() not in self.words
                and word.upper().split(b"=")[0] + b"=" not in self.words]
        return match.group(1) + b" ".join(kept)

    def response(self, link, line):
        line = re.sub(rb"(?i)((?:^\* |\[)CAPABILITY )([^]\r\n]*)", self._mask,
                      line)
        if re.match(rb"(\*|\w+) OK ", line):
            for code in self.codes:
                line = code.sub(b"", line)
        return line


class Renumbering(Framed):
    """From the answer number `after` on, every UIDVALIDITY is another one."""

    def __init__(self, to, after, by=1000):
        self.after, self.by = after, by
        self.seen = 0
        super().__init__(to)

    def _renumber(self, match):
        return match.group(1) + b"%d" % (int(match.group(2)) + self.by)

    def response(self, link, line):
        with self.lock:
            if not line.startswith((b"* ", b"+")):
                self.seen += 1
            if self.seen < self.after:
                return line
        return re.sub(rb"(UIDVALIDITY |\[APPENDUID |\[COPYUID )(\d+)",
                      self._renumber, line)
