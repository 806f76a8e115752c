# SPDX-License-Identifier: BSD-2-Clause
"""`rehome copy` against IMAP servers that want its time and its memory: storms
of responses, numbers that cannot be, messages without an end or one octet at a
time, full disks. It ends in bounded time and memory and with a clear error, and
a run against the same servers come to their senses ends with each message
once."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from hostile_servers import (DATE, LAB, Bench, Folder, Hangup,  # noqa: E402
                             say)

MESSAGE = 200 << 20  # octets of one that is not kept in memory
MEMORY = 100         # MB that a run may take


STORMS = {
    "fetches": b"* 1 FETCH (FLAGS ())\r\n" * 4096,
    "expunges": b"* 1 EXPUNGE\r\n" * 4096,
    "vanished": b"* VANISHED " + b"1:2,4," * 8000 + b"9\r\n",
    "the same message": b"* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 9 "
                        b"INTERNALDATE %s)\r\n" % DATE.encode() * 4096,
}


def storms_that_never_end():
    for what, data in STORMS.items():
        for event in ("LIST", "EXAMINE", "FETCH"):
            bench = Bench()

            def talk(session, _tag, _rest, data=data):
                session.send("* 5 EXISTS\r\n")
                while True:
                    session.send(data)
            bench.old.quirks[event] = talk
            try:
                code, report = bench.run()
            except subprocess.TimeoutExpired:
                raise AssertionError("%s at %s: no end" % (what, event)) \
                    from None
            assert code == 75, (what, event, report)
            assert bench.megabytes < MEMORY, (what, event, bench.megabytes)


def numbers_of_messages_that_cannot_be():
    for exists in (4294967295, 4294967296, 4294967301, 10 ** 15):
        for again in (False, True):
            bench = Bench()
            if again:
                bench.run()
                bench.old.folders["INBOX"].add(b"one more\r\n\r\n")
            kept = bench.new.bodies().get("INBOX", Counter())

            def lie(session, tag, rest, exists=exists):
                session.do_EXAMINE(rest, [])
                session.send("* %d EXISTS\r\n%s OK\r\n" % (exists, tag))
                return True
            bench.old.quirks["EXAMINE"] = lie
            code, report = bench.run("--make-equal")
            assert code in (65, 75), (exists, report)
            assert not kept - bench.new.bodies().get("INBOX", Counter())
            bench.recovers()


def uidvalidity_beyond_32_bits():
    """Cut to 32 bits it would be the one that is known."""
    bench = Bench()
    bench.run()
    folder = bench.old.folders["INBOX"]
    folder.add(b"one more\r\n\r\n")

    def beyond(session, tag, _rest):
        session.folder = folder
        session.send("* 6 EXISTS\r\n* OK [UIDVALIDITY 4294967297] v\r\n"
                     "%s OK\r\n" % tag)
        return True
    bench.old.quirks["EXAMINE"] = beyond
    assert bench.run()[0] == 65
    bench.recovers()


def uids_in_any_order_and_more_than_once():
    for order in (lambda uids: uids[::-1], lambda uids: uids + uids,
                  lambda uids: uids[1::2] + uids[::2] + uids[:3]):
        bench = Bench(40)

        def shuffled(session, tag, rest, order=order):
            which, _, items = rest.partition(" ")
            for uid in order(session.folder.expand(which)):
                session.send(session.fetched(uid, items))
            session.send("%s OK\r\n" % tag)
            return True
        for server in (bench.old, bench.new):
            server.quirks["FETCH"] = shuffled
        code, report = bench.run()
        assert code == 0 and bench.same(), report
        del bench.old.folders["INBOX"].mail[7]
        flagged = bench.old.folders["INBOX"].mail[9]
        flagged[1] = "\\Flagged"
        bench.old.folders["INBOX"].add(b"one more\r\n\r\n")
        code, report = bench.run("--make-equal")
        assert code == 0 and bench.same() and report["removed"] == 1, report
        assert flagged in bench.new.folders["INBOX"].mail.values()


def a_folder_that_is_called_empty():
    """As a Dovecot does until it is opened."""
    for messages in (5, 0):
        bench = Bench(messages)
        bench.old.quirks["LIST"] = say(
            '* LIST () "/" INBOX\r\n* STATUS INBOX (MESSAGES 0 '
            'UIDNEXT 1 UIDVALIDITY 1)\r\nTAG OK\r\n')
        code, report = bench.run()
        assert code != 0 or bench.same(), report
        assert bench.same(), report
        bench.recovers()


def flood(session, size, seconds=None):
    piece, began = b"Header: x\r\n" * 6000, time.monotonic()
    while size > 0 and (seconds is None or
                        time.monotonic() < began + seconds):
        session.send(piece[:size])
        size -= len(piece)


def a_large_body_before_its_uid():
    bench = Bench()

    def late(session, tag, items):
        if tag != "3" or "BODY" not in items:
            return False
        session.send("* 3 FETCH (BODY[] {%d}\r\n" % MESSAGE)
        flood(session, MESSAGE)
        session.send(" UID 3 FLAGS () INTERNALDATE %s)\r\n" % DATE)
        return True
    bench.old.quirks["message"] = late
    bench.new.quirks["APPEND"] = lambda session, tag, _rest: (
        session.send("%s NO [TOOBIG] no\r\n" % tag) or True)
    code, report = bench.run()
    assert code == 65, report
    assert bench.megabytes < MEMORY, bench.megabytes
    bench.recovers()


def an_endless_body_before_its_uid():
    """The disk is the limit, and the error names the place."""
    bench = Bench()

    def endless(session, tag, items):
        if tag != "3" or "BODY" not in items:
            return False
        session.send("* 3 FETCH (BODY[] {%d}\r\n" % 10 ** 17)
        flood(session, 10 ** 17, 15)
        raise Hangup
    bench.old.quirks["message"] = endless

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
    code, report = bench.run(limit=limit)
    assert code == 75 and bench.state in report["error"], report
    bench.recovers()


def dribble(session, data, seconds=30):
    """One octet within every time-out."""
    over = time.monotonic() + seconds
    for octet in data:
        if time.monotonic() > over:
            break
        session.send(bytes([octet]))
        time.sleep(0.4)
    raise Hangup


def one_octet_at_a_time():
    def body(session, tag, items):
        if tag != "3" or "BODY" not in items:
            return False
        session.send("* 3 FETCH (UID 3 FLAGS () INTERNALDATE %s BODY[] "
                     "{1000}\r\n" % DATE)
        return dribble(session, b"x" * 1000)

    def line(session, _tag, _rest):
        return dribble(session, b"* OK " + b"y" * 1000)
    for event, quirk in (("message", body), ("greeting", line),
                         ("LOGIN", line), ("LIST", line), ("FETCH", line)):
        bench = Bench()
        bench.old.quirks[event] = quirk
        code, report = bench.run("--timeout", "1s")
        assert code == 75 and "timed out" in report["error"], (event, report)
        bench.recovers()


def a_mailbox_that_gets_full():
    """What fits is stored, flags and removals go on, what is missing is told
    one by one; with more room the next run ends right."""
    for multi in (False, True):
        bench = Bench(0)
        inbox = bench.old.folders["INBOX"]
        bench.old.folders["Sent"] = Folder()
        for index in range(4):
            bench.old.folders["Sent"].add(b"sent %d\r\n\r\n" % index, "")
        assert bench.run()[0] == 0 and bench.same()
        for index in range(300):
            inbox.add(b"Subject: %d\r\n\r\n%s\r\n" % (
                index, b"x" * (3000 if index % 2 else 100 + index % 30)))
        bench.old.folders["Sent"].mail[1][1] = "\\Flagged"
        del bench.old.folders["Sent"].mail[2]
        room, sent = [60000], []

        def quota(session, tag, rest, bench=bench, room=room, sent=sent):
            size = len(session.bodies[-1])
            sent.append(size)
            if room[0] >= size:
                room[0] -= size
                return False
            session.send("%s NO [OVERQUOTA] Quota exceeded\r\n" % tag)
            return True
        bench.new.quirks["APPEND"] = quota
        code, report = bench.run("--make-equal")
        missing = inbox and Counter(
            body for body, _ in inbox.mail.values()) - \
            bench.new.bodies()["INBOX"]
        assert code == 65 and "error" not in report, report
        assert len(report["refused"]) == sum(missing.values()) > 10, report
        assert all("OVERQUOTA" in item["words"]
                   for item in report["refused"]), report
        assert min(map(len, missing)) > room[0], (missing, room)
        # what cannot fit is not sent again and again
        assert len(report["refused"]) > 120 and \
            len(sent) < 300 - len(report["refused"]) + 60, len(sent)
        assert "\\Flagged" in {flags for _, flags in
                               bench.new.folders["Sent"].mail.values()}
        assert len(bench.new.folders["Sent"].mail) == 3, "not removed"
        room[0] = 10 ** 9
        code, report = bench.run("--make-equal")
        assert code == 0 and bench.same(), report


def a_login_that_hangs_when_it_is_given_up():
    """Nobody waits for the end of an exchange that is over."""
    bench = Bench()
    bench.old.capabilities += " AUTH=SCRAM-SHA-256"

    def stall(session, _tag, _rest):
        session.send("+ \r\n")
        session.lines.readline()
        session.send("+ bm9uc2Vuc2U=\r\n")
        session.lines.readline()
        time.sleep(60)
        raise Hangup
    bench.old.quirks["AUTHENTICATE"] = stall
    code, report = bench.run("--timeout", "50s")
    assert code == 75 and "SCRAM" in report["error"], report


def a_token_command_that_talks():
    """Its words are made harmless, and its token is no part of them."""
    bench = Bench()
    bench.old.capabilities += " AUTH=XOAUTH2"
    token = "ya29." + "s3cret" * 300
    for size in (40, len(token)):
        command = LAB.file("token", mode=0o755, text="#!/bin/sh\n"
                           "echo %s\nprintf 'no \\033[2J\\342\\200\\256 "
                           "%s\\n' >&2\nexit 1\n" % (
                               token[:size], token[:size]))
        code, report = bench.run("--source-token-command", command)
        error = report["error"]
        assert code in (75, 77) and "exit status 1: no ?" in error, report
        assert "\33" not in error and "\u202e" not in error, report
        assert "s3cret" not in error, report


def small_disk(bench, kilobytes):
    """The state of the bench on a disk of so much; returns what frees it."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs",
                           bench.state], capture_output=True, check=False)
    if done.returncode != 0:
        raise tap.Skip("no tmpfs can be mounted here")
    LAB.undo.append(lambda: subprocess.run(["umount", bench.state],
                                           check=False))
    ballast = os.path.join(bench.state, "ballast")
    with open(ballast, "wb") as file:
        file.write(bytes(2048 - 4 * 2 - kilobytes << 10))
    return lambda: os.unlink(ballast)


