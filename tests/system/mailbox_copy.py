# SPDX-License-Identifier: BSD-2-Clause
"""`rehome copy` between two private Dovecots: nothing altered, nothing twice,
nothing lost, whatever is in the way. What it did is read back by a client of
its own."""

import hashlib
import imaplib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from scratch import Scratch  # noqa: E402

COPIER = os.path.join(tap.build_directory(), "copier", "rehome-copier")


class Client:
    """One session of the account under test; folders are raw modified
    UTF-7."""

    def __init__(self, home):
        self.imap = imaplib.IMAP4("127.0.0.1", home.imap)
        self.imap.login(home.account, PASSWORD)

    def must(self, answer):
        if answer[0] != "OK":
            raise RuntimeError(str(answer))
        return answer[1]

    @staticmethod
    def quote(folder):
        return '"%s"' % folder.replace("\\", "\\\\").replace('"', '\\"')

    def append(self, folder, body, flags="", date=None):
        self.must(self.imap.append(self.quote(folder), "(%s)" % flags,
                                   date or '" 5-May-2015 10:00:00 +0200"',
                                   body))

    def select(self, folder, readonly=False):
        self.must(self.imap.select(self.quote(folder), readonly))

    def names(self, command="LIST"):
        """{name: selectable}"""
        found = {}
        for line in self.must(getattr(self.imap, command.lower())('""', "*")):
            if line is None:
                continue
            if isinstance(line, tuple):
                line = line[0][:line[0].rindex(b"{")] + b'"' + line[1].replace(
                    b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
            match = re.match(rb'\((.*?)\) (?:NIL|"(?:\\.|.)") (.*)$', line)
            name = match.group(2)
            if name.startswith(b'"'):
                name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
            found[name.decode()] = b"\\noselect" not in match.group(1).lower()
        return found

    def messages(self, folder):
        """Counter of (digest, date as an instant, flags), and UIDs by digest."""
        self.select(folder, readonly=True)
        bag, uids = Counter(), {}
        if self.imap.untagged_responses["EXISTS"][-1] == b"0":
            return bag, uids
        data = self.must(self.imap.uid(
            "FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[])"))
        for item in data:
            if not isinstance(item, tuple):
                continue
            head, body = item
            digest = hashlib.sha256(body).hexdigest()
            flags = re.search(rb"FLAGS \((.*?)\)", head).group(1).split()
            bag[digest, time.mktime(imaplib.Internaldate2tuple(head)),
                frozenset(f.lower() for f in flags
                          if f.lower() != b"\\recent")] += 1
            uids.setdefault(digest, []).append(
                int(re.search(rb"UID (\d+)", head).group(1)))
        return bag, uids

    def account(self):
        """{folder: Counter}, and the subscriptions."""
        found = {name: self.messages(name)[0]
                 for name, selectable in self.names().items() if selectable}
        return found, set(self.names("LSUB"))

    def store(self, folder, uid, flags):
        self.select(folder)
        self.must(self.imap.uid("STORE", str(uid), "FLAGS", "(%s)" % flags))

    def expunge(self, folder, uid):
        self.store(folder, uid, "\\Deleted")
        self.must(self.imap.uid("EXPUNGE", str(uid)))

    def close(self):
        self.imap.logout()


def read(home):
    client = Client(home)
    found = client.account()
    client.close()
    return found


class Masking:
    """A proxy that takes words out of what the server says."""

    def __init__(self, port, *words):
        self.words = [re.compile(word) for word in words]
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._up, args=(client, server),
                             daemon=True).start()
            threading.Thread(target=self._down, args=(client, server),
                             daemon=True).start()

    @staticmethod
    def _up(client, server):
        while True:
            data = client.recv(65536)
            if not data:
                break
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)

    def _down(self, client, server):
        with server.makefile("rb") as lines:
            for line in lines:
                for word in self.words:
                    line = word.sub(b"", line)
                try:
                    client.sendall(line)
                except OSError:
                    break
        client.close()

    def close(self):
        self.listener.close()


