# SPDX-License-Identifier: BSD-2-Clause
"""`rehome copy` against IMAP servers that lie, stutter, flood or die: it ends in
time with a clear error and a code of sysexits, never says that a copy is
complete when it is not, and a run against the same servers come to their
senses ends with each message once."""

import os
import subprocess
import sys
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from hostile_servers import (DATE, LAB, Bench, Folder, Hangup,  # noqa: E402
                             say)


def sane_servers_end_equal():
    bench = Bench()
    assert bench.run()[0] == 0 and bench.same()
    assert bench.run()[1]["copied"] == 0 and bench.same()


def closes_at_every_point():
    first = Bench()
    first.run()
    points = 0
    for side in ("old", "new"):
        counts = getattr(first, side).counts
        for event in sorted(counts):
            at = counts[event]
            bench = Bench()
            server = getattr(bench, side)

            def close(session, _tag, _rest, server=server, event=event,
                      at=at):
                if server.counts[event] == at:
                    session.send("* BYE tired\r\n")
                    raise Hangup
            server.quirks[event] = close
            bench.suffers()
            bench.recovers()
            points += 1
    assert points >= 20, points


def refuses_every_kth_append():
    for k in (1, 2, 3):
        bench = Bench()

        def refuse(session, tag, _rest, bench=bench, k=k):
            if bench.new.counts["APPEND"] % k == 0:
                session.send("%s NO [OVERQUOTA] full\r\n" % tag)
                return True
            return False
        bench.new.quirks["APPEND"] = refuse
        code, report = bench.suffers()
        assert code == 65 and "OVERQUOTA" in report["refused"][0]["words"]
        bench.recovers()


def refuses_the_literal():
    bench = Bench()
    bench.new.capabilities = bench.new.capabilities.replace(" LITERAL+", "")

    def refuse(session, text, _rest):
        session.send("%s NO no room\r\n" % text.split()[0])
        return True
    bench.new.quirks["literal"] = refuse
    assert bench.suffers()[0] == 65
    bench.recovers()


def offers_literals_and_refuses_them():
    bench = Bench()
    bench.new.quirks["APPEND"] = say("TAG BAD no such literal\r\n")
    assert bench.suffers()[0] == 65
    bench.recovers()


def stores_nothing_and_says_ok():
    bench = Bench()
    bench.new.quirks["APPEND"] = say("TAG OK [APPENDUID 1 1] done\r\n")
    assert bench.suffers()[0] != 0
    bench.recovers()


def lies_about_the_new_uid():
    for code in ("[APPENDUID 1 1]", "[APPENDUID 1 77777]",
                 "[APPENDUID 99 3]", "[APPENDUID 1 1:5]",
                 "[APPENDUID 0 0]", "[APPENDUID]"):
        bench = Bench()

        def lie(session, tag, _rest, code=code):
            session.send("%s OK %s done\r\n" % (tag, code))
            return True
        # stored all the same
        bench.new.quirks["after APPEND"] = lie
        bench.suffers()
        bench.recovers()


def tells_no_new_uid():
    bench = Bench()
    bench.new.capabilities = bench.new.capabilities.replace(" UIDPLUS", "")
    assert bench.suffers()[0] == 0
    bench.recovers()


def fetches_a_message_twice():
    bench = Bench()

    def twice(session, tag, items):
        if tag == "2" and "BODY" in items:
            session.send(session.fetched(1, items))  # in place of 2
            return True
        return False
    bench.old.quirks["message"] = twice
    bench.suffers()
    bench.recovers()


def fetches_what_nobody_asked_for():
    bench = Bench()

    def more(session, tag, items):
        if "BODY" in items:
            session.send("* 9 FETCH (UID 999 FLAGS () INTERNALDATE %s "
                         "BODY[] {3}\r\nabc)\r\n* 1 FETCH (FLAGS ())\r\n"
                         % DATE)
        return False
    bench.old.quirks["message"] = more
    bench.suffers()
    bench.recovers()


def scans_less_than_there_is():
    bench = Bench()
    bench.run()
    bench.old.quirks["message"] = (
        lambda _session, tag, items: tag == "3" and "BODY" not in items)
    bench.old.folders["INBOX"].add(b"one more\r\n\r\n")
    kept = bench.new.bodies()["INBOX"]
    bench.suffers("--make-equal")
    assert not kept - bench.new.bodies()["INBOX"], \
        "a message was removed that is still at home"
    bench.recovers()


def refuses_to_scan():
    for side in ("old", "new"):
        for words in ("NO [INUSE] not now", "BAD what"):
            bench = Bench()
            bench.run()
            getattr(bench, side).quirks["FETCH"] = say("TAG %s\r\n" % words)
            for folder in (bench.old, bench.new):
                folder.folders["INBOX"].add(b"only at %d\r\n\r\n"
                                            % folder.port)
            kept = bench.new.bodies()["INBOX"]
            assert bench.suffers("--make-equal")[0] != 0
            assert not kept - bench.new.bodies()["INBOX"], "removed"
            del bench.new.folders["INBOX"].mail[6]
            bench.recovers()


