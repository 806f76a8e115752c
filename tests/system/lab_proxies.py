# SPDX-License-Identifier: BSD-2-Clause
"""The proxies of the laboratory do what their names say: tests that rely on a
fault that never came would prove nothing."""

import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from proxies import (DOWN, UP, Cut, Delay, Garbage, Goodbye,  # noqa: E402
                     Masking, Proxy, Refusing, Renumbering, Stall, Swallowing)


class Server:
    """Answers each line of a client by `say(line)`, or echoes octets."""

    def __init__(self, say=None):
        self.say = say
        self.lines = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._talk, args=(client,),
                             daemon=True).start()

    def _talk(self, client):
        try:
            if self.say is None:
                while data := client.recv(65536):
                    client.sendall(data)
                client.close()
                return
            with client.makefile("rb") as lines:
                for line in lines:
                    self.lines.append(line)
                    client.sendall(self.say(line))
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.listener.close()


def ok(line):
    return line.split()[0] + b" OK done\r\n"


def connect(proxy):
    client = socket.create_connection(("127.0.0.1", proxy.port), 5)
    client.settimeout(5)
    return client


def everything(client):
    data = b""
    try:
        while part := client.recv(65536):
            data += part
    except ConnectionResetError:
        pass
    return data


def ask(client, octets, size):
    client.sendall(octets)
    data = b""
    while len(data) < size:
        part = client.recv(65536)
        assert part, data
        data += part
    return data


def passes_everything_and_the_end():
    with Server() as server, Proxy(server.port) as proxy:
        client = connect(proxy)
        text = bytes(range(256)) * 5000
        assert ask(client, text, len(text)) == text
        client.shutdown(socket.SHUT_WR)
        assert everything(client) == b""
        assert proxy.passed == {UP: len(text), DOWN: len(text)}


def delays_and_keeps_the_bandwidth():
    with Server() as server, Delay(server.port, 50) as proxy:
        client = connect(proxy)
        began = time.monotonic()
        ask(client, b"x", 1)
        assert 0.1 <= time.monotonic() - began < 0.4
        text = b"y" * 8000000
        thread = threading.Thread(target=client.sendall, args=(text,))
        thread.start()
        began = time.monotonic()
        ask(client, b"", len(text))
        assert time.monotonic() - began < 3, "the bandwidth is gone"
        thread.join()


def cuts_at_the_octet():
    for way in (UP, DOWN):
        for at in (0, 1, 700, 4096):
            with Server() as server, Cut(server.port, way, at) as proxy:
                client = connect(proxy)
                client.sendall(b"z" * 5000)
                assert len(everything(client)) <= at
                assert proxy.happened
                client = connect(proxy)  # well again
                assert ask(client, b"again", 5) == b"again"


def stalls_and_tells_nobody():
    with Server() as server, Stall(server.port, DOWN, 3) as proxy:
        client = connect(proxy)
        client.settimeout(0.3)
        assert ask(client, b"abcdef", 3) == b"abc"
        try:
            raise AssertionError("it passed: %r" % client.recv(10))
        except TimeoutError:
            pass


def injects_the_same_garbage_each_time():
    seen = set()
    for _ in range(2):
        with Server() as server, Garbage(server.port, DOWN, 2, seed=7,
                                         size=10) as proxy:
            seen.add(ask(connect(proxy), b"abcd", 14))
    assert len(seen) == 1 and seen.pop()[:2] == b"ab"


def refuses_every_second_append_alone():
    with Server(ok) as server, Refusing(server.port, 2) as proxy:
        client = connect(proxy)
        assert ask(client, b"a APPEND x\r\n", 11) == b"a OK done\r\n"
        answer = ask(client, b"b APPEND x {3+}\r\nabc (\\Seen) {2+}\r\n"
                             b"\r\n\r\nc NOOP\r\n", 37)
        assert sorted(answer.splitlines()) == [
            b"b NO [OVERQUOTA] no room", b"c OK done"], answer
        assert server.lines == [b"a APPEND x\r\n", b"c NOOP\r\n"]
        assert ask(client, b"d APPEND x\r\n", 11) == b"d OK done\r\n"
        assert ask(client, b"e APPEND x {3}\r\n", 9) == b"+ go on\r\n"
        assert ask(client, b"abc\r\n", 26).startswith(b"e NO")


def swallows_the_answer_and_hangs_up():
    with Server(ok) as server, Swallowing(server.port, 2) as proxy:
        client = connect(proxy)
        ask(client, b"a APPEND x\r\n", 11)
        client.sendall(b"b APPEND x\r\n")
        assert everything(client) == b""
        assert proxy.happened and server.lines[-1] == b"b APPEND x\r\n"
        assert ask(connect(proxy), b"c APPEND x\r\n", 11) == b"c OK done\r\n"


def says_goodbye():
    with Server(ok) as server, Goodbye(server.port, 2) as proxy:
        client = connect(proxy)
        ask(client, b"a NOOP\r\n", 11)
        client.sendall(b"b NOOP\r\n")
        assert everything(client) == b"* BYE [UNAVAILABLE] going down\r\n"


def masks_lists_and_codes_but_no_literals():
    said = (b"* CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS AUTH=PLAIN X\r\n"
            b"* 1 FETCH (BODY[] {22}\r\n* CAPABILITY LITERAL+\r\n)\r\n"
            b"a OK [CAPABILITY LITERAL+ X UIDPLUS] in\r\n"
            b"b OK [APPENDUID 1 2] done\r\n")
    want = (b"* CAPABILITY IMAP4rev1 X\r\n"
            b"* 1 FETCH (BODY[] {22}\r\n* CAPABILITY LITERAL+\r\n)\r\n"
            b"a OK [CAPABILITY X] in\r\nb OK done\r\n")
    with Server(lambda line: said) as server, Masking(
            server.port, b"LITERAL+", b"UIDPLUS", b"AUTH=") as proxy:
        client = connect(proxy)
        answer = ask(client, b"go\r\n", len(want))
        assert answer == want, answer


def changes_uidvalidity_from_there_on():
    with Server(lambda line: b"* OK [UIDVALIDITY 5] x\r\n" + ok(line)
                ) as server, Renumbering(server.port, 1) as proxy:
        client = connect(proxy)
        assert b"UIDVALIDITY 5]" in ask(client, b"a SELECT x\r\n", 35)
        assert b"UIDVALIDITY 1005]" in ask(client, b"b SELECT x\r\n", 38)


TESTS = [
    passes_everything_and_the_end, delays_and_keeps_the_bandwidth,
    cuts_at_the_octet, stalls_and_tells_nobody,
    injects_the_same_garbage_each_time, refuses_every_second_append_alone,
    swallows_the_answer_and_hangs_up, says_goodbye,
    masks_lists_and_codes_but_no_literals, changes_uidvalidity_from_there_on]

if __name__ == "__main__":
    tap.main(TESTS)