class Pair:
    """An old and a new server. Each test has an account of its own there."""

    accounts = 0

    def __init__(self, lab, name, **new):
        self.lab = lab
        self.old = Dovecot(lab, name + "-old")
        self.new = Dovecot(lab, name + "-new", **new)
        for server in (self.old, self.new):
            server.start()
            for number in range(1, len(TESTS) + 1):  # not seen at once later
                server.add_user("ann%d@example.org" % number)

    def begin(self):
        Pair.accounts += 1
        for server in (self.old, self.new):
            server.account = "ann%d@example.org" % Pair.accounts
        self.state = os.path.join(self.lab.path, "state", self.old.account)
        self.password = self.lab.file("password", text=PASSWORD + "\n",
                                      mode=0o600)

    def arguments(self, *options, port=None, scheme="imap"):
        name = self.old.account.replace("@", "%40")
        return [COPIER, "copy",
                "imap://%s@127.0.0.1:%d" % (name, self.old.imap),
                "%s://%s@127.0.0.1:%d" % (scheme, name,
                                          port or self.new.imap),
                "--source-password-file", self.password,
                "--destination-password-file", self.password,
                "--state", self.state, *options]

    def copy(self, *options, code=0, **where):
        """The report of one run; its exit code is checked."""
        done = subprocess.run(
            self.arguments("--json", *options, **where),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=120)
        assert done.returncode == code, (
            "exit %d: %s%s" % (done.returncode, done.stdout, done.stderr))
        # of its events the last one is the report
        return json.loads(done.stdout.splitlines()[-1]) if done.stdout \
            else None

    def equal(self, prefix=""):
        """Both sides hold the same."""
        (old, old_subscribed), (new, new_subscribed) = map(
            read, (self.old, self.new))
        new = {self.plain(name, prefix): bag for name, bag in new.items()}
        assert set(old) == set(new), set(old) ^ set(new)
        for folder in old:
            assert old[folder] == new[folder], (
                folder, old[folder] - new[folder], new[folder] - old[folder])
        assert old_subscribed == {self.plain(name, prefix)
                                  for name in new_subscribed}
        return sum(sum(bag.values()) for bag in old.values())

    @staticmethod
    def plain(name, prefix):
        if prefix and name != "INBOX":
            name = name[len(prefix):].replace(".", "/")
        return name


FOLDERS = ("Sent", "Archive/2019/Q1", "Archive/2020", "with space", 'quo"te',
           "back\\slash", "star*pct%", "(paren) [bracket]",
           "&AMQ-rger &- Spa&AN8-", "party &2Dzfiw-", "CASE", "case", "{5}",
           "til~de", "Empty", "a/b/c/d")
KEYWORDS = ("$Forwarded", "$Junk", "projectX", "billing-2024", "k" * 50)
ODD = (
    b"", b"A: b\r\n\r\n", b"\r\nbody only\r\n", b"no colon here\r\n\r\nx\r\n",
    b"Subject: no end\r\n\r\nlast line without its end",
    b"Subject: bare\r\n\r\nwith \r in the middle\r\n",
    b"Subject: \xff\xfe\xc3\r\n\r\n\x80\x81\x01\x02\x1b\r\n",
    b"Subject: long\r\n\r\n" + b"x" * 200001 + b"\r\n",
    b"X-Long: " + b"z" * 30000 + b"\r\n\r\nbody\r\n",
    b"Subject: {10}\r\n\r\n* 1 FETCH (FLAGS () BODY[] {5}\r\nA1 OK done\r\n)"
    b"\r\n", b"From here\r\n\r\n.\r\n..\r\n>From there\r\n")
DATES = ('" 1-Jan-1990 00:00:00 +0000"', '"31-Dec-1999 23:59:59 -1200"',
         '"29-Feb-2000 12:00:00 +1400"', '"19-Jan-2038 03:14:08 +0000"',
         '" 1-Jan-1970 00:00:01 +0000"', '"31-Mar-2024 02:30:00 -0330"')