def refuses_to_scan_without_a_journal():
    bench = Bench()
    bench.run()
    bench.state = LAB.dir("state-lost")
    bench.new.quirks["SELECT"] = say("TAG NO [INUSE] not now\r\n")
    assert bench.suffers()[0] != 0
    bench.recovers()


def forgets_the_number_of_messages():
    bench = Bench()
    bench.old.quirks["LIST"] = say(
        '* LIST () "/" "INBOX"\r\n'
        '* STATUS "INBOX" (UIDVALIDITY 1 UIDNEXT 6)\r\nTAG OK\r\n')
    bench.suffers()
    bench.recovers()


def lists_a_full_folder_as_empty():
    bench = Bench()
    bench.run()

    def lie(session, tag, _rest):
        session.send('* LIST () "/" INBOX\r\n* STATUS INBOX (MESSAGES 0 '
                     'UIDNEXT 6 UIDVALIDITY 1)\r\n%s OK\r\n' % tag)
        return True
    bench.old.quirks["LIST"] = lie
    code, report = bench.run("--make-equal")
    assert code == 0 and report["removed"] == 0 and bench.same(), report


def changes_uidvalidity_in_between():
    for event in ("EXAMINE", "after LIST", "after FETCH"):
        for side in ("old", "new"):
            bench = Bench()
            server = getattr(bench, side)

            def change(_session, _tag, _rest, server=server, event=event):
                if server.counts[event] < 4:
                    server.folders["INBOX"].validity += 1
            server.quirks[event] = change
            bench.suffers()
            bench.recovers()


def expunges_in_the_middle():
    bench = Bench()

    def vanish(session, tag, items):
        if "BODY" in items and tag == "2":
            session.send("* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 7 EXISTS\r\n")
            del session.folder.mail[2]
            return True
        return False
    bench.old.quirks["message"] = vanish
    bench.suffers()
    bench.recovers()


def answers_with_wrong_tags():
    for words in ("A9999 OK done\r\n", "B1 OK done\r\n", "TAGTAG OK\r\n",
                  "OK done\r\n", "\r\n", "* \r\n", "TAG\r\n", "TAG \0\r\n"):
        for event in ("LOGIN", "LIST", "FETCH"):
            bench = Bench()
            bench.old.quirks[event] = say(words)
            code, report = bench.run()
            assert code == 75 and report["error"], (words, event, report)


ENDLESS = {
    "line": b"x" * 65536,
    "response": b"* OK still here\r\n" * 4096,
    "folders": b"".join(b'* LIST () "/" "f%d"\r\n' % n for n in range(4096)),
    "literal": b"* 1 FETCH (UID 1 FLAGS {65000}\r\n" + b"y" * 65536,
    "parentheses": b"* 1 FETCH (UID 1 X " + b"(" * 65536,
    "continuations": b"+ go on\r\n" * 4096,
}


def never_stops_talking():
    for what, data in ENDLESS.items():
        for event in ("greeting", "LOGIN", "LIST", "FETCH"):
            bench = Bench()

            def talk(session, _tag, _rest, data=data):
                session.send("* ")
                while True:
                    session.send(data)
            bench.old.quirks[event] = talk
            try:
                code, report = bench.run()
            except subprocess.TimeoutExpired:
                raise AssertionError("%s at %s: no end" % (what, event)) \
                    from None
            assert code == 75, (what, event, report)


def is_no_imap_server():
    for words, wanted in (
            ("220 mx.example ESMTP\r\n", 76),
            ("220-mx.example ESMTP\r\n220 go on\r\n", 76),
            ("+OK POP3 here\r\n", 76), ("SSH-2.0-x\r\n", 76),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", 76),
            ('"IMPLEMENTATION" "x"\r\nOK\r\n', 76),
            ("\r\n", 75), ("OK\r\n", 75), ("2200 x\r\n", 75),
            ("* Ok\0 x\r\n", 75), ("\xff\xfe\r\n", 75),
            ("*OK IMAP4rev1\r\n", 75), ("* GO IMAP4rev1\r\n", 75)):
        bench = Bench()
        bench.old.quirks["greeting"] = say(words)
        code, report = bench.run(codes=(wanted,))
        assert code == wanted and report["error"], (words, code, report)


