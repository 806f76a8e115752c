# SPDX-License-Identifier: BSD-2-Clause
"""Clients and homes of bad will: each gets an error or the end, while others
are served; and the gateway's memory stays what it is."""

import imaplib
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from gateway import Front, PASSWORD, PROTOCOLS  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402

ANN = "ann@example.org"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def memory(pid):
    """Resident, in kB."""
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS")


def served(front, seconds=5):
    """Another one is served all the while."""
    began = time.monotonic()
    client = imaplib.IMAP4("127.0.0.1", front.port("imap"), 20)
    client.login(ANN, PASSWORD)
    check(client.select()[0] == "OK", "select")
    client.logout()
    check(time.monotonic() - began < seconds, "took too long")


def read_all(client):
    said = b""
    try:
        while data := client.recv(65536):
            said += data
    except ConnectionResetError:
        pass
    return said


def pour(client, data, most):
    """Sends it again and again, as much as is taken; returns the bytes."""
    sent = 0
    client.settimeout(3)
    try:
        while sent < most:
            client.sendall(data)
            sent += len(data)
    except OSError:
        pass
    return sent


def floods():
    """Endless lines, endless commands, literals of a gigabyte."""
    with Scratch("rehome-gateway-floods") as lab:
        front = Front(lab, tap.build_directory(), [ANN])
        front.start()
        served(front)
        pid = front.gateway.pid()
        before = memory(pid)
        line = b"x" * 65536
        noise = {
            "endless line": line,
            "endless commands": b"A1 NOOP\r\nNOOP\r\n" * 4000,
            "nonsense": b"\0\xff\r\n" * 16384,
            "empty lines": b"\r\n" * 32768}
        for name, data in noise.items():
            for protocol in PROTOCOLS:
                client = socket.create_connection(
                    ("127.0.0.1", front.port(protocol)), 20)
                sent = pour(client, data, 30 << 20)
                client.close()
                check(sent < 30 << 20, (name, protocol, "took it all"))
        for words in (b"A LOGIN {1073741824}\r\n", b"A LOGIN {1073741824+}\r\n",
                      b"A LOGIN ann {99999999999999999999999}\r\n",
                      b"A AUTHENTICATE PLAIN {4294967297+}\r\n"):
            client = socket.create_connection(
                ("127.0.0.1", front.port("imap")), 20)
            client.sendall(words)
            said = read_all(client)
            check(b"BYE" in said or b"BAD" in said, (words, said))
        client = socket.create_connection(
            ("127.0.0.1", front.port("sieve")), 20)
        client.sendall(b'AUTHENTICATE "PLAIN" {1073741824+}\r\n')
        said = read_all(client)
        check(b"NO" in said or b"BYE" in said, said)
        served(front)
        check(memory(pid) - before < 16384, (before, memory(pid)))


def the_slow_and_the_deaf():
    """Half lines of many, and clients that read nothing of what they asked."""
    with Scratch("rehome-gateway-slow") as lab:
        front = Front(lab, tap.build_directory(), [ANN])
        front.start()
        slow = []
        for at in range(200):
            client = socket.create_connection(
                ("127.0.0.1", front.port(PROTOCOLS[at % 4])), 20)
            client.sendall(b"A LOG")
            slow.append(client)
        served(front)
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", front.port("imap")))
        pour(deaf, b"A CAPABILITY\r\n" * 1000, 1 << 20)
        # behind the login: a mailbox of much is asked for, and not read
        session = imaplib.IMAP4("127.0.0.1", front.port("imap"), 20)
        session.login(ANN, PASSWORD)
        session.append("INBOX", "", None, b"S: x\r\n\r\n" + b"y" * (8 << 20))
        session.logout()
        before = memory(front.gateway.pid())
        readers = []
        for _ in range(10):
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(("127.0.0.1", front.port("imap")))
            reader.sendall(b"A LOGIN %s %s\r\nB SELECT INBOX\r\n" % (
                ANN.encode(), PASSWORD.encode())
                + b"C FETCH 1 BODY[]\r\n" * 20)
            readers.append(reader)
        time.sleep(1)
        served(front)
        check(memory(front.gateway.pid()) - before < 16384, "memory")
        for client in slow[:100]:
            client.close()
        served(front)


def names_that_are_none():
    """User names that policyd must not choke on: the link to it lives on."""
    with Scratch("rehome-gateway-names") as lab:
        front = Front(lab, tap.build_directory(), [ANN])
        front.start()
        names = [b"x" * 500, b"a\\\"b", b"status=ok", b"@", b"@@", b"a@",
                 b"@example.org", b"ann@example.org@example.org", b"%u%s%n",
                 b"\xff\xfe@example.org", b"\xe2\x80\xae@example.org",
                 b"a\tb@example.org", b"..@example.org", b"a" * 65
                 + b"@example.org", b"a@" + b"b" * 300, b"a@[127.0.0.1]"]
        for name in names:
            client = socket.create_connection(
                ("127.0.0.1", front.port("imap")), 20)
            client.recv(1000)
            client.sendall(b"A LOGIN {%d+}\r\n%s {1+}\r\nx\r\n" % (
                len(name), name))
            said = client.recv(1000)
            check(said.startswith((b"A NO", b"A BAD")), (name, said))
            client.close()
        served(front)
        log = lab.log("gateway")
        check(log.count("answers") == 2, "the link to policyd was lost: "
              + log[-2000:])


class BadHome(threading.Thread):
    """A home that says what it should not."""

    def __init__(self, port, words, then=b""):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", port))
        self.words, self.then = words, then
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,),
                             daemon=True).start()

    def serve(self, client):
        try:
            client.sendall(self.words)
            while client.recv(4096):
                if self.then:
                    client.sendall(self.then)
        except OSError:
            pass
        client.close()


def homes_of_bad_will():
    """What a home says before the login does not reach the client, and does
    not end the gateway."""
    with Scratch("rehome-gateway-badhome") as lab:
        front = Front(lab, tap.build_directory(), [ANN], protocols=("imap",),
                      options="    timeout = 1s\n")
        front.start()
        front.old.stop()
        for words, then in (
                (b"x" * 200000, b""), (b"* BYE no\r\n", b""), (b"", b""),
                (b"* OK hi\r\n", b"+ more\r\n" * 100),
                (b"* OK hi\r\n", b"* 1 EXISTS\r\n" * 5000),
                (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n",
                 b"L OK in\r\nL NO out\r\n\0\r\n"),
                (b"* PREAUTH hi\r\n", b"L OK hi\r\n"),
                (b"\0\0\0\r\n", b"\xff\r\n")):
            home = BadHome(front.old.imap, words, then)
            client = socket.create_connection(
                ("127.0.0.1", front.port("imap")), 20)
            client.settimeout(4)
            client.recv(1000)
            client.sendall(b"A LOGIN %s %s\r\n" % (ANN.encode(),
                                                   PASSWORD.encode()))
            try:
                said = client.recv(1000)
            except TimeoutError:
                said = b""  # it waits for the home's greeting
            check(said == b"" or said.startswith((b"A NO [UNAVAILABLE]",
                                                  b"A OK")),
                  (words[:50], said))
            client.close()
            home.listener.shutdown(socket.SHUT_RDWR)
            home.listener.close()
        front.old.start()
        wait_for(lambda: try_served(front), 10, "the good home")


def try_served(front):
    try:
        served(front)
        return True
    except (AssertionError, OSError, imaplib.IMAP4.error):
        return False


if __name__ == "__main__":
    tap.main([floods, the_slow_and_the_deaf, names_that_are_none,
              homes_of_bad_will])