def fill(home, plain=40):
    client = Client(home)
    for index, folder in enumerate(FOLDERS):
        client.must(client.imap.create(client.quote(folder)))
        if index % 3:
            client.must(client.imap.subscribe(client.quote(folder)))
    for body in ODD:
        if body:  # the server takes no empty one
            client.append("INBOX", body)
    for index in range(plain):
        folder = FOLDERS[index % 6] if index % 2 else "INBOX"
        flags = " ".join(
            flag for bit, flag in enumerate(
                ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Deleted")
                + KEYWORDS) if (index * 37) >> bit & 1)
        client.append(folder, b"Subject: number %d\r\n\r\n%s\r\n" % (
            index, b"text " * (index * 50)), flags,
            DATES[index % len(DATES)])
    for _ in range(3):  # the same three times, and two that differ in little
        client.append("Sent", b"Subject: twin\r\n\r\nsame\r\n", "\\Seen")
    client.append("Sent", b"Subject: twin\r\n\r\nsame\r\n", "")
    client.append("Sent", b"Subject: twin\r\n\r\nsame\r\n", "\\Seen", DATES[0])
    client.close()


LAB = Scratch()
PAIRS = {}


def with_pair(**new):
    """The test gets a pair of servers, the account filled at the old one. Like
    pairs are started once."""
    def decorate(test):
        def run():
            key = tuple(sorted(new.items()))
            if key not in PAIRS:
                PAIRS[key] = Pair(LAB, "pair%d" % len(PAIRS), **new)
            PAIRS[key].begin()
            fill(PAIRS[key].old)
            test(PAIRS[key])
        run.__name__ = test.__name__
        return run
    return decorate


@with_pair()
def copies_everything_once(pair):
    report = pair.copy()
    count = pair.equal()
    assert report["copied"] == report["messages"] == count, report
    assert report["complete"] and not report["refused"], report
    again = pair.copy()
    assert again["copied"] == again["flags"] == again["adopted"] == 0, again
    assert pair.equal() == count


@with_pair(separator=".", prefix="INBOX.", mail_format="sdbox")
def maps_names(pair):
    pair.copy()
    pair.equal("INBOX.")
    assert pair.copy()["copied"] == 0


@with_pair()
def leaves_no_trace_at_the_source(pair):
    def trace():
        client = Client(pair.old)
        status = {name: client.must(client.imap.status(
            client.quote(name), "(MESSAGES RECENT UIDNEXT UNSEEN)"))
            for name, selectable in client.names().items() if selectable}
        client.close()
        return status
    before = trace()
    pair.copy()
    assert trace() == before


@with_pair()
def carries_changes(pair):
    pair.copy()
    client = Client(pair.old)
    uids = [uid for _, found in sorted(client.messages("INBOX")[1].items())
            for uid in found]
    client.store("INBOX", uids[0], "\\Flagged \\Seen newkeyword")
    client.store("INBOX", uids[1], "\\Draft")
    client.expunge("INBOX", uids[2])
    client.expunge("INBOX", uids[3])
    client.append("INBOX", b"Subject: late\r\n\r\nlate\r\n", "\\Seen")
    client.must(client.imap.create("New"))
    client.append("New", b"Subject: new\r\n\r\nnew\r\n")
    client.must(client.imap.unsubscribe(client.quote(FOLDERS[1])))
    client.must(client.imap.subscribe("New"))
    client.close()
    planned = pair.copy("--dry-run")
    assert planned["planned"] == 2, planned
    assert "create New" in planned["plan"], planned
    report = pair.copy()
    assert report["copied"] == 2 and report["flags"] == 2, report
    assert report["removed"] == 0, report
    report = pair.copy("--make-equal")
    assert report["removed"] == 2, report
    pair.equal()


@with_pair()
def removes_a_folder_that_is_gone(pair):
    pair.copy()
    client = Client(pair.old)
    for folder in ("Archive/2020", "Empty"):
        client.must(client.imap.delete(folder))
        client.imap.unsubscribe(folder)
    client.close()
    pair.copy("--make-equal")
    new = Client(pair.new)
    names = new.names()
    assert "Archive/2020" not in names and "Empty" not in names, names
    new.close()
    pair.equal()


