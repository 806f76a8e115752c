# SPDX-License-Identifier: BSD-2-Clause
"""What the administrator sees and decides: refused messages that keep an
account until they are approved, certificates, verification, a dry run with
sizes, and the events of a copy."""

import fcntl
import glob
import imaplib
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch, wait_for  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"
LARGE = 400 * 1000
QUOTA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_max_mail_size = 100k
}
"""


def message(number, size=0):
    text = ("Subject: number %d\r\nMessage-ID: <%d@example.org>\r\n\r\n"
            "text %d\r\n" % (number, number, number))
    return (text + ("x" * 70 + "\r\n") * (size // 72 + 1)).encode()


class Mailbox:
    def __init__(self, server, address):
        self.imap = imaplib.IMAP4("127.0.0.1", server.imap)
        self.must(self.imap.login(address, PASSWORD))

    @staticmethod
    def must(answer):
        assert answer[0] == "OK", answer
        return answer[1]

    def append(self, folder, text, flags=""):
        self.must(self.imap.append(folder, flags, None, text))

    def count(self, folder):
        return int(self.must(self.imap.select(folder))[0])

    def subjects(self, folder):
        if not self.count(folder):
            return []
        found = self.must(self.imap.fetch(
            "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
        return sorted(int(part[1].split()[-1]) for part in found
                      if isinstance(part, tuple))

    def size(self, folder):
        if not self.count(folder):
            return 0
        found = self.must(self.imap.fetch("1:*", "(RFC822.SIZE)"))
        return sum(int(line.split()[-1].rstrip(b")")) for line in found)

    def close(self):
        self.imap.logout()


class Lab:
    """Two servers, shared by all tests; the new one takes no large message."""

    def __init__(self):
        self.scratch = Scratch()
        self.old = Dovecot(self.scratch, "old")
        self.new = Dovecot(self.scratch, "new", extra=QUOTA)
        self.rehome = Rehome(self.scratch, tap.build_directory(),
                             (self.old, self.new), settle="1s")
        self.password = self.scratch.file("password", text=PASSWORD + "\n",
                                          mode=0o600)
        self.old.start()
        self.new.start()
        for address in (ANN, BOB):
            self.old.add_user(address)
        self.new.add_user(BOB)
        for name in ("carl", "dora", "eve"):
            self.old.add_user(name + "@example.org")
            self.new.add_user(name + "@example.org")
        self.environment = dict(
            os.environ, XDG_STATE_HOME=self.scratch.dir("state"),
            REHOME_COPIER=self.rehome.program("copier/rehome-copier"))

    def close(self):
        self.scratch.close()

    def url(self, server):
        return "imap://bob%%40example.org@127.0.0.1:%d" % server.imap

    def passwords(self):
        return ["--source-password-file", self.password,
                "--destination-password-file", self.password]

    def ctl(self, *arguments, code=0):
        """Runs rehome; its exit code is checked."""
        done = subprocess.run(
            [self.rehome.program("ctl/rehome"), "-c", self.rehome.config,
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=60, env=self.environment)
        assert done.returncode == code, (
            arguments, done.returncode, done.stdout, done.stderr)
        return done

    def lines(self, *arguments, code=0):
        """Each line of its output is one JSON object."""
        return [json.loads(line) for line in self.ctl(
            *arguments, code=code).stdout.splitlines()]

    def file_of(self, address, text):
        """The file of the new server that holds that text."""
        for directory, _, names in os.walk(self.new.maildir(address)):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    if text in file.read():
                        return path
        raise AssertionError("no file has %r" % text)

    def flip_byte(self, address, text):
        path = self.file_of(address, text)
        with open(path, "r+b") as file:
            data = file.read()
            file.seek(data.index(text) + len(text) - 1)
            file.write(bytes([data[file.tell()] ^ 1]))


def fill_ann():
    old = Mailbox(LAB.old, ANN)
    for number in range(5):
        old.append("INBOX", message(number))
    for number in (100, 101):
        old.append("INBOX", message(number, LARGE))
    old.must(old.imap.create("Archive"))
    old.append("Archive", message(50))
    old.close()


def refused():
    return json.loads(LAB.ctl("--json", "refused", ANN).stdout)


def refused_blocks_until_approved():
    fill_ann()
    rehome = LAB.rehome
    rehome.start_policyd()
    rehome.ctl("add", ANN, "--source", "old", "--destination", "new")
    rehome.start_copier()
    rehome.ctl("move", ANN)
    wait_for(lambda: len(refused()) == 2, 30, "two to be refused", 0.1)
    for item in refused():
        assert item["state"] == "open" and item["kind"] == "message", item
        assert item["folder"] == "INBOX" and item["size"] > LARGE * 0.9, item
        assert item["subject"] in ("number 100", "number 101"), item
        assert item["message_id"] in ("<100@example.org>",
                                      "<101@example.org>"), item
        assert "size" in item["words"], item
    since = [item["since"] for item in refused()]
    wait_for(lambda: rehome.show(ANN)["attempts"] > 1, 30, "another try", 0.1)
    assert [item["since"] for item in refused()] == since
    account = rehome.show(ANN)
    assert account["phase"] == "copying", account
    assert account["frozen_at"] is None, "it was frozen"
    told = LAB.ctl("show", ANN).stdout
    assert "rehome refused " + ANN in told, told
    assert "rehome approve %s --all" % ANN in told, told
    first = [item for item in refused() if item["subject"] == "number 100"]
    LAB.ctl("approve", ANN, first[0]["item"], "--reason", "not needed")
    wait_for(lambda: rehome.show(ANN)["attempts"] > 3, 30, "more tries", 0.1)
    assert rehome.show(ANN)["phase"] == "copying"
    assert rehome.show(ANN)["frozen_at"] is None, "it was frozen"
    LAB.ctl("approve", ANN, "--all", "--reason", "nor the other")
    account = rehome.wait_phase(ANN, "settled")
    assert account["home"] == "destination", account
    rehome.scratch.stop("copier")
    assert {item["state"] for item in refused()} == {"approved"}
    assert {item["reason"] for item in refused()} == {"not needed",
                                                     "nor the other"}
    new = Mailbox(LAB.new, ANN)
    assert new.subjects("INBOX") == [0, 1, 2, 3, 4]
    assert new.subjects("Archive") == [50]
    new.close()
    why = LAB.ctl("why", ANN).stdout
    assert "approved: 1 refused item" in why, why


def certificate_tells_and_checks():
    text = LAB.ctl("certificate", ANN).stdout
    assert "6 messages, " in text and "old to new" in text, text
    assert text.count("left behind") == 2 and "not needed" in text, text
    assert "6 messages" in LAB.ctl("show", ANN).stdout
    whole = LAB.lines("certificate", ANN, "--full", "--json")
    messages = [line for line in whole if "sha256" in line]
    assert len(messages) == 6 and whole[0]["messages"] == 6, whole
    check = LAB.lines("certificate", ANN, "--check", "--json")
    assert check[-1]["there"] == 6 and len(check) == 1, check
    new = Mailbox(LAB.new, ANN)
    new.count("INBOX")
    new.must(new.imap.copy("1", "Archive"))
    new.must(new.imap.store("1:2", "+FLAGS", "\\Deleted"))
    new.must(new.imap.expunge())
    new.close()
    *found, end = LAB.lines("certificate", "--check", ANN, "--json", code=1)
    assert (end["there"], end["moved"], end["gone"]) == (4, 1, 1), end
    moved = [line for line in found if line["kind"] == "moved"]
    assert moved[0]["place"] == "Archive", found
    LAB.flip_byte(ANN, b"text 50")
    *found, end = LAB.lines("certificate", "--check", ANN, "--json", code=1)
    assert end["changed"] == 0, end
    *found, end = LAB.lines("certificate", "--check", "--full", ANN, "--json",
                            code=65)
    assert end["changed"] == 1, end
    path = glob.glob(LAB.rehome.directory + "/journals/*.certificate")[0]
    with open(path, "r+b") as file:
        file.seek(200)
        byte = file.read(1)
        file.seek(200)
        file.write(bytes([byte[0] ^ 1]))
    done = LAB.ctl("certificate", path, code=65)
    assert "damaged" in done.stderr, done.stderr
    done = LAB.ctl("verify", ANN, code=65)
    assert "damaged" in done.stderr, done.stderr
    with open(path, "r+b") as file:
        file.seek(200)
        file.write(byte)


def dry_run_tells_sizes():
    old = Mailbox(LAB.old, BOB)
    for number in range(40):
        old.append("INBOX", message(number), "(\\Seen)" if number % 2 else "")
    old.must(old.imap.create("Work"))
    for number in range(100, 110):
        old.append("Work", message(number, 2000))
    sizes = {folder: old.size(folder) for folder in ("INBOX", "Work")}
    old.must(old.imap.create("Gr&APw-n"))
    old.close()
    *_, end = LAB.lines("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                        *LAB.passwords(), "--dry-run", "--json")
    assert {one["folder"]: one["bytes"] for one in end["folders"]} == sizes
    assert end["planned"] == 50, end
    assert end["planned_bytes"] == sum(sizes.values()), end
    assert end["expected_ms"] > 0, end
    assert not end["complete"] and end["identity"] == "", end
    text = LAB.ctl("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                   *LAB.passwords(), "-n").stdout
    assert "INBOX: 40 messages, " in text, text
    assert "50 messages would be copied, " in text, text
    assert "create Gr\u00fcn\n" in text, text


def copy_tells_events():
    certificate = LAB.scratch.path + "/bob.certificate"
    events = LAB.lines("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                       *LAB.passwords(), "--json", "--certificate",
                       certificate)
    names = [event["event"] for event in events]
    assert names[0] == "start" and names[-1] == "end", names
    assert "folder" in names and set(names) <= {
        "start", "folder", "progress", "refused", "reconnect", "end"}, names
    assert events[-1]["copied"] == 50 and events[-1]["complete"], events[-1]
    text = LAB.ctl("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                   *LAB.passwords()).stdout
    assert text.startswith("50 messages at the destination, "), text
    assert text.count("\n") == 1, text
    done = LAB.ctl("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                   *LAB.passwords(), "-q")
    assert done.stdout == "" and done.stderr == "", done
    *_, end = LAB.lines("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                        *LAB.passwords(), "--dry-run", "--json")
    assert end["complete"] and end["planned"] == 0, end
    text = LAB.ctl("certificate", certificate, "--full").stdout
    assert "50 messages, " in text and "Gr\u00fcn -> Gr\u00fcn, " in text, text
    done = LAB.ctl("certificate", certificate, "--check", code=64)
    assert "--url" in done.stderr, done.stderr
    done = LAB.ctl("certificate", "no-such-file", code=66)
    assert "no-such-file: No such file" in done.stderr, done.stderr
    check = LAB.lines("certificate", certificate, "--check", "--json",
                      "--url", LAB.url(LAB.new), "--password-file",
                      LAB.password)
    assert check[-1]["there"] == 50, check


def verify(code, *options):
    return LAB.lines("verify", LAB.url(LAB.old), LAB.url(LAB.new),
                     *LAB.passwords(), "--json", *options, code=code)


def verify_finds_every_difference():
    verify_names_what_is_missing()
    equal = verify(0)
    assert equal[-1]["equal"] and equal[-1]["same"] == 50, equal
    new = Mailbox(LAB.new, BOB)
    new.count("INBOX")
    new.must(new.imap.store("3", "+FLAGS", "\\Flagged"))
    new.append("INBOX", message(999))
    new.count("Work")
    new.must(new.imap.store("1", "+FLAGS", "\\Deleted"))
    new.must(new.imap.expunge())
    new.must(new.imap.unsubscribe("Work"))
    new.must(new.imap.subscribe("INBOX"))
    new.close()
    LAB.flip_byte(BOB, b"text 7")
    *found, end = verify(65)
    assert not end["equal"] and end["messages"] == 50, end
    assert (end["missing"], end["extra"], end["flags"]) == (2, 2, 1), end
    flags = [line for line in found if line["kind"] == "flags"]
    assert "\\Flagged" in flags[0]["there"], flags
    missing = {line["folder"] for line in found if line["kind"] == "missing"}
    assert missing == {"INBOX", "Work"}, found
    old = Mailbox(LAB.old, BOB)
    assert old.count("INBOX") == 40, "it was changed"
    old.close()
    account = verify_account()
    assert account["messages"] == 8, account


def verify_names_what_is_missing():
    done = LAB.ctl("verify", LAB.url(LAB.old), code=64)
    assert "DESTINATION is missing" in done.stderr, done.stderr


def verify_counts_what_is_foreign():
    words = [LAB.ctl("verify", LAB.url(LAB.old), LAB.url(LAB.new),
                     *LAB.passwords(), *options, code=65).stdout.splitlines()
             for options in ((), ("--full",))]
    foreign = [[line for line in lines if line.startswith("extra: ")]
               for lines in words]
    assert len(foreign[0]) == 1 and len(foreign[1]) == 2, words
    assert foreign[0][0].startswith("extra: INBOX, 2 messages, "), words
    assert foreign[1][0].startswith("extra: INBOX uid "), words
    rest = [[line for line in lines if not line.startswith("extra: ")]
            for lines in words]
    assert rest[0] == rest[1], words


def says_which_option_is_missing():
    urls = LAB.url(LAB.old), LAB.url(LAB.new)
    for command in "copy", "verify", "folders":
        done = LAB.ctl(command, *urls, *LAB.passwords()[:2], code=64)
        assert "--destination-password-file FILE is missing" in done.stderr, \
            done.stderr
        done = LAB.ctl(command, *urls, *LAB.passwords(), "--source-pin", "x",
                       code=64)
        assert "--source-pin: " in done.stderr, done.stderr
        done = LAB.ctl(command, *urls, "--no-such", code=64)
        assert "unknown option --no-such" in done.stderr, done.stderr
        assert LAB.ctl(command, "--help").stdout.startswith("usage: rehome "
                                                            + command)


def another_copier_is_waited_for():
    state = LAB.scratch.path + "/state-busy"
    arguments = ("copy", LAB.url(LAB.old), LAB.url(LAB.new), *LAB.passwords(),
                 "--state", state)
    LAB.ctl(*arguments)
    (lock,) = glob.glob(state + "/*.lock")
    with open(lock, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = LAB.ctl(*arguments, code=75)
    assert "another copier works on it" in done.stderr, done.stderr
    LAB.ctl(*arguments[:-1], "/proc/none", code=73)


def verify_account():
    """ann, by the directory: her new home against the old one."""
    return LAB.lines("verify", ANN, "--json", code=65)[-1]


def many_too_large_keep_nothing_back():
    """More in a row than a server that refuses everything would get."""
    old = Mailbox(LAB.old, "dora@example.org")
    for number in range(100, 130):
        old.append("INBOX", message(number, LARGE))
    old.must(old.imap.create("Work"))
    urls = ["imap://dora%%40example.org@127.0.0.1:%d" % server.imap
            for server in (LAB.old, LAB.new)]
    for number in range(2):
        old.append("Work", message(number))
        old.append("INBOX", message(10 + number))
        *_, end = LAB.lines("copy", *urls, *LAB.passwords(), "--json", code=65)
        assert len(end["refused"]) == 31 and end["copied"] == 2, end
    old.close()


def copies_a_list():
    rows = ["source,destination,source_password_file,"
            "destination_password_file"]
    wrong = LAB.scratch.file("wrong", text="wrong\n", mode=0o600)
    for name, secret in (("carl", LAB.password), ("dora", LAB.password),
                         ("eve", wrong)):
        address = name + "@example.org"
        old = Mailbox(LAB.old, address)
        for number in range(3):
            old.append("INBOX", message(number))
        if name == "dora":
            old.append("INBOX", message(100, LARGE))
        old.close()
        urls = ["imap://%s%%40example.org@127.0.0.1:%d" % (name, server.imap)
                for server in (LAB.old, LAB.new)]
        rows.append(",".join(urls + [secret, LAB.password]))
    path = LAB.scratch.file("list.csv", text="\n".join(rows) + "\n")
    text = LAB.ctl("copy", "--list", path, "-n", code=77).stdout
    assert "looked at line 2: " in text, text
    assert ": 3 messages would be copied, " in text, text
    done = LAB.ctl("copy", "--list", path, "--jobs", "2", code=77)
    text = done.stdout
    assert "refused: line 3: INBOX uid 4: " in done.stderr, done.stderr
    assert "complete  line 2: " in text and "copied 3" in text, text
    assert "refused   line 3: " in text, text
    assert "failed    line 4: " in text, text
    assert "3 accounts: 1 complete, 1 with something refused, 1 failed" \
        in text, text
    for name, count in (("carl", 3), ("dora", 3), ("eve", 0)):
        new = Mailbox(LAB.new, name + "@example.org")
        assert new.count("INBOX") == count, name
        new.close()
    events = LAB.lines("copy", "--list=" + path, "--json", code=77)
    ends = {event["line"]: event for event in events
            if event["event"] == "end"}
    assert set(ends) == {2, 3, 4}, ends
    assert ends[2]["complete"] and ends[2]["copied"] == 0, ends
    many_too_large_keep_nothing_back()
    done = LAB.ctl("copy", "--list", path, "a", "b", code=64)
    assert "both are given" in done.stderr, done.stderr
    path = LAB.scratch.file("bad.csv", text="source,colour\n")
    done = LAB.ctl("copy", "--list", path, code=65)
    assert "line 1: column colour" in done.stderr, done.stderr
    for row, words in (
            ("carl,imap://a@b,x,y", "line 2: source: URL carl"),
            ("imap://a@b,imap://a@b,x,y", "are the same account"),
            ("imap://a@b,imap://a@c,,y", "source_password_file is missing"),
            ("imap://a@b,mbox:/a,x,y", "destination: mbox:/a: is only read")):
        path = LAB.scratch.file("bad.csv", text=rows[0] + "\n" + row + "\n")
        done = LAB.ctl("copy", "--list", path, code=65)
        assert words in done.stderr, done.stderr
    LAB.ctl("copy", "--list", "no-such-file", code=66)
    done = LAB.ctl("copy", "maildir:/no/such", LAB.url(LAB.new),
                   "--destination-password-file", LAB.password, code=66)
    assert "open /no/such: No such file" in done.stderr, done.stderr
    done = LAB.ctl("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                   *LAB.passwords(), "--ca-file", "/no/such", code=66)
    assert "open /no/such: No such file" in done.stderr, done.stderr
    done = LAB.ctl("copy", LAB.url(LAB.old), LAB.url(LAB.new),
                   *LAB.passwords(), "--destination-doveadm", "unix:/no/such",
                   "--destination-doveadm-password-file", "/no/such", code=66)
    assert "open /no/such: No such file" in done.stderr, done.stderr
    done = LAB.ctl("copy", "mbox:/etc/passwd", LAB.url(LAB.new),
                   "--destination-password-file", LAB.password, code=65)
    assert "folder INBOX: source: " in done.stderr, done.stderr


LAB = None

if __name__ == "__main__":
    LAB = Lab()
    try:
        tap.main([refused_blocks_until_approved, certificate_tells_and_checks,
                  dry_run_tells_sizes, copy_tells_events,
                  verify_finds_every_difference, verify_counts_what_is_foreign,
                  says_which_option_is_missing, another_copier_is_waited_for,
                  copies_a_list])
    finally:
        LAB.close()