def announces_literals_that_lie():
    for size, there in ((10, 5), (5, 10), (999999999999999999, 100),
                        (9999999999999999999999, 100), (0, 0), (4, 0)):
        bench = Bench()

        def lie(session, tag, items, size=size, there=there):
            if "BODY" not in items or tag != "3":
                return False
            session.send("* 3 FETCH (UID 3 FLAGS () INTERNALDATE %s BODY[] "
                         "{%d}\r\n%s)\r\n" % (DATE, size, "z" * there))
            if there < size:
                raise Hangup
            return True
        bench.old.quirks["message"] = lie
        code, _ = bench.run()
        assert code != 0 or size == there, (size, there)
        if size != there:
            bench.recovers()


NAMES = ["..", "../../etc/passwd", "/", "a//b", "tab\tname", "bell\x07name",
         "esc\x1b[2J", "x" * 10240, "\xff\xfe", "&", "&AAA-", "&-", "%", "*",
         'quote"quote', "back\\slash", " ", "inbox ", "~root", "{5}", "(",
         "nl\nname", "crlf\r\nA1 DELETE INBOX"]


def names_folders_strangely():
    bench = Bench()

    def names(session, tag, _rest):
        for name in NAMES + ["INBOX"]:
            data = name.encode("latin-1")
            session.send(b'* LIST () "/" {%d}\r\n%s\r\n' % (len(data), data))
        session.send("%s OK\r\n" % tag)
        return True
    for name in NAMES:
        bench.old.folders[name] = Folder()
        bench.old.folders[name].add(b"in %s\r\n\r\n"
                                    % name.encode("latin-1").hex().encode())
    bench.old.capabilities = "IMAP4rev1 UIDPLUS LITERAL+"
    bench.old.quirks["LIST"] = names
    code, report = bench.run()
    bodies = sum(bench.new.bodies().values(), Counter())
    assert code != 0 or bodies == sum(bench.old.bodies().values(),
                                      Counter()), report
    assert bodies and max(bodies.values()) == 1, (bodies, report)
    bench.run()
    again = sum(bench.new.bodies().values(), Counter())
    assert again == bodies, "doubled"
    assert "DELETE" not in bench.new.seen


def names_a_folder_with_nul():
    bench = Bench()
    bench.old.quirks["LIST"] = say('* LIST () "/" {5}\r\nIN\0OX\r\n'
                                   '* LIST () "/" INBOX\r\nTAG OK\r\n')
    assert bench.run()[0] == 75
    bench.recovers()


def lists_very_many_folders():
    bench = Bench()
    count = 100000

    def many(session, tag, _rest):
        session.send("".join('* LIST (\\Noselect) "/" "folder %d"\r\n' % n
                             for n in range(count)))
        session.send('* LIST () "/" INBOX\r\n%s OK\r\n' % tag)
        return True
    bench.old.capabilities = "IMAP4rev1 UIDPLUS LITERAL+"
    bench.old.quirks["LIST"] = many
    assert bench.suffers()[0] == 0
    bench.recovers()


def hides_commands_in_flags():
    bench = Bench()
    evil = "Evil {21}\r\n\r\nA999 DELETE INBOX\r\n"

    def flags(session, tag, items):
        if tag != "2":
            return False
        body = session.folder.mail[2][0]
        text = "* 2 FETCH (UID 2 FLAGS (%s)" % evil
        if "BODY" in items:
            session.send((text + " INTERNALDATE %s BODY[] {%d}\r\n" % (
                DATE, len(body))).encode() + body + b")\r\n")
        else:
            session.send(text + ")\r\n")
        return True
    bench.old.quirks["message"] = flags
    bench.run()
    assert "DELETE" not in bench.new.seen, bench.new.seen


def slips_clear_text_before_tls():
    bench = Bench()
    bench.old.capabilities += " STARTTLS"
    bench.old.quirks["STARTTLS"] = say(
        "TAG OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA1 OK in\r\n")
    # the other side says no more of the cause than that
    bench.new.capabilities += " STARTTLS"
    bench.new.quirks["STARTTLS"] = say("TAG NO not now\r\n")
    code, report = bench.run("--starttls")
    assert code == 75 and report["error"], report
    assert "LOGIN" not in bench.old.seen and \
        "AUTHENTICATE" not in bench.old.seen, bench.old.seen


TESTS = [
    sane_servers_end_equal, closes_at_every_point, refuses_every_kth_append,
    refuses_the_literal, offers_literals_and_refuses_them,
    stores_nothing_and_says_ok, lies_about_the_new_uid, tells_no_new_uid,
    fetches_a_message_twice, fetches_what_nobody_asked_for,
    scans_less_than_there_is, refuses_to_scan,
    refuses_to_scan_without_a_journal, forgets_the_number_of_messages,
    lists_a_full_folder_as_empty,
    changes_uidvalidity_in_between, expunges_in_the_middle,
    answers_with_wrong_tags, never_stops_talking, is_no_imap_server,
    announces_literals_that_lie,
    names_folders_strangely, names_a_folder_with_nul, lists_very_many_folders,
    hides_commands_in_flags, slips_clear_text_before_tls]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