@with_pair()
def never_touches_what_is_foreign(pair):
    client = Client(pair.new)
    foreign = b"Subject: mine\r\n\r\nforeign\r\n"
    client.append("INBOX", foreign, "\\Flagged")
    client.must(client.imap.create("Mine"))
    client.append("Mine", foreign, "\\Seen \\Deleted")
    client.close()
    report = pair.copy()
    assert report["foreign"] == 2 and report["adopted"] == 0, report
    old = Client(pair.old)
    uid = old.messages("INBOX")[1]
    old.expunge("INBOX", next(iter(uid.values()))[0])
    old.close()
    pair.copy("--make-equal")
    new, _ = read(pair.new)
    old, _ = read(pair.old)
    digest = hashlib.sha256(foreign).hexdigest()
    assert [k for k in new["INBOX"] - old["INBOX"]][0][0] == digest
    assert sum((new["INBOX"] - old["INBOX"]).values()) == 1
    assert [(k[0], set(k[2])) for k in new["Mine"]] == [
        (digest, {b"\\seen", b"\\deleted"})]


@with_pair()
def goes_on_without_its_journal(pair):
    count = pair.copy()["copied"]
    for name in os.listdir(pair.state):
        os.unlink(os.path.join(pair.state, name))
    report = pair.copy()
    assert report["copied"] == 0 and report["adopted"] == count, report
    assert report["foreign"] == 0, report
    pair.equal()


@with_pair()
def goes_on_after_a_changed_uidvalidity(pair):
    pair.copy()
    client = Client(pair.old)  # renaming INBOX's twin gives new numbers
    bag, _ = client.messages("Sent")
    client.must(client.imap.rename("Sent", "Old"))
    client.must(client.imap.create("Sent"))
    client.select("Old")
    client.must(client.imap.uid("COPY", "1:*", "Sent"))
    client.select("INBOX")
    client.must(client.imap.delete("Old"))
    client.must(client.imap.unsubscribe("Old"))
    assert client.messages("Sent")[0] == bag
    client.close()
    report = pair.copy("--make-equal")
    assert report["copied"] == 0, report
    assert report["adopted"] == sum(bag.values()), report
    pair.equal()


@with_pair()
def makes_a_folder_again_that_was_deleted_there(pair):
    pair.copy()
    client = Client(pair.new)
    client.must(client.imap.delete("Sent"))
    uid = next(iter(client.messages("INBOX")[1].values()))[0]
    client.expunge("INBOX", uid)
    client.close()
    pair.copy()
    pair.equal()


