# SPDX-License-Identifier: BSD-2-Clause
"""Hostile bytes on every socket: oversize, endless, half and slow requests end
in a clear error or a close, while others are served without delay."""

import os
import random
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch  # noqa: E402

ANN = "ann@example.org"
POLICY = (b"request=smtpd_access_policy\nprotocol_state=RCPT\n"
          b"recipient=ann@example.org\nclient_address=192.0.2.1\n\n")
REQUESTS = {
    "policy": (POLICY, b"action=DUNNO"),
    "control": (b"request=account-get\naddress=ann@example.org\n\n",
                b"status=ok"),
    "socketmap": (b"25:transport ann@example.org,", b"OK lmtp:"),
}
TIMEOUT = 1.0  # policyd.client_timeout in seconds


class FakeSystem:
    """A system that nobody connects to."""

    def __init__(self, name):
        self.name = name

    def system_section(self):
        return ('system "%s" { imap = "imap://127.0.0.1:1"\n'
                '    deliver = "lmtp:inet:127.0.0.1:1" }\n' % self.name)


class Target:
    def __init__(self, scratch):
        self.rehome = Rehome(scratch, tap.build_directory(),
                             (FakeSystem("old"), FakeSystem("new")),
                             client_timeout="%dms" % (TIMEOUT * 1000))
        self.rehome.start_policyd()
        self.rehome.ctl("add", ANN, "--source", "old", "--destination", "new")

    def connect(self, name, timeout=10):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(timeout)
        client.connect(os.path.join(self.rehome.directory, name))
        return client

    def serves(self, name, within=2.0):
        """A well-behaved client gets its answer in time."""
        request, expected = REQUESTS[name]
        began = time.monotonic()
        with self.connect(name) as client:
            client.sendall(request)
            answer = client.recv(65536)
        assert expected in answer, (name, answer)
        took = time.monotonic() - began
        assert took < within, "%s answered after %.1f s" % (name, took)


def ends(client, seconds):
    """Reads until the peer closes; returns what it said."""
    said = b""
    client.settimeout(seconds)
    try:
        while data := client.recv(65536):
            said += data
    except ConnectionError:
        pass
    except socket.timeout:
        raise AssertionError("still open after %g s" % seconds) from None
    return said


def flood(client, data, limit):
    """Sends data over and over until the peer closes or limit is reached."""
    sent = 0
    try:
        while sent < limit:
            client.sendall(data)
            sent += len(data)
    except OSError:
        return sent
    raise AssertionError("took %d bytes of it" % sent)


def with_target(test):
    def run():
        with Scratch() as scratch:
            target = Target(scratch)
            for name in REQUESTS:
                test(target, name)
                target.serves(name)
            child = scratch.children["policyd"]
            assert child.poll() is None, "policyd died"
    run.__name__ = test.__name__
    return run


@with_target
def endless_line(target, name):
    with target.connect(name) as client:
        flood(client, b"x" * 65536, 64 << 20)


@with_target
def endless_message(target, name):
    line = b"9" * 20 if name == "socketmap" else b"name=value\n"
    with target.connect(name) as client:
        flood(client, line * 1000, 64 << 20)


@with_target
def garbage(target, name):
    chance = random.Random(7)
    for _ in range(50):
        with target.connect(name) as client:
            try:
                client.sendall(chance.randbytes(chance.randint(1, 4000)))
                client.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has closed already
            ends(client, 5)


@with_target
def half_request(target, name):
    request, _ = REQUESTS[name]
    with target.connect(name) as client:
        client.sendall(request[:-5])
        target.serves(name)
        ends(client, TIMEOUT * 4)


@with_target
def one_byte_at_a_time(target, name):
    """A slow request is answered, if it is done within the time limit."""
    request, expected = REQUESTS[name]
    with target.connect(name) as client:
        for byte in request:
            client.sendall(bytes([byte]))
            time.sleep(TIMEOUT / 4 / len(request))
        assert expected in client.recv(65536)


@with_target
def drip_for_ever(target, name):
    """A request that never ends cannot be kept alive byte by byte."""
    request = b"9" if name == "socketmap" else b"a"
    with target.connect(name) as client:
        began = time.monotonic()
        try:
            while time.monotonic() - began < TIMEOUT * 6:
                client.sendall(request)
                time.sleep(TIMEOUT / 10)
        except OSError:
            return
    raise AssertionError("dripped for %g s" % (TIMEOUT * 6))


@with_target
def reader_that_never_reads(target, name):
    """Answers that nobody takes do not fill the memory: the server stops
    reading from that client, or closes."""
    request, _ = REQUESTS[name]
    with target.connect(name, timeout=3) as client:
        flood(client, request * 500, 64 << 20)
        target.serves(name)


@with_target
def many_half_open_clients(target, name):
    clients = [target.connect(name) for _ in range(300)]
    request, _ = REQUESTS[name]
    for client in clients:
        client.sendall(request[:4])
    target.serves(name)
    for client in clients:
        client.close()


def control_requests_that_are_wrong():
    cases = [(b"\n", b"status=error"),
             (b"request=\n\n", b"status="),
             (b"request=nonsense\n\n", b"status=error"),
             (b"address=ann@example.org\n\n", b"status=error"),
             (b"request=account-get\n\n", b"status=error"),
             (b"request=account-get\naddress=nobody\n\n", b"status="),
             (b"request=account-get\naddress=x@example.org\n\n",
              b"status=not-found"),
             (b"request=enter\naddress=ann@example.org\nepoch=99\n"
              b"phase=frozen\n\n", b"status=conflict"),
             (b"request=enter\naddress=ann@example.org\nepoch=x\n"
              b"phase=frozen\n\n", b"status=error"),
             (b"request=flip\naddress=ann@example.org\nepoch=1\n\n",
              b"status=conflict"),
             (b"request=in-service\naddress=ann@example.org\n\n",
              b"status=conflict"),
             (b"request=account-add\naddress=b@example.org\nsource=nowhere\n"
              b"destination=new\n\n", b"status=error"),
             (b"request=account-list\nlimit=-1\n\n", b"status=error"),
             (b"request=move\naddress=ann@example.org\nstrategy=magic\n\n",
              b"status=error")]
    with Scratch() as scratch:
        target = Target(scratch)
        for request, expected in cases:
            with target.connect("control") as client:
                client.sendall(request)
                answer = client.recv(65536)
            assert expected in answer, (request, answer)
            if b"status=ok" not in answer:
                assert b"reason=" in answer, (request, answer)
        target.serves("control")


def all_at_once_while_others_are_served():
    with Scratch() as scratch:
        target = Target(scratch)
        end = threading.Event()

        def attack(name):
            chance = random.Random(name)
            while not end.is_set():
                try:
                    with target.connect(name) as client:
                        client.sendall(chance.choice(
                            [chance.randbytes(3000), b"a=" * 40000,
                             REQUESTS[name][0][:9]]))
                except OSError:
                    pass

        attackers = [threading.Thread(target=attack, args=(name,))
                     for name in REQUESTS for _ in range(3)]
        for attacker in attackers:
            attacker.start()
        try:
            for _ in range(30):
                for name in REQUESTS:
                    target.serves(name)
        finally:
            end.set()
            for attacker in attackers:
                attacker.join()


if __name__ == "__main__":
    tap.main([endless_line, endless_message, garbage, half_request,
              one_byte_at_a_time, drip_for_ever, reader_that_never_reads,
              many_half_open_clients, control_requests_that_are_wrong,
              all_at_once_while_others_are_served])
