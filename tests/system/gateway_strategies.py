# SPDX-License-Identifier: BSD-2-Clause
"""Moves that logins begin and logouts complete, by a gateway and a worker of
words alone; and the sealed password, which only that worker may see."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from control import Control, Refused, Worker  # noqa: E402
from gateway_bench import ANN, BOB, LEASE, Bench, refused  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402

SEALED = "5ea1ed" * 40
OTHER = "0befbabe" * 40


def due(bench, address=ANN):
    """Whether a worker gets the account."""
    reply = bench.control.ask("lease", worker="double", address=address)
    if reply["status"] == "not-found":
        return None
    assert reply["status"] == "ok", reply
    bench.control.call("release", address=address, epoch=reply["epoch"])
    return reply


def events(bench, address=ANN):
    return [line["event"] for line in
            bench.control.list("why", address=address)]


def worker_of(bench, address=ANN, seconds=3):
    def leased():
        try:
            return Worker(bench.control, address)
        except Refused:
            return None
    return wait_for(leased, seconds, "%s to be due" % address, 0.05)


def the_first_login_begins_the_move():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        bench.control.call("move", address=ANN, strategy="login")
        assert due(bench) is None
        # to be delivered to, to be routed, to be refused: no login
        gateway.route(1, ANN, "lmtp")
        gateway.route(2, ANN)
        gateway.login(2, "denied", mechanism="plain")
        gateway.end(2)
        gateway.login(2, "ok")  # of a session that is over
        gateway.settled()
        time.sleep(0.5)
        assert due(bench) is None and "login" not in events(bench)
        gateway.route(3, ANN)
        gateway.login(3, "ok", mechanism="plain", clientname="a program")
        worker = worker_of(bench)
        assert "login" in events(bench)
        seen = bench.control.list("seen", address=ANN)
        assert [(way["protocol"], way["mechanism"], way["client"])
                for way in seen] == [("imap", "plain", "a program")], seen
        # the freeze waits for the logout
        worker.to_ready()
        assert worker.call("quiet")["quiet"] == "no"
        assert "logged in" in refused(worker.enter, "frozen")
        worker.release(due=int((time.time() + 600) * 1000))
        gateway.end(3)
        gateway.settled()
        time.sleep(0.5)
        assert due(bench) is None, "a delivery is no logout"
        gateway.end(1)
        worker = worker_of(bench)
        assert worker.call("quiet")["quiet"] == "yes"
        worker.enter("frozen")
        wait_for(lambda: worker.waiting() is None, 5, "the barrier", 0.05)
        worker.flip()


def nobody_logs_in_and_an_operator_begins():
    with Scratch() as scratch:
        bench = Bench(scratch)
        bench.control.call("move", address=ANN, strategy="login")
        bench.control.call("hold", address=ANN, reason="to see")
        bench.control.call("resume", address=ANN)
        assert due(bench) is None
        bench.control.call("complete", address=ANN)
        assert due(bench) is not None
        # a new request waits anew
        bench.control.call("cancel", address=ANN)
        bench.control.call("move", address=ANN, strategy="login")
        assert due(bench) is None


def the_freeze_waits_for_the_logout():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        gateway.route(1, ANN)
        gateway.route(2, ANN, "pop3")
        worker = bench.ready(strategy="logout")
        later = int((time.time() + 600) * 1000)
        assert worker.call("quiet")["quiet"] == "no"
        worker.release(due=later)
        # a quiet session is a logout after a while, here 2 s
        gateway.quiet(1)
        gateway.end(2)
        began = time.monotonic()
        assert due(bench) is None
        worker = worker_of(bench, seconds=5)
        assert time.monotonic() - began > 1
        # one that is busy again is none
        gateway.send(request="quiet", session=1, busy="yes")
        gateway.settled()
        assert worker.call("quiet")["quiet"] == "no"
        worker.release(due=later)
        gateway.quiet(1, ago=3)
        worker = worker_of(bench)
        # nobody knows what a lost gateway has
        gateway.close()
        time.sleep(0.2)
        assert "told" in refused(worker.call, "quiet")
        assert "told" in refused(worker.enter, "frozen")
        time.sleep(LEASE)
        worker.enter("frozen")


def who_logs_out_under_the_worker_is_not_missed():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        gateway.route(1, ANN)
        worker = bench.ready(strategy="logout")
        assert worker.call("quiet")["quiet"] == "no"
        gateway.end(1)
        gateway.settled()
        time.sleep(0.5)
        worker.release(due=int((time.time() + 600) * 1000))
        assert worker_of(bench).call("quiet")["quiet"] == "yes"


def without_a_gateway_they_are_refused():
    with Scratch() as scratch:
        bench = Bench(scratch)
        bench.rehome.write_configuration(policyd_more="")
        bench.scratch.stop("policyd")
        bench.start()
        for strategy in ("login", "logout"):
            assert "gateway" in refused(bench.control.call, "move",
                                        address=ANN, strategy=strategy)


def the_first_login_waits_for_its_move():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        bench.control.call("move", address=ANN, strategy="login")
        gateway.route(1, ANN)
        gateway.login(1, id="l1", wait="yes")
        assert gateway.receive() == {"event": "held", "id": "l1"}
        # another device of the same user waits, too; others do not
        other = gateway.ask(2, ANN, "pop3", wait="yes")
        assert gateway.receive() == {"event": "held", "id": other}
        assert gateway.route(3, ANN, "lmtp", wait="yes")["system"] == "old"
        gateway.end(3)
        assert gateway.route(4, BOB)["status"] == "ok"
        worker = worker_of(bench)
        worker.to_ready()
        # the home's connection has to be over before the freeze
        assert worker.call("quiet")["quiet"] == "no"
        gateway.end(1)
        gateway.settled()
        assert gateway.silent()
        worker.enter("frozen")
        wait_for(lambda: worker.waiting() is None, 5, "the barrier", 0.05)
        worker.flip()
        answers = {answer["id"]: answer["system"] for answer in (
            gateway.receive(), gateway.receive())}
        assert answers == {"l1": "new", other: "new"}, answers
        sessions = bench.control.list("sessions", address=ANN)
        assert sorted(s["session"] for s in sessions) == ["1", "2"]
        # from now on nobody waits
        gateway.login(1, id="l2", wait="yes")
        assert gateway.receive() == {"id": "l2", "status": "ok"}


def a_large_account_is_not_waited_for():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        bench.control.call("move", address=ANN, strategy="login")
        gateway.route(1, ANN)
        gateway.login(1, id="l1", wait="yes")
        assert gateway.receive()["event"] == "held"
        gateway.end(1)
        gateway.settled()
        worker = worker_of(bench)
        worker.enter("copying")
        began = time.monotonic()
        worker.call("renew", round="live", messages_done=1,
                    messages_total=20000, bytes_done=100000)
        answer = gateway.receive()
        assert answer["id"] == "l1" and answer["system"] == "old", answer
        assert time.monotonic() - began < 1
        # its size is known now: the next login does not even begin to wait
        worker.call("round", kind="live", messages=20000, bytes=2 << 30)
        gateway.route(2, ANN)
        gateway.login(2, id="l2", wait="yes")
        assert gateway.receive() == {"id": "l2", "status": "ok"}


def a_move_that_does_not_come_is_not_waited_for():
    with Scratch() as scratch:
        bench = Bench(scratch, wait="2s")
        gateway = bench.gateway()
        bench.control.call("move", address=ANN, strategy="login")
        gateway.route(1, ANN)
        gateway.login(1, id="l1", wait="yes")
        gateway.receive()
        began = time.monotonic()
        gateway.end(1)
        answer = gateway.receive(10)
        assert answer["id"] == "l1" and answer["system"] == "old", answer
        assert 1 < time.monotonic() - began < 5
        # a move that has failed neither
        worker = worker_of(bench)
        worker.enter("copying")
        worker.release(failure="no such folder")
        gateway.login(1, id="l2", wait="yes")
        assert gateway.receive() == {"id": "l2", "status": "ok"}


def a_login_wakes_the_copier():
    with Scratch() as scratch:
        bench = Bench(scratch)
        with open(bench.rehome.config, encoding="utf-8") as file:
            text = file.read()
        assert 'poll = "200ms"' in text
        with open(bench.rehome.config, "w", encoding="utf-8") as file:
            file.write(text.replace('poll = "200ms"', 'poll = "10m"'))
        bench.rehome.start_copier()
        time.sleep(1)
        gateway = bench.gateway()
        gateway.route(1, ANN)
        bench.control.call("move", address=BOB)
        wait_for(lambda: "lease" in events(bench, BOB), 5, "a worker")
        bench.control.call("move", address=ANN, strategy="login")
        time.sleep(0.5)
        assert "lease" not in events(bench)
        gateway.login(1)
        wait_for(lambda: "lease" in events(bench), 5, "a worker")
        # it listens again to a policyd that was killed
        bench.control.call("hold", address=BOB, reason="to see")
        bench.kill()
        bench.start()
        before = events(bench, BOB).count("lease")
        time.sleep(4)
        bench.control.call("resume", address=BOB)
        wait_for(lambda: events(bench, BOB).count("lease") > before, 25,
                 "a worker of the new one")


def pages(directory, text):
    """Files of the store, but its logs, that hold the text."""
    found = []
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), "rb") as file:
            if name.endswith(".db") and text.encode() in file.read():
                found.append(name)
    return found


def the_password_is_for_its_worker_alone():
    with Scratch() as scratch:
        bench = Bench(scratch)
        gateway = bench.gateway()
        gateway.route(1, ANN)
        # at rest nothing is kept
        gateway.login(1, sealed=OTHER)
        gateway.settled()
        bench.control.call("move", address=ANN)
        worker = worker_of(bench)
        assert "no password" in refused(worker.call, "secret")
        gateway.login(1, sealed=OTHER)
        gateway.login(1, sealed=SEALED)
        reply = wait_for(lambda: bench.control.ask(
            "secret", address=ANN, epoch=worker.epoch).get("sealed"), 3,
            "the password")
        wait_for(lambda: worker.call("secret")["sealed"] == SEALED, 3,
                 "the newest password")
        assert worker.call("secret")["system"] == "old" and reply
        # a stale worker, another account's, a verb that shows things
        assert "stale" in refused(bench.control.call, "secret", address=ANN,
                                  epoch=int(worker.epoch) - 1)
        shown = []
        for verb in ("account-get", "document-list", "why", "seen",
                     "sessions"):
            bench.control.send(request=verb, address=ANN)
            message = bench.control.receive()
            shown.append(message)
            for _ in range(int(message.get("records", 0))):
                shown.append(bench.control.receive())
        assert SEALED not in str(shown) and OTHER not in str(shown)
        assert SEALED not in scratch.log("policyd")
        gateway.end(1)
        # after the flip the new home's passwords are none of ours
        worker.to_ready()
        worker.enter("frozen")
        wait_for(lambda: worker.waiting() is None, 5, "the barrier", 0.05)
        worker.flip()
        gateway.route(2, ANN)
        gateway.login(2, sealed=OTHER)
        gateway.settled()
        time.sleep(0.5)
        assert worker.call("secret")["sealed"] == SEALED
        worker.settle()
        scratch.stop("policyd")
        store = bench.directory + "/store"
        assert pages(store, SEALED) == [] and pages(store, OTHER) == []
        bench.start()
        assert "secret" not in str(bench.control.list(
            "document-list", address=ANN))


def what_was_on_the_disk_is_wiped():
    for sealed in (SEALED, "c0ffee" * 360):
        with Scratch() as scratch:
            bench = Bench(scratch)
            store = bench.directory + "/store"
            gateway = bench.gateway()
            bench.control.call("move", address=ANN, strategy="login")
            gateway.route(1, ANN)
            gateway.login(1, sealed=sealed)
            worker = worker_of(bench)
            assert worker.call("secret")["sealed"] == sealed
            bench.control.call(
                "db-backup", directory=bench.directory + "/backup")
            assert pages(bench.directory + "/backup", sealed)
            bench.kill()
            assert pages(store, sealed)
            bench.start()
            bench.control.call("cancel", address=ANN)
            scratch.stop("policyd")
            assert pages(store, sealed[:100]) == []


def other_users_do_not_get_it():
    with Scratch() as scratch:
        os.chmod(scratch.path, 0o755)
        bench = Bench(scratch, mode="0666")
        bench.control.call("move", address=ANN)
        worker = worker_of(bench)
        text = "request=secret\naddress=%s\nepoch=%s\n\n" % (ANN, worker.epoch)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             "socat", "-t", "5", "-", "UNIX-CONNECT:%s/control"
             % bench.directory], input=text, text=True, timeout=20,
            stdout=subprocess.PIPE, check=False)
        assert "status=denied" in done.stdout, done
        Control(bench.directory + "/control").close()


if __name__ == "__main__":
    tap.main([the_first_login_begins_the_move,
              nobody_logs_in_and_an_operator_begins,
              the_freeze_waits_for_the_logout,
              who_logs_out_under_the_worker_is_not_missed,
              without_a_gateway_they_are_refused,
              the_first_login_waits_for_its_move,
              a_large_account_is_not_waited_for,
              a_move_that_does_not_come_is_not_waited_for,
              a_login_wakes_the_copier,
              the_password_is_for_its_worker_alone,
              what_was_on_the_disk_is_wiped,
              other_users_do_not_get_it])
