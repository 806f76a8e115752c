# SPDX-License-Identifier: BSD-2-Clause
"""Getting in, staying polite and going on: `rehome copy` with each mechanism,
with tokens that expire, pinned keys, refused certificates, limits, servers that
are too busy, go away or are started anew. No secret is ever seen where it does
not belong."""

import base64
import hashlib
import http.server
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
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from checker import differences, read_account  # noqa: E402
from dovecot import PASSWORD, Dovecot  # noqa: E402
from proxies import Cut, Framed, Proxy  # noqa: E402
from scratch import Scratch, answers, run, wait_for  # noqa: E402

COPIER = os.path.join(tap.build_directory(), "copier", "rehome-copier")
LAB = Scratch("rehome-access")
USER = "ann@example.org"
SECRETS = []  # that no output may have
MESSAGES = 60
SIZE = 8000

EX_DATAERR, EX_TEMPFAIL, EX_PROTOCOL, EX_NOPERM, EX_USAGE = 65, 75, 76, 77, 64


class Introspection:
    """Says whose token it is and whether it is good (RFC 7662)."""

    def __init__(self):
        self.good, self.asked = set(), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers["Content-Length"])
                form = urllib.parse.parse_qs(self.rfile.read(size).decode())
                token = form["token"][0]
                outer.asked.append(token)
                body = json.dumps({"active": token in outer.good,
                                   "username": USER}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        threading.Thread(target=self.server.serve_forever,
                         daemon=True).start()
        self.port = self.server.server_address[1]


OAUTH = """
auth_mechanisms = plain login scram-sha-256 xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %s
}
"""


class Site:
    """Two Dovecots; the old one has an account and takes tokens."""

    def __init__(self):
        self.tokens = Introspection()
        oauth = LAB.file("oauth2.conf", text=(
            "introspection_mode = post\n"
            "introspection_url = http://127.0.0.1:%d/\n"
            "active_attribute = active\nactive_value = true\n"
            "username_attribute = username\n" % self.tokens.port))
        self.old = Dovecot(LAB, "old", extra=OAUTH % oauth)
        self.new = Dovecot(LAB, "new")
        for number in range(200):  # an account of its own for each test
            self.new.add_user("u%d@example.org" % number)
        self.old.add_user(USER)
        self.old.start()
        self.new.start()
        client = imaplib.IMAP4("127.0.0.1", self.old.imap)
        client.login(USER, PASSWORD)
        for number in range(MESSAGES):
            client.append("INBOX", "", None, (
                b"Subject: %d\r\n\r\n" % number) + b"x" * 78 + b"\r\n" +
                hashlib.sha256(b"%d" % number).hexdigest().encode() * (
                    SIZE // 64))
        client.logout()
        self.password = secret("password", PASSWORD)
        self.wrong = secret("wrong", "not-the-password-at-all")
        self.used = 0

    def fresh(self):
        """The name of a user whose mailbox is still empty."""
        self.used += 1
        return "u%d@example.org" % (self.used - 1)


def secret(name, text):
    SECRETS.append(text)
    return LAB.file(name, text=text + "\n", mode=0o600)


class Run:
    """One `rehome copy`; its exit code, its words, and the command lines that
    it was seen with."""

    def __init__(self, site, *options, old=None, new=None, scheme="imap",
                 user=None, password=True, state=None, host="127.0.0.1"):
        self.user = user or site.fresh()
        self.state = state or LAB.dir("state", self.user)
        self.began = time.monotonic()
        argv = [COPIER, "copy", "%s://%s@%s:%d" % (
            scheme, USER.replace("@", "%40"), host, old or site.old.imap),
            "imap://%s@127.0.0.1:%d" % (self.user.replace("@", "%40"),
                                        new or site.new.imap),
            "--destination-password-file", site.password,
            "--state", self.state, "--json", *options]
        if password:
            argv += ["--source-password-file", site.password]
        self.child = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)

    def end(self, code=0, seconds=40):
        out, self.words = self.child.communicate(timeout=seconds)
        self.seconds = time.monotonic() - self.began
        self.events = [json.loads(line) for line in out.splitlines()]
        for text in SECRETS:
            for form in (text, base64.b64encode(text.encode()).decode()):
                assert len(form) < 4 or form not in out + self.words, (
                    "a secret is told: " + self.words)
        assert self.child.returncode == code, (
            self.child.returncode, out[-2000:], self.words)
        return self

    def count(self, event):
        return sum(1 for one in self.events if one.get("event") == event)

    def is_equal(self, site):
        found = differences(read_account(site.old.imap, USER, PASSWORD),
                            read_account(site.new.imap, self.user, PASSWORD))
        assert not found, found


SITE = []


def the_site():
    if not SITE:
        SITE.append(Site())
    return SITE[0]


class Watching(Framed):
    """Notes how clients log in, without what they say."""

    def __init__(self, to):
        self.ways = []
        super().__init__(to)

    def command(self, link, tag, name, line):
        if name in (b"AUTHENTICATE", b"LOGIN"):
            word = line.split()[2] if name == b"AUTHENTICATE" else b""
            self.ways.append((name + b" " + word).decode().strip())
        return super().command(link, tag, name, line)


# ---- getting in ----

def logs_in_by_each_mechanism():
    site = the_site()
    ways = {"auto": "AUTHENTICATE SCRAM-SHA-256", "login": "LOGIN",
            "plain": "AUTHENTICATE PLAIN",
            "scram-sha-256": "AUTHENTICATE SCRAM-SHA-256"}
    for mechanism, way in ways.items():
        with Watching(site.old.imap) as proxy:
            copied = Run(site, "--source-mechanism", mechanism, "--lanes", "1",
                         old=proxy.port).end()
            assert set(proxy.ways) == {way}, (mechanism, proxy.ways)
        if mechanism == "auto":
            copied.is_equal(site)


def ends_at_a_wrong_password():
    site = the_site()
    for mechanism, tries in (("auto", 2), ("plain", 1), ("login", 1),
                             ("scram-sha-256", 1)):
        with Watching(site.old.imap) as proxy:
            refused = Run(site, "--source-mechanism", mechanism,
                          "--source-password-file", site.wrong,
                          old=proxy.port, password=False).end(EX_NOPERM)
            assert len(proxy.ways) == tries, proxy.ways
        assert "AUTHENTICATIONFAILED" in refused.words, refused.words
        assert refused.count("reconnect") == 0


def falls_back_where_scram_cannot_be():
    """A password that the server knows as a hash of its own kind only."""
    site = the_site()
    user = "hashed@example.org"
    crypted = run(["doveadm", "pw", "-s", "SSHA256", "-p", PASSWORD]).strip()
    with open(os.path.join(site.old.directory, "users"), "a",
              encoding="utf-8") as users:
        users.write("%s:%s::::::\n" % (user, crypted))
    time.sleep(1.1)  # Dovecot looks at the file once a second
    with Watching(site.old.imap) as proxy:
        argv = [COPIER, "copy", "imap://hashed%%40example.org@127.0.0.1:%d"
                % proxy.port, "imap://%s@127.0.0.1:%d" % (
                    site.fresh().replace("@", "%40"), site.new.imap),
                "--source-password-file", site.password,
                "--destination-password-file", site.password, "--state",
                LAB.dir("state", "hashed")]
        done = subprocess.run(argv, capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0, done.stderr
        assert proxy.ways[:2] == ["AUTHENTICATE SCRAM-SHA-256",
                                  "AUTHENTICATE PLAIN"], proxy.ways
        # what was learned is not tried again
        assert "AUTHENTICATE SCRAM-SHA-256" not in proxy.ways[1:]


def names_what_is_not_offered():
    site = the_site()
    words = Run(site, "--destination-mechanism", "scram-sha-256").end(
        EX_PROTOCOL).words
    assert "does not offer SCRAM-SHA-256; it offers PLAIN, LOGIN" in words, \
        words
    assert "needs --source-token-command" in Run(
        site, "--source-mechanism", "xoauth2").end(EX_USAGE).words


def token_command(site, name, good=True):
    """A command that gives a new token each time it runs; the tokens."""
    log = LAB.file(name + ".tokens", text="")
    command = LAB.file(name, mode=0o755, text=(
        "#!/bin/sh\n"
        "echo \"$REHOME_LOGIN $REHOME_HOST $REHOME_ACTION\" >>%s.environment\n"
        "token=%s-secret-$$\necho \"$token\" >>%s\necho \"$token\"\n"
        % (log, name, log)))

    def given():
        with open(log, encoding="utf-8") as text:
            tokens = text.read().split()
        SECRETS.extend(tokens)
        return tokens

    if good:
        class All(set):
            def __contains__(self, token):
                return token.startswith(name + "-secret-") and \
                    not (set.__contains__(self, token))
        site.tokens.good = All()
    return command, given, log + ".environment"


def logs_in_with_tokens():
    site = the_site()
    for mechanism in ("xoauth2", "oauthbearer", "auto"):
        command, given, environment = token_command(site, "t-" + mechanism)
        with Watching(site.old.imap) as proxy:
            copied = Run(site, "--source-token-command", command,
                         "--source-mechanism", mechanism, old=proxy.port,
                         password=False)
            tokens = given()
            copied.end()
            assert len(given()) == 1, "all connections share a token"
            way = "OAUTHBEARER" if mechanism == "auto" else mechanism.upper()
            assert set(proxy.ways) == {"AUTHENTICATE " + way}, proxy.ways
            assert tokens is not None
        with open(environment, encoding="utf-8") as text:
            assert text.read() == "%s 127.0.0.1 token\n" % USER
    looks_with_the_same_options(site, copied, command)


def looks_with_the_same_options(site, copied, command):
    """Who has copied by token, pin and STARTTLS can look back by them."""
    pin = "sha256:" + pin_of(site).hex()
    urls = ["imap://%s@127.0.0.1:%d" % (user.replace("@", "%40"), port)
            for user, port in ((USER, site.old.imap),
                               (copied.user, site.new.imap))]
    trust = LAB.file("both.pem", text="".join(
        open(server.certificate, encoding="ascii").read()
        for server in (site.old, site.new)))
    options = ["--source-token-command", command, "--source-pin", pin,
               "--ca-file", trust, "--starttls",
               "--destination-password-file", site.password]
    for what in ("verify", "folders"):
        run([COPIER, what, *urls, *options])
    certificate = os.path.join(copied.state, "certificate")
    run([COPIER, "copy", *urls, *options, "--state", copied.state,
         "--certificate", certificate])
    run([COPIER, "certificate", certificate, "--check", "--url", urls[0],
         "--token-command", command, "--pin", pin, "--starttls"])
    done = subprocess.run(
        [COPIER, "certificate", certificate, "--pin", "x"],
        capture_output=True, text=True, check=False)
    assert done.returncode == EX_USAGE, done
    assert ": --pin: pin x: " in done.stderr, done.stderr


def ends_at_a_token_that_is_refused():
    site = the_site()
    command, given, _ = token_command(site, "bad", good=False)
    site.tokens.good = set()
    for mechanism in ("xoauth2", "oauthbearer"):
        before = len(given())
        refused = Run(site, "--source-token-command", command,
                      "--source-mechanism", mechanism,
                      password=False).end(EX_NOPERM)
        assert len(given()) == before + 1
        assert mechanism.upper() in refused.words, refused.words


def fetches_a_token_when_one_expires():
    """The connection is cut, and the token no longer good, in the middle."""
    site = the_site()
    command, given, _ = token_command(site, "expiring")

    class Expiring(Cut):
        def happen(self, link, way, rest):
            site.tokens.good.update(given())  # those that are no longer good
            super().happen(link, way, rest)

    with Expiring(site.old.imap, "down", MESSAGES * SIZE // 2) as proxy:
        copied = Run(site, "--source-token-command", command, "--lanes", "1",
                     old=proxy.port, password=False).end()
    assert len(given()) == 2, given()
    assert copied.count("reconnect") == 1
    copied.is_equal(site)


def tells_how_a_token_command_fails():
    site = the_site()
    cases = {"echo leaked-token; echo 'no grant' >&2; exit 3":
             "exit status 3: no grant",
             "true": "it printed no token",
             "echo 'two words'": "printed what is no token"}
    SECRETS.append("leaked-token")
    for index, (script, words) in enumerate(cases.items()):
        command = LAB.file("failing%d" % index, mode=0o755,
                           text="#!/bin/sh\n%s\n" % script)
        failed = Run(site, "--source-token-command", command,
                     password=False).end(EX_TEMPFAIL)
        assert words in failed.words, failed.words


def sees_no_secret_in_a_command_line():
    site = the_site()
    command, given, _ = token_command(site, "seen")
    slow = Run(site, "--source-token-command", command, "--source-rate",
               "200k", password=False)
    wait_for(given, 10, "a token")
    with open("/proc/%d/cmdline" % slow.child.pid, "rb") as text:
        line = text.read().decode()
    for text in SECRETS:
        assert len(text) < 4 or text not in line
    try:
        with open("/proc/%d/environ" % slow.child.pid, "rb") as text:
            line = text.read().decode()
        assert given()[0] not in line
    except PermissionError:
        pass
    slow.child.terminate()
    slow.end(EX_TEMPFAIL)


# ---- TLS ----

def pin_of(site):
    key = subprocess.run(
        "openssl x509 -in %s -noout -pubkey | openssl pkey -pubin -outform "
        "der" % site.old.certificate, shell=True, capture_output=True,
        check=True).stdout
    return hashlib.sha256(key).digest()


def pins_keys():
    site = the_site()
    digest = pin_of(site)
    pins = ("sha256:" + base64.b64encode(digest).decode(),
            "sha256:%s sha256:%s" % ("0" * 64, digest.hex()))
    for pin in pins:
        Run(site, "--source-pin", pin, old=site.old.imaps,
            scheme="imaps").end()
    Run(site, "--source-pin", pins[0], scheme="imap+starttls").end()
    wrong = Run(site, "--source-pin", "sha256:" + "0" * 64,
                old=site.old.imaps, scheme="imaps").end(EX_PROTOCOL)
    assert "has the pin " + pins[0] in wrong.words, wrong.words
    assert "not the one that is expected" in wrong.words
    assert "--source-pin: pin sha256:x" in Run(
        site, "--source-pin", "sha256:x").end(EX_USAGE).words


def explains_what_tls_refuses():
    site = the_site()
    unknown = Run(site, old=site.old.imaps, scheme="imaps").end(EX_PROTOCOL)
    pin = "sha256:" + base64.b64encode(pin_of(site)).decode()
    for words in ("signed by itself", "--ca-file", pin):
        assert words in unknown.words, unknown.words
    Run(site, "--ca-file", site.old.certificate, old=site.old.imaps,
        scheme="imaps").end()
    port = LAB.port()
    LAB.spawn("relay", ["socat", "TCP-LISTEN:%d,bind=127.0.0.2,fork,reuseaddr"
                        % port, "TCP:127.0.0.1:%d" % site.old.imaps])
    wait_for(lambda: answers(port, "127.0.0.2"), 10, "the relay")
    name = Run(site, "--ca-file", site.old.certificate, old=port,
               scheme="imaps", host="127.0.0.2").end(EX_PROTOCOL)
    assert "is for localhost, 127.0.0.1, not 127.0.0.2" in name.words, \
        name.words
    assert unknown.count("reconnect") == 0


def recognises_the_wrong_kind_of_port():
    site = the_site()
    tls = Run(site, scheme="imaps").end(EX_PROTOCOL)
    assert "is one for imap+starttls:// or imap://" in tls.words, tls.words
    clear = Run(site, old=site.old.imaps).end(EX_PROTOCOL, seconds=15)
    assert "speaks TLS at once: it is one for imaps://" in clear.words, \
        clear.words


# ---- staying polite ----

def keeps_to_a_rate():
    """About half a megabyte at 160 kB a second, by two connections."""
    site = the_site()
    slow = Run(site, "--source-rate", "160k", "--lanes", "2").end()
    assert 1.5 < slow.seconds < 9, slow.seconds
    slow = Run(site, "--destination-rate-messages", "30").end()
    assert 0.8 < slow.seconds < 6, slow.seconds


def shares_a_rate():
    """Two runs that name one state directory get half of it each."""
    site = the_site()
    state = LAB.dir("state", "shared")
    runs = [Run(site, "--source-rate", "300k", state=state)
            for _ in range(2)]
    took = max(one.end().seconds for one in runs)
    assert 2 < took < 12, took


def stops_for_the_day():
    site = the_site()
    user = site.fresh()
    spent = Run(site, "--source-day-bytes", "200k", user=user).end(EX_TEMPFAIL)
    assert "the 200k bytes of today are spent; it goes on from" in \
        spent.words, spent.words
    assert spent.count("reconnect") == 0
    # nothing more is asked for on the same day
    again = Run(site, "--source-day-bytes", "200k", user=user).end(EX_TEMPFAIL)
    assert "of today are spent" in again.words
    Run(site, "--source-day-bytes", "100M", user=user).end().is_equal(site)


class Busy(Framed):
    """Refuses some commands with words of its own."""

    def __init__(self, to, name, words, times, after=0):
        self.name, self.words, self.times = name, words, times
        self.after, self.seen, self.when = after, 0, []
        super().__init__(to)

    def command(self, link, tag, name, line):
        if name == self.name:
            self.seen += 1
            if self.after < self.seen <= self.after + self.times:
                self.when.append(time.monotonic())
                self.say(link, tag + b" " + self.words)
                return None
        return super().command(link, tag, name, line)


def waits_when_there_are_too_many():
    site = the_site()
    for name, words in (
            (b"AUTHENTICATE", b"NO [ALERT] Too many simultaneous connections."
             b" (Failure)"),
            (b"UID", b"NO Request is throttled. Suggested Backoff Time: 700 "
             b"milliseconds")):
        with Busy(site.old.imap, name, words, 2) as proxy:
            patient = Run(site, "--lanes", "1", "--source-mechanism",
                          "scram-sha-256", old=proxy.port).end()
            assert len(proxy.when) == 2, proxy.when
            assert proxy.when[1] - proxy.when[0] > (
                0.2 if name == b"AUTHENTICATE" else 0.7)
        assert patient.count("reconnect") == 2
        patient.is_equal(site)


def is_content_with_fewer_lanes():
    """The server lets two in, and refuses all others."""
    site = the_site()
    with Busy(site.old.imap, b"AUTHENTICATE",
              b"NO [LIMIT] Maximum number of connections exceeded", 1000,
              after=2) as proxy:
        Run(site, "--lanes", "4", old=proxy.port).end().is_equal(site)


# ---- going on ----

def outlives_lost_connections():
    site = the_site()
    total = MESSAGES * SIZE
    for side, way in (("old", "down"), ("new", "up")):
        server = getattr(site, side)

        class Often(Proxy):
            """The first three are each good for a third of the account."""

            def passing(self, link, direction, data):
                if direction == way and link.number < 3:
                    link.passed = getattr(link, "passed", 0) + len(data)
                    if link.passed > total // 3:
                        link.hang_up()
                        return
                super().passing(link, direction, data)

        with Often(server.imap) as proxy:
            copied = Run(site, "--lanes", "1", **{side: proxy.port}).end()
        assert copied.count("reconnect") >= 2, copied.events
        copied.is_equal(site)
        assert copied.events[-1]["complete"] is True


def outlives_a_restart():
    """The server is stopped in the middle, and comes back after a while."""
    site = the_site()
    going = Run(site, "--source-rate", "80k", "--lanes", "1")
    time.sleep(1)
    # stopped, a Dovecot lets its sessions end by themselves
    sessions = [int(line.split()[1]) for line in run(
        ["doveadm", "-c", site.new.config, "process", "status"]).splitlines()
        if line.split()[0] == "imap"]
    site.new.stop()
    for pid in sessions:
        os.kill(pid, signal.SIGKILL)
    time.sleep(1)
    LAB.daemonize("new", ["dovecot", "-c", site.new.config])
    wait_for(lambda: answers(site.new.imap), 10, "the new server")
    going.end(seconds=60)
    assert going.count("reconnect") >= 1, going.events
    going.is_equal(site)


def gives_up_in_the_end():
    """A server that always goes away at the same place."""
    site = the_site()

    class Always(Proxy):
        def passing(self, link, way, data):
            if way == "down":
                link.passed = getattr(link, "passed", 0) + len(data)
                if link.passed > 5000:
                    link.hang_up()
                    return
            super().passing(link, way, data)

    with Always(site.old.imap) as proxy:
        given_up = Run(site, "--lanes", "1", old=proxy.port).end(EX_TEMPFAIL)
        assert re.search(r"given up after \d+ tries that brought nothing",
                         given_up.words), given_up.words
        at_once = Run(site, "--lanes", "1", "--patience", "0",
                      old=proxy.port).end(EX_TEMPFAIL)
        assert at_once.count("reconnect") == 0
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    refused = Run(site, old=port).end(EX_TEMPFAIL)
    assert "Connection refused" in refused.words
    assert refused.seconds < 3 and refused.count("reconnect") == 0


if __name__ == "__main__":
    with LAB:
        tap.main([
            logs_in_by_each_mechanism,
            ends_at_a_wrong_password,
            falls_back_where_scram_cannot_be,
            names_what_is_not_offered,
            logs_in_with_tokens,
            ends_at_a_token_that_is_refused,
            fetches_a_token_when_one_expires,
            tells_how_a_token_command_fails,
            sees_no_secret_in_a_command_line,
            pins_keys,
            explains_what_tls_refuses,
            recognises_the_wrong_kind_of_port,
            keeps_to_a_rate,
            shares_a_rate,
            stops_for_the_day,
            waits_when_there_are_too_many,
            is_content_with_fewer_lanes,
            outlives_lost_connections,
            outlives_a_restart,
            gives_up_in_the_end,
        ])