@with_pair()
def survives_kill_at_any_moment(pair):
    client = Client(pair.old)
    for index in range(300):
        client.append("INBOX", b"Subject: more %d\r\n\r\n%s\r\n"
                      % (index % 250, b"abc" * 500))
    client.close()
    kills = 0
    for turn in range(40):
        child = subprocess.Popen(pair.arguments("--json"),
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        time.sleep(0.01 + 0.013 * turn)
        kills += child.poll() is None
        child.kill()
        if child.wait() == 0:
            break
        if turn % 8 == 7:
            pair.copy("--dry-run")
    assert kills >= 5, kills
    pair.copy("--make-equal")
    pair.copy("--make-equal")
    assert pair.equal() > 300


@with_pair()
def stops_when_told(pair):
    child = subprocess.Popen(pair.arguments("--json"),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    assert child.returncode in (0, 75), child.returncode
    pair.copy()
    pair.equal()


def masked(pair, *words):
    proxy = Masking(pair.new.imap, *words)
    pair.lab.undo.append(proxy.close)
    report = pair.copy(port=proxy.port)
    pair.equal()
    assert pair.copy(port=proxy.port)["copied"] == 0
    client = Client(pair.old)
    uids = client.messages("INBOX")[1]
    digest, found = sorted(uids.items())[0]
    client.store("INBOX", found[0], "\\Flagged")
    client.expunge("INBOX", sorted(uids.items())[1][1][0])
    client.append("INBOX", b"Subject: late\r\n\r\nlate\r\n")
    client.close()
    pair.copy("--make-equal", port=proxy.port)
    return report


@with_pair()
def does_with_a_plain_server(pair):
    masked(pair, rb" (LITERAL\+|CONDSTORE|QRESYNC|LIST-STATUS|UNSELECT"
                 rb"|NAMESPACE|SASL-IR|MULTIAPPEND)(?=[ \r\]])")
    pair.equal()


@with_pair()
def does_without_uidplus(pair):
    report = masked(pair, rb" UIDPLUS(?=[ \r\]])", rb"\[APPENDUID \d+ \d+\] ")
    assert report["complete"], report
    old, new = read(pair.old)[0], read(pair.new)[0]
    assert sum((new["INBOX"] - old["INBOX"]).values()) == 1  # it cannot remove
    assert not old["INBOX"] - new["INBOX"]


@with_pair(extra="protocol imap {\n  mail_plugins = quota\n}\nplugin {\n"
                 "  quota = count:User\n  quota_rule = *:storage=100K\n"
                 "  quota_vsizes = yes\n}\n")
def lists_what_is_refused(pair):
    report = pair.copy(code=65)
    assert not report["complete"] and report["refused"], report
    first = report["refused"][0]
    assert "OVERQUOTA" in first["words"] and first["uid"] > 0, report
    new, old = read(pair.new)[0], read(pair.old)[0]
    assert not new["INBOX"] - old["INBOX"]
    again = pair.copy(code=65)  # nothing twice
    assert len(again["refused"]) == len(report["refused"]), again
    assert not read(pair.new)[0]["INBOX"] - old["INBOX"]


@with_pair()
def verifies_certificates(pair):
    ca = ("--ca-file", pair.new.certificate)
    report = pair.copy(scheme="imaps", port=pair.new.imaps, code=76)
    assert "certificate" in report["error"], report
    report = pair.copy("--starttls", code=76)
    assert "certificate" in report["error"], report
    pair.copy(*ca, scheme="imaps", port=pair.new.imaps)
    pair.equal()
    # the old one has a certificate of its own
    both = pair.lab.file("both.pem", text="".join(
        open(server.certificate, encoding="ascii").read()
        for server in (pair.old, pair.new)))
    pair.copy("--starttls", "--ca-file", both)


@with_pair()
def tells_a_refused_login(pair):
    pair.lab.file("password", text="wrong\n", mode=0o600)
    report = pair.copy(code=77)
    assert "source" in report["error"], report
    assert "wrong" not in json.dumps(report)


@with_pair()
def tells_wrong_usage(pair):
    def code(*arguments):
        return subprocess.run([COPIER, *arguments], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode
    assert code("copy") == 64
    assert code("copy", "imap://a@b", "imap://c@d") == 64
    assert code("--daemon", "--batch") == 64
    assert code("copy", "ftp://a@b", "imap://c@d", "--source-password-file",
                pair.password, "--destination-password-file",
                pair.password) == 64
    assert code("copy", "imap://a:secret@b", "imap://c@d",
                "--source-password-file", pair.password,
                "--destination-password-file", pair.password) == 64
    assert code("copy", "imap://a@b", "imap://a@b:143",
                "--source-password-file", pair.password,
                "--destination-password-file", pair.password) == 64
    assert code("copy", "imap://a@b", "imap://c@d", "--source-password-file",
                "/nowhere", "--destination-password-file",
                pair.password) == 66


TESTS = [
    copies_everything_once, maps_names, leaves_no_trace_at_the_source,
    carries_changes, removes_a_folder_that_is_gone,
    never_touches_what_is_foreign, goes_on_without_its_journal,
    goes_on_after_a_changed_uidvalidity,
    makes_a_folder_again_that_was_deleted_there, survives_kill_at_any_moment,
    stops_when_told, does_with_a_plain_server, does_without_uidplus,
    lists_what_is_refused, verifies_certificates, tells_a_refused_login,
    tells_wrong_usage]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
