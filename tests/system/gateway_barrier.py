# SPDX-License-Identifier: BSD-2-Clause
"""No account changes its home under a session or a delivery: gateways that
tell, are lost, come again, hold logins over a freeze, or talk nonsense."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from control import Control, Worker  # noqa: E402
from gateway_bench import (  # noqa: E402
    ANN, BOB, LEASE, Bench, refused, until_waiting)
from gateway_double import descriptors  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402


def a_flip_waits_for_sessions_and_deliveries():
    with Scratch() as scratch:
        bench = Bench(scratch)
        one, two = bench.gateway("one/0"), bench.gateway("two/0")
        answer = one.route(1, "ann")
        assert answer == {"id": "1", "status": "ok", "address": ANN,
                          "system": "old", "user": "ann"}, answer
        assert two.route(1, ANN, "lmtp")["system"] == "old"
        assert one.route(2, BOB)["status"] == "ok"
        assert one.route(3, "eve")["status"] == "not-found"
        assert one.route(4, "ann@example.com")["status"] == "error"
        worker = bench.frozen()
        for gateway in (one, two):
            close = gateway.receive()
            assert close["event"] == "close" and close["address"] == ANN
            assert 0 < int(close["deadline"]) <= 1000, close
        until_waiting(worker, "sessions")
        assert one.route(5, ANN)["status"] == "conflict"
        assert two.route(5, ANN, "lmtp")["status"] == "conflict"
        assert "sessions" in refused(worker.prove)
        one.end(1)
        one.settled()
        assert worker.waiting() == "sessions"
        two.end(1)
        two.settled()
        assert worker.waiting() is None
        worker.flip()
        answer = one.route(6, ANN)
        assert answer["system"] == "new" and answer["user"] == "ann"
        assert bench.control.list("sessions", address=BOB)[0]["system"] == \
            "old"


def policyd_killed_in_the_middle_of_a_freeze():
    with Scratch() as scratch:
        bench = Bench(scratch)
        one, two = bench.gateway("one/0"), bench.gateway("two/0")
        one.route(1, ANN)
        two.route(1, BOB)
        worker = bench.frozen()
        one.receive()
        until_waiting(worker, "sessions")
        bench.kill()
        assert one.receive() is None
        bench.start()
        bench.again(worker)
        until_waiting(worker, "gateways")
        two = bench.gateway("two/0", ready=False)
        two.tell(1, BOB, "old")
        two.ready()
        two.settled()
        assert worker.waiting() == "gateways"
        one = bench.gateway("one/0", ready=False)
        one.tell(1, ANN, "old")
        close = one.receive()
        assert close["event"] == "close" and close["address"] == ANN, close
        assert worker.waiting() in ("sessions", "gateways")
        assert "the barrier has not passed" in refused(worker.prove)
        one.ready()
        one.settled()
        assert worker.waiting() == "sessions"
        one.end(1)
        one.settled()
        assert worker.waiting() is None
        worker.flip()


def policyd_killed_and_a_gateway_never_comes():
    with Scratch() as scratch:
        bench = Bench(scratch)
        one = bench.gateway("one/0")
        one.route(1, BOB)
        worker = bench.frozen()
        until_waiting(worker, None)
        bench.kill()
        began = time.monotonic()
        bench.start()
        bench.again(worker)
        until_waiting(worker, "gateways")
        until_waiting(worker, None, LEASE + 3)
        assert time.monotonic() - began >= LEASE - 0.1
        wait_for(lambda: not bench.control.list("gateways"), 3,
                 "the gateway to be forgotten")
        # and it is not expected once more
        bench.kill()
        bench.start()
        assert bench.control.list("gateways") == []


def a_lost_gateway():
    with Scratch() as scratch:
        bench = Bench(scratch)
        one = bench.gateway("one/0")
        assert int(one.terms["lease"]) < LEASE * 1000
        one.route(1, ANN)
        worker = bench.frozen()
        until_waiting(worker, "sessions")
        one.close()
        began = time.monotonic()
        time.sleep(0.3)
        assert worker.waiting() == "sessions"
        shown = bench.control.list("sessions")[0]
        assert shown["lost"] == "yes" and shown["gateway"] == "one/0", shown
        # another one of that name that is another process: both count
        again = bench.gateway("one/0", "b")
        again.settled()
        assert worker.waiting() == "sessions"
        # the same one: what it tells is all that there is
        again.close()
        same = bench.gateway("one/0", "a")
        same.settled()
        assert worker.waiting() is None
        assert time.monotonic() - began < LEASE
        worker.flip()


def a_login_held_over_a_flip_and_a_thaw():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        worker = bench.frozen()
        until_waiting(worker, None)
        first = gateway.ask(1, ANN, wait="yes")
        assert gateway.receive() == {"event": "held", "id": first}
        second = gateway.ask(2, ANN, "pop3", wait="yes")
        assert gateway.receive() == {"event": "held", "id": second}
        dropped = gateway.ask(3, ANN, wait="yes")
        assert gateway.receive()["id"] == dropped
        gateway.end(3)
        # others are not kept waiting
        assert gateway.route(4, BOB)["status"] == "ok"
        worker.flip()
        answers = {answer["id"]: answer["system"] for answer in (
            gateway.receive(0.3), gateway.receive(0.3))}
        assert answers == {first: "new", second: "new"}, answers
        assert gateway.silent()
        sessions = bench.control.list("sessions", address=ANN)
        assert sorted(s["session"] for s in sessions) == ["1", "2"], sessions

        worker = bench.frozen(BOB)
        assert gateway.receive()["event"] == "close"
        held = gateway.ask(5, BOB, wait="yes")
        gateway.receive()
        worker.enter("copying", reason="to see")
        answer = gateway.receive(0.3)
        assert answer["id"] == held and answer["system"] == "old", answer


def a_hold_does_not_last_for_ever():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        worker = bench.frozen()
        began = time.monotonic()
        held = gateway.ask(1, ANN, wait="yes")
        gateway.receive()
        answer = gateway.receive(10)
        assert answer["id"] == held and answer["status"] == "conflict"
        assert 3.5 < time.monotonic() - began < 6.5
        # who was told to try later is no session
        assert worker.waiting() is None
        # the end of the gateway's connection ends a hold as well
        gateway.ask(2, ANN, wait="yes")
        gateway.receive()
        gateway.close()
        worker.flip()
        time.sleep(LEASE)
        assert bench.control.list("sessions") == []


class Visitor(threading.Thread):
    """Sessions of one account, one after the other, on a connection of its
    own; those at each home that it knows to be open."""

    def __init__(self, gateway, patience):
        super().__init__()
        self.gateway = gateway
        self.patience = patience
        self.open = {"old": 0, "new": 0}
        self.answers = {"old": 0, "new": 0, "later": 0}
        self.wrong = None
        self.forbidden = None  # the home that nobody may be sent to
        self.on = True

    def run(self):
        number = 0
        while self.on:
            number += 1
            self.gateway.ask(number, ANN, **self.patience)
            answer = self.answer()
            system = answer.get("system", "later")
            self.answers[system] += 1
            if system == "later":
                continue
            if system == self.forbidden:
                self.wrong = "%s after the flip" % answer
            self.open[system] += 1
            time.sleep(0.0005)
            self.open[system] -= 1
            self.gateway.end(number)

    def answer(self):
        while True:
            message = self.gateway.receive()
            if "event" not in message:
                return message


def logins_race_with_flips():
    with Scratch() as scratch:
        bench = Bench(scratch)
        visitors = [Visitor(bench.gateway("visitor/%d" % index), patience)
                    for index, patience in enumerate(
                        ({}, {}, {"wait": "yes"}, {"wait": "yes"}))]
        for visitor in visitors:
            visitor.start()
        homes = ["old", "new"]
        try:
            for _ in range(12):
                old, new = homes
                bench.control.call("move" if old == "old" else "return",
                                   address=ANN)
                worker = Worker(bench.control, ANN)
                worker.to_ready()
                worker.enter("frozen")
                wait_for(lambda: worker.waiting() is None, 10, "peace", 0.001)
                worker.prove()
                for visitor in visitors:
                    assert visitor.open[old] == 0, "open over the proof"
                    visitor.forbidden = old
                time.sleep(0.01)
                worker.call("flip")
                time.sleep(0.05)
                worker.settle()
                for visitor in visitors:
                    visitor.forbidden = None
                homes.reverse()
        finally:
            for visitor in visitors:
                visitor.on = False
            for visitor in visitors:
                visitor.join(10)
        for visitor in visitors:
            assert visitor.wrong is None, visitor.wrong
            assert visitor.answers["old"] > 20, visitor.answers
            assert visitor.answers["new"] > 20, visitor.answers
        assert sum(v.answers["later"] for v in visitors[2:]) == 0


def a_session_that_does_not_end():
    with Scratch() as scratch:
        bench = Bench(scratch, budget="1s")
        gateway = bench.gateway()
        gateway.route(1, ANN)
        bench.frozen()
        account = wait_for(
            lambda: bench.phase() == "copying" and
            bench.control.call("account-get", address=ANN), 5, "the thaw")
        assert "still under way: 1 of sessions" in account["failure"], account
        # it goes on where it was
        assert gateway.receive()["event"] == "close"
        assert gateway.route(2, ANN)["system"] == "old"


HOSTILE = (
    b"request=route\nid=1\n\n",  # before hello
    b"GET / HTTP/1.1\r\n\r\n",
    b"\n",
    b"request=hello\nname=x\n\n",
    b"request=hello\nname=a b\ninstance=1\n\n",
    b"request=hello\nname=%s\ninstance=1\n\n" % (b"n" * 200),
    b"\x00\x01\x02\n\n",
    b"request=hello\nname=x\ninstance=1\n\nrequest=fly\n\n",
    b"request=hello\nname=x\ninstance=1\n\nrequest=ready\n\n"
    b"request=ready\n\n",
    b"request=hello\nname=x\ninstance=1\n\nrequest=route\nid=1\nsession=1\n"
    b"login=ann\nprotocol=imap\n\n",  # before ready
)
LATER = (
    b"request=route\nid=1\nsession=1\nprotocol=imap\n\n",
    b"request=route\nid=1\nsession=-1\nlogin=ann\nprotocol=imap\n\n",
    b"request=route\nid=1\nsession=9223372036854775808\nlogin=ann\n"
    b"protocol=imap\n\n",
    b"request=route\nid=1\nsession=x\nlogin=ann\nprotocol=imap\n\n",
    b"request=route\nid=1\nsession=1\nlogin=ann\nprotocol=IMAP 4\n\n",
    b"request=route\nid=1\nsession=1\nlogin=%s\nprotocol=imap\n\n"
    % (b"a" * 2000),
    b"request=route\nid=1\nsession=1\nlogin=ann\nprotocol=imap\nwait=maybe\n"
    b"\n",
    b"request=route\nid=%s\nsession=1\nlogin=ann\nprotocol=imap\n\n"
    % (b"i" * 65),
    b"request=route\nid=1\nsession=7\nlogin=ann\nprotocol=imap\n\n",  # twice
    b"request=session\nsession=9\naddress=ann@example.org\nprotocol=imap\n"
    b"system=old\nsince=1\n\n",  # behind ready
    b"request=login\nsession=7\noutcome=perhaps\n\n",
    b"request=login\nsession=7\noutcome=ok\nsealed=xyz\n\n",
    b"request=login\nsession=7\noutcome=ok\nsealed=%s\n\n" % (b"ab" * 2000),
    b"request=quiet\nsession=7\n\n",
    b"request=\n\n",
    b"noequals\n\n",
    b"x=%s\n\n" % (b"y" * 70000),
    b"\xff\xfe\n\n",
)


def hostile_bytes():
    with Scratch() as scratch:
        bench = Bench(scratch)
        for text in HOSTILE:
            client = Control(bench.socket)
            client.socket.sendall(text)
            message = client.receive()
            while message is not None and message["status"] == "ok":
                message = client.receive()
            assert message is not None and message["status"] == "error", text
            assert client.receive() is None, text
            client.close()
        for index, text in enumerate(LATER):
            gateway = bench.gateway("hostile/%d" % index)
            assert gateway.route(7, ANN)["status"] == "ok"
            gateway.socket.sendall(text)
            message = gateway.receive()
            assert message["status"] == "error" and "id" not in message, text
            assert gateway.receive() is None, text
            gateway.close()
            shown = bench.control.list("sessions", address=ANN)
            assert len([s for s in shown if s["lost"] == "yes"]) == index + 1
        # of each the session counts, for the lease
        worker = bench.frozen()
        until_waiting(worker, "sessions")
        until_waiting(worker, None, LEASE + 3)
        worker.flip()


def half_a_message_and_no_reading():
    with Scratch() as scratch:
        bench = Bench(scratch, client_timeout="1s")
        half = bench.gateway("half")
        half.socket.sendall(b"request=rou")
        began = time.monotonic()
        assert half.receive() is None
        assert time.monotonic() - began < 4
        deaf = bench.gateway("deaf")
        deaf.socket.settimeout(10)
        ask = (b"request=route\nid=1\nsession=%d\nlogin=ann\nprotocol=imap\n"
               b"\n")

        def flood():
            number = 0
            try:
                while True:
                    number += 1
                    deaf.socket.sendall(ask % number)
            except OSError:
                pass
        thread = threading.Thread(target=flood)
        thread.start()
        thread.join(15)
        assert not thread.is_alive(), "the deaf one is still served"
        other = bench.gateway("other")
        assert other.route(1, ANN)["status"] == "ok"


def many_routes_on_one_connection():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        before = descriptors(scratch.children["policyd"].pid)
        worker = bench.frozen(BOB)
        count = 20000
        for number in range(200):
            gateway.ask(1000000 + number, BOB, wait="yes")
        for _ in range(200):
            assert gateway.receive()["event"] == "held"
        text = b"".join(
            b"request=route\nid=%d\nsession=%d\nlogin=ann\nprotocol=imap\n"
            b"wait=yes\n\n" % (number, number) for number in range(count))
        sender = threading.Thread(target=gateway.socket.sendall, args=(text,))
        began = time.monotonic()
        sender.start()
        answers = sum(gateway.receive()["status"] == "ok"
                      for _ in range(count))
        took = time.monotonic() - began
        sender.join()
        assert answers == count
        print("# %d routes in %.2f s" % (count, took), flush=True)
        assert took < 10
        assert bench.control.call("kick", address=ANN)["kicked"] == str(count)
        kicked = {gateway.receive()["session"] for _ in range(count)}
        assert len(kicked) == count
        worker.flip()
        for _ in range(200):
            assert gateway.receive()["system"] == "new"
        assert descriptors(scratch.children["policyd"].pid) <= before + 1
        gateway.close()


if __name__ == "__main__":
    tap.main([a_flip_waits_for_sessions_and_deliveries,
              policyd_killed_in_the_middle_of_a_freeze,
              policyd_killed_and_a_gateway_never_comes,
              a_lost_gateway,
              a_login_held_over_a_flip_and_a_thaw,
              a_hold_does_not_last_for_ever,
              logins_race_with_flips,
              a_session_that_does_not_end,
              hostile_bytes,
              half_a_message_and_no_reading,
              many_routes_on_one_connection])