def full_disks():
    """Wherever it is that the disk gets full: the error says which file is
    meant, nothing is lost, and with more room the next run ends right."""
    met = set()
    for kilobytes in (0, 4, 8, 12, 16, 24, 32, 40):
        bench = Bench(60)
        free = small_disk(bench, kilobytes)
        certificate = os.path.join(bench.state, "certificate")
        code, report = bench.run("--certificate", certificate,
                                 codes=(73, 74))
        if code != 0:
            assert bench.state in report["error"] and \
                "No space left" in report["error"], report
            met.add(report["error"].split(" " + bench.state)[0])
        free()
        code, report = bench.run("--certificate", certificate)
        assert code == 0 and bench.same(), (kilobytes, report)
        assert os.path.exists(certificate)
        assert not [name for name in os.listdir(bench.state)
                    if name.endswith((".new", ".tmp"))]
    print("# %s" % ", ".join(sorted(met)))
    assert len(met) >= 2, met


def a_full_disk_for_a_large_message():
    bench = Bench()
    free = small_disk(bench, 600)

    def late(session, tag, items):
        if tag != "3" or "BODY" not in items:
            return False
        session.send("* 3 FETCH (BODY[] {%d}\r\n" % (3 << 20))
        flood(session, 3 << 20)
        session.send(" UID 3 FLAGS () INTERNALDATE %s)\r\n" % DATE)
        return True
    bench.old.quirks["message"] = late
    code, report = bench.run(codes=(73, 74))
    assert code != 0 and bench.state in report["error"] and \
        "No space left" in report["error"], report
    free()
    bench.recovers()


TESTS = [
    full_disks, a_full_disk_for_a_large_message,
    storms_that_never_end, numbers_of_messages_that_cannot_be,
    uidvalidity_beyond_32_bits, uids_in_any_order_and_more_than_once,
    a_folder_that_is_called_empty, a_large_body_before_its_uid,
    an_endless_body_before_its_uid, one_octet_at_a_time,
    a_mailbox_that_gets_full, a_login_that_hangs_when_it_is_given_up,
    a_token_command_that_talks]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
