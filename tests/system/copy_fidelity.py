# SPDX-License-Identifier: BSD-2-Clause
"""What an account has beside its messages, copied between private Dovecots:
folders with every kind of name, the folder map, special use, rights of others,
annotations, limits, keywords. Read back by a client of the laboratory's own."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from copying import COPIER, url  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Framed  # noqa: E402
from rehome import Rehome  # noqa: E402
from scratch import Scratch  # noqa: E402
from wire import Refused, Wire, quoted  # noqa: E402

LAYOUT = "mail_location = maildir:~/maildir:LAYOUT=fs\n"
PLUGINS = """
mail_plugins = acl quota
mail_attribute_dict = file:%h/attributes
protocol imap {
  mail_plugins = acl imap_acl quota imap_quota
  imap_metadata = yes
}
plugin {
  acl = vfile
  acl_user = %u
  acl_shared_dict = file:DIRECTORY/shared.db
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=LIMIT
}
"""
SHARED = """
namespace shared {
  type = shared
  separator = SEPARATOR
  prefix = sharedSEPARATOR%%uSEPARATOR
  location = maildir:MAIL/%%u/maildir:LAYOUT=fs
  subscriptions = no
  list = children
}
"""
SPECIAL = """
namespace inbox {
  mailbox "Sent Items" {
    special_use = \\Sent
    auto = subscribe
  }
  mailbox "Deleted" {
    special_use = \\Trash
    auto = create
  }
  mailbox "Spam" {
    special_use = \\Junk
    auto = create
  }
}
"""
SOURCE_SPECIAL = """
namespace inbox {
  mailbox Sent {
    special_use = \\Sent
    auto = create
  }
  mailbox Trash {
    special_use = \\Trash
    auto = create
  }
  mailbox Junk {
    special_use = \\Junk
    auto = create
  }
}
"""

LAB = Scratch()
SERVERS = {}
ACCOUNTS = 0


def server(name, plugins=None, shared=False, extra="", **options):
    """Started once; plugins: the limit of an account."""
    if name in SERVERS:
        return SERVERS[name]
    home = Dovecot(LAB, name, **options)
    with open(home.config, "a", encoding="utf-8") as out:
        out.write(extra)
        if plugins:
            out.write(PLUGINS.replace("LIMIT", plugins)
                      .replace("DIRECTORY", home.directory))
        if shared:
            out.write(SHARED.replace("SEPARATOR", "/")
                      .replace("MAIL", home.mail))
    os.chmod(home.directory, 0o777)
    for number in range(1, len(TESTS) + 2):  # not seen at once later
        home.add_user("ann%d@example.org" % number)
    home.start()
    SERVERS[name] = home
    return home


class Account:
    """One account on an old and a new server, and the copies between."""

    def __init__(self, old, new):
        global ACCOUNTS
        ACCOUNTS += 1
        self.old, self.new = old, new
        self.user = "ann%d@example.org" % ACCOUNTS
        self.state = LAB.dir("state", self.user)
        self.secret = LAB.file("password", text=PASSWORD + "\n", mode=0o600)
        self.port = new.imap  # or a proxy's, in front of it

    def at(self, home):
        return Wire(home.imap, self.user, PASSWORD)

    def run(self, command, *options, code=0, state=True):
        if state:
            options += "--state", self.state
        done = subprocess.run(
            [COPIER, command, url(self.old.imap, self.user),
             url(self.port, self.user), "--source-password-file",
             self.secret, "--destination-password-file", self.secret,
             "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)
        assert done.returncode == code, (done.returncode, done.stdout,
                                         done.stderr)
        self.said = done.stderr
        return done.stdout

    def copy(self, *options, code=0):
        """The report; its notes are in self.notes by (kind, folder)."""
        events = [json.loads(line) for line in
                  self.run("copy", *options, code=code).splitlines()]
        self.notes = {}
        for event in events:
            if event["event"] == "note":
                self.notes.setdefault((event["kind"], event["folder"]),
                                      []).append(event)
        return events[-1] if events else None

    def words(self, kind, folder):
        return "; ".join(note["words"]
                         for note in self.notes.get((kind, folder), ()))

    def map(self, text):
        return LAB.file("map", self.user, text=text)


def names(session, lsub=False):
    """{name: attributes}"""
    return {name.decode("utf-8", "replace"): attributes
            for attributes, _, name in session.folders(lsub)}


def messages(session, folder):
    """The bodies, in their order."""
    count = session.select(folder, write=False).get(b"EXISTS", 0)
    if not count:
        return []
    return [item[b"BODY[]"] for item in session.fetch(b"(UID BODY.PEEK[])")]


def put(session, folder, text, flags=()):
    session.append(folder, b"Subject: " + text + b"\r\n\r\n" + text + b"\r\n",
                   flags)


# what the source has: what it becomes where '.' parts levels below "INBOX."
NAMES = {
    b"plain": b"INBOX.plain",
    b"a/b/c": b"INBOX.a.b.c",
    b"v1.2/notes": b"INBOX.v1_2.notes_",  # must be changed, and gives way
    b"v1_2/notes": b"INBOX.v1_2.notes",
    b"star*pct%": b"INBOX.star*pct%",
    b'quo"te': b'INBOX.quo"te',
    b"back\\slash": b"INBOX.back\\slash",
    b"R&-D": b"INBOX.R&-D",
    b"Entw&APw-rfe": b"INBOX.Entw&APw-rfe",
    b"e&AwE-": b"INBOX.e&AwE-",  # the same letter, written as two
    b"&AOk-": b"INBOX.&AOk-",
    b"CASE": b"INBOX.CASE",
    b"case": b"INBOX.case",
    b" blank ": b"INBOX. blank ",
    b"INBOX/below": b"INBOX.INBOX.below",
    b"x" * 120: b"INBOX." + b"x" * 120,
}


def every_name_arrives():
    account = Account(server("fs", extra=LAYOUT),
                      server("dot", separator=".", prefix="INBOX."))
    made = {}
    with account.at(account.old) as session:
        for name, there in NAMES.items():
            try:
                session.command(b"CREATE", quoted(name))
            except Refused as reason:
                print("# %s is refused by the source: %s" % (name, reason))
                continue
            put(session, name, b"in " + name)
            session.command(b"SUBSCRIBE", quoted(name))
            made[name] = there
        parents = {name for name, attributes in names(session).items()
                   if b"\\noselect" in attributes}
    assert len(made) > 12, made
    report = account.copy()
    assert report["complete"], report
    with account.at(account.new) as session:
        found = names(session)
        for name, there in made.items():
            assert messages(session, there) == messages_of(name), there
        for name in parents:  # never made into folders that hold mail
            there = "INBOX." + name.replace(".", "_").replace("/", ".")
            assert b"\\noselect" in found.get(there, [b"\\noselect"]), there
        assert set(names(session, lsub=True)) == {
            there.decode() for there in made.values()}
    assert "separator" in account.words("name", "v1.2/notes"), account.notes
    assert "kept apart" in account.words("name", "v1.2/notes"), account.notes
    again = account.copy()
    assert again["copied"] == 0, again


def messages_of(name):
    text = b"in " + name
    return [b"Subject: " + text + b"\r\n\r\n" + text + b"\r\n"]


def prefixes_come_off():
    account = Account(server("dot", separator=".", prefix="INBOX."),
                      server("fs", extra=LAYOUT))
    with account.at(account.old) as session:
        for name in (b"INBOX.Sent", b"INBOX.a.b", b"INBOX.x/y"):
            try:
                session.command(b"CREATE", quoted(name))
            except Refused:
                continue
            put(session, name, b"in " + name)
    assert account.copy()["complete"]
    with account.at(account.new) as session:
        assert messages(session, b"Sent") == messages_of(b"INBOX.Sent")
        assert messages(session, b"a/b") == messages_of(b"INBOX.a.b")


def refused_names_become_tame():
    """Maildir++ with levels by '/' takes no '.' in a name."""
    account = Account(server("fs", extra=LAYOUT), server("slash"))
    with account.at(account.old) as session:
        for name in (b"v1.2", b"v1.2/sub", b"v1_2", b"fine"):
            session.command(b"CREATE", quoted(name))
            put(session, name, b"in " + name)
    assert account.copy()["complete"]
    with account.at(account.new) as session:
        found = names(session)
        assert messages(session, b"v1_2") == messages_of(b"v1_2"), found
        assert messages(session, b"v1_2_") == messages_of(b"v1.2"), found
        assert messages(session, b"v1_2/sub") == messages_of(b"v1.2/sub")
    words = account.words("name", "v1.2")
    assert "punctuation" in words and "not allowed" in words.lower(), words
    assert account.copy()["copied"] == 0


MAP = """# where things go
"Old Sent"   -> \\Sent
Projects/*   -> Work/*
"a\\/b"      -> "c d"
exclude Trash
exclude Trash/%
keep    Tra\\%
exclude Tra*
"""


def the_folder_map_is_followed():
    account = Account(server("fs", extra=LAYOUT),
                      server("special", extra=SPECIAL))
    has = (b"Old Sent", b"Projects/x/y", b"Projects", b"Trash", b"Trash/a",
           b"Tra%", b"Trailer")
    with account.at(account.old) as session:
        for name in has:
            session.command(b"CREATE", quoted(name))
            put(session, name, b"in " + name)
        put(session, b"INBOX", b"in INBOX")
    bad = account.map('ok -> ko\nx -> "y\n')
    account.copy("--folder-map", bad, code=78)
    assert "%s:2: a quote is not closed" % bad in account.said, account.said
    where = account.map(MAP)
    seen = json.loads(account.run("folders", "--folder-map", where,
                                  state=False))
    rows = {row["source"]: row for row in seen["folders"]}
    assert rows["Old Sent"]["destination"] == "Sent Items", rows
    assert rows["Old Sent"]["rule"] == "map", rows
    assert rows["Projects/x/y"]["destination"] == "Work/x/y", rows
    assert rows["INBOX"]["rule"] == "inbox" and rows["INBOX"]["bytes"] == (
        len(messages_of(b"INBOX")[0])), rows
    assert rows["Trash"]["destination"] is None, rows
    assert rows["Trash"]["rule"] == "excluded" and seen["fits"], rows
    planned = account.copy("--folder-map", where, "--dry-run")
    assert "Trash" not in planned["plan"], planned
    assert account.copy("--folder-map", where)["complete"]
    with account.at(account.new) as session:
        assert messages(session, b"Sent Items") == messages_of(b"Old Sent")
        assert messages(session, b"Work/x/y") == messages_of(b"Projects/x/y")
        assert messages(session, b"Projects") == messages_of(b"Projects")
        assert messages(session, b"Tra%") == messages_of(b"Tra%")
        assert messages(session, b"INBOX") == messages_of(b"INBOX")
        assert not {"Trash", "Trash/a", "Trailer"} & set(names(session))
    for name in ("Trash", "Trash/a", "Trailer"):
        assert "of the folder map" in account.words("excluded", name)
    assert account.notes["excluded", "Trash"][0]["count"] == 1
    assert "line 2" in account.words("name", "Old Sent"), account.notes
    again = account.copy("--folder-map", where, "--make-equal")
    assert again["copied"] == 0 and again["removed"] == 0, again
    # what is left out from now on stays as it was
    later = account.map(MAP + "exclude Projects\n")
    again = account.copy("--folder-map", later, "--make-equal")
    assert again["removed"] == 0, again
    with account.at(account.new) as session:
        assert messages(session, b"Projects") == messages_of(b"Projects")


def special_use_finds_its_folder():
    account = Account(server("use", extra=LAYOUT + SOURCE_SPECIAL),
                      server("special", extra=SPECIAL))
    with account.at(account.old) as session:
        for name in (b"Sent", b"Trash", b"Junk"):
            put(session, name, b"in " + name)
    with account.at(account.new) as session:
        put(session, b"Spam", b"was there")
    assert account.copy()["complete"]
    with account.at(account.new) as session:
        assert messages(session, b"Sent Items") == messages_of(b"Sent")
        assert messages(session, b"Deleted") == messages_of(b"Trash")
        assert "Sent" not in names(session)
        # not empty: it may be anybody's
        assert messages(session, b"Junk") == messages_of(b"Junk")
        assert len(messages(session, b"Spam")) == 1
    assert "not empty" in account.words("name", "Junk"), account.notes
    assert account.copy()["copied"] == 0


def rights_are_carried():
    account = Account(server("acl-old", plugins="1G", extra=LAYOUT),
                      server("acl-new", plugins="1G", extra=LAYOUT))
    with account.at(account.old) as session:
        for name in (b"Team", b"Mine"):
            session.command(b"CREATE", quoted(name))
            put(session, name, b"in " + name)
        session.command(b"SETACL", b"Team", b"bob@example.org", b"lrs")
        session.command(b"SETACL", b"Team", b"carol@example.org", b"lrswipkxte")
        session.command(b"SETMETADATA", b"Team",
                        b'(/shared/comment "our\\"s" /private/comment "mine")')
    assert account.copy()["complete"]

    def rights(session, folder):
        line = session.command(b"GETACL", folder)[0]
        return {line[at]: set(line[at + 1].decode())
                for at in range(2, len(line), 2)}

    with account.at(account.old) as old, account.at(account.new) as new:
        for folder in (b"Team", b"Mine"):
            assert rights(old, folder) == rights(new, folder), (
                rights(old, folder), rights(new, folder), account.notes)
        told = new.command(b"GETMETADATA", b"Team",
                           b"(/shared/comment /private/comment)")[0]
        assert dict(zip(told[2][::2], told[2][1::2])) == {
            b"/shared/comment": b"our\"s", b"/private/comment": b"mine"}, told
        # taken back at home: nobody keeps it in a folder that we have made
        old.command(b"DELETEACL", b"Team", b"carol@example.org")
        account.copy()
        assert rights(old, b"Team") == rights(new, b"Team"), account.notes


def what_does_not_fit_is_not_begun():
    account = Account(server("acl-old", plugins="1G", extra=LAYOUT),
                      server("small", plugins="100k"))
    with account.at(account.old) as session:
        for number in range(5):
            session.append(b"INBOX", b"Subject: %d\r\n\r\n" % number
                           + b"x" * 50000 + b"\r\n")
    report = account.copy(code=65)
    assert "does not fit" in report["error"], report
    with account.at(account.new) as session:
        assert messages(session, b"INBOX") == []
    with account.at(account.old) as session:
        session.select(b"INBOX")
        session.command(b"UID STORE", b"1:4", b"FLAGS", b"(\\Deleted)")
        session.command(b"EXPUNGE")
    assert account.copy()["copied"] == 1
    assert "the limit at home is 1.1 GB" in account.words("quota", "")


class FewKeywords(Framed):
    """A server that makes no new keywords."""

    def response(self, link, line):
        return line.replace(b" \\*)", b")")


def keywords_are_told_by_name():
    account = Account(server("fs", extra=LAYOUT), server("slash"))
    with account.at(account.new) as session:  # the one that it knows
        put(session, b"INBOX", b"was there", (b"known",))
    proxy = FewKeywords(account.new.imap)
    LAB.undo.append(proxy.close)
    account.port = proxy.port
    flags = ((b"known", b"projectX", b"\\Seen"), (b"projectX",), (b"other",),
             (b"\\Flagged",))
    with account.at(account.old) as session:
        for number, words in enumerate(flags):
            put(session, b"INBOX", b"%d" % number, words)
    report = account.copy(code=65)
    assert report["keywords_refused"] == 3 and report["copied"] == 4, report
    told = {note["words"]: note["count"]
            for note in account.notes["keyword", ""]}
    assert told == {"projectX": 2, "other": 1}, told
    with account.at(account.new) as session:
        session.select(b"INBOX", write=False)
        found = [set(item[b"FLAGS"]) - {b"\\Recent"}
                 for item in session.fetch(b"(UID FLAGS)")]
    assert found[1:] == [{b"known", b"\\Seen"}, set(), set(),
                         {b"\\Flagged"}], found
    assert account.copy()["copied"] == 0


class CaseBlind(Framed):
    """A server for which a name in lower case is there already."""

    def command(self, link, tag, name, line):
        if name == b"CREATE" and line.strip().endswith(b'"case"'):
            return b"NO [ALREADYEXISTS] there is one"
        return None


def twins_stay_two():
    account = Account(server("fs", extra=LAYOUT), server("slash"))
    proxy = CaseBlind(account.new.imap)
    LAB.undo.append(proxy.close)
    account.port = proxy.port
    with account.at(account.old) as session:
        for name in (b"case", b"CASE", b"CASE/sub", b"case/sub"):
            session.command(b"CREATE", quoted(name))
            put(session, name, b"in " + name)
    assert account.copy()["complete"]
    with account.at(account.new) as session:
        assert messages(session, b"CASE") == messages_of(b"CASE")
        assert messages(session, b"CASE/sub") == messages_of(b"CASE/sub")
        assert messages(session, b"case_") == messages_of(b"case")
        assert messages(session, b"case/sub") == messages_of(b"case/sub")
    assert "another folder" in account.words("name", "case"), account.notes
    assert account.copy()["copied"] == 0


class Mapped:
    """A system of the configuration with a folder map."""

    def __init__(self, home, where):
        self.home, self.where, self.name = home, where, home.name

    def system_section(self):
        return self.home.system_section().replace(
            "\n}", '\n    folders = "%s"\n}' % self.where)


def a_move_follows_the_map():
    account = Account(server("acl-old", plugins="1G", extra=LAYOUT),
                      server("acl-new", plugins="1G", extra=LAYOUT))
    where = account.map("exclude Trash\nOld -> New\n")
    with account.at(account.old) as session:
        for name in (b"Trash", b"Old"):
            session.command(b"CREATE", quoted(name))
            put(session, name, b"in " + name)
        session.command(b"SETACL", b"Old", b"bob@example.org", b"lrs")
    site = Rehome(LAB, tap.build_directory(),
                  (Mapped(account.old, where), account.new))
    os.environ["REHOME_COPIER"] = COPIER
    site.start_policyd()
    site.ctl("add", account.user, "--source", account.old.name,
             "--destination", account.new.name)
    seen = json.loads(site.ctl("folders", account.user, "--json").stdout)
    rows = {row["source"]: row for row in seen["folders"]}
    assert rows["Old"]["destination"] == "New", rows
    assert rows["Trash"]["rule"] == "excluded", rows
    assert seen["shared"] == ["gives Old to bob@example.org (lrs)"], seen
    site.ctl("move", account.user)
    for _ in range(10):
        site.batch()
        if site.show(account.user)["home"] == "destination":
            break
    shown = site.ctl("show", account.user).stdout
    assert site.show(account.user)["home"] == "destination", shown
    assert "gives Old to bob@example.org (lrs)" in shown, shown
    with account.at(account.new) as session:
        assert messages(session, b"New") == messages_of(b"Old")
        assert "Trash" not in names(session)
        line = session.command(b"GETACL", b"New")[0]
        assert b"bob@example.org" in line, line


TESTS = [every_name_arrives, prefixes_come_off, refused_names_become_tame,
         the_folder_map_is_followed, special_use_finds_its_folder,
         rights_are_carried, what_does_not_fit_is_not_begun,
         keywords_are_told_by_name, twins_stay_two, a_move_follows_the_map]

if __name__ == "__main__":
    with LAB:
        tap.main(TESTS)
