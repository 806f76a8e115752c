# SPDX-License-Identifier: BSD-2-Clause
"""Logins through the gateway: each protocol by each form of TLS and each
mechanism, with real clients, at real homes spoken to by each form of TLS."""

import base64
import http.server
import imaplib
import json
import os
import poplib
import smtplib
import socket
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lab"))

import tap  # noqa: E402
from gateway import FORMS, Front, Home, PASSWORD, submission_home  # noqa: E402
from scratch import Scratch, run  # noqa: E402
from sieve_client import (Scram, Sieve, oauthbearer,  # noqa: E402
                          plain, unverified, xoauth2)

ANN, QUOTED = "ann@example.org", "o-brien@example.org"
TOKEN = "a-token-of-ann"


class Tokens(http.server.BaseHTTPRequestHandler):
    """Says whose a token is (RFC 7662)."""

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        asked = urllib.parse.parse_qs(self.rfile.read(size).decode())
        token = asked.get("token", [""])[0]
        body = json.dumps({"active": "true", "username": ANN}
                          if token == TOKEN else {"active": "false"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def imap(port, form):
    if form == "implicit":
        return imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=unverified())
    client = imaplib.IMAP4("127.0.0.1", port)
    if form == "start":
        client.starttls(unverified())
    return client


def pop3(port, form):
    if form == "implicit":
        return poplib.POP3_SSL("127.0.0.1", port, context=unverified(),
                               timeout=20)
    client = poplib.POP3("127.0.0.1", port, timeout=20)
    if form == "start":
        client.stls(unverified())
    return client


def smtp(port, form):
    if form == "implicit":
        client = smtplib.SMTP_SSL("127.0.0.1", port, context=unverified(),
                                  timeout=20)
    else:
        client = smtplib.SMTP("127.0.0.1", port, timeout=20)
    client.ehlo("client.example.net")
    if form == "start":
        client.starttls(context=unverified())
        client.ehlo("client.example.net")
    return client


def check(condition, what):
    if not condition:
        raise AssertionError(what)


# ---- by protocol: every way to log in ----

def steps_of_login(user, password):
    """Answers to the prompts of LOGIN."""
    answers = [user.encode(), password.encode()]
    return lambda _: answers.pop(0)


def mechanisms():
    """(name, initial answer or None, answers to challenges)"""
    sha1, sha256 = Scram(ANN, PASSWORD, "sha1"), Scram(ANN, PASSWORD)
    return [("PLAIN", plain(ANN, PASSWORD), None),
            ("LOGIN", None, steps_of_login(ANN, PASSWORD)),
            ("XOAUTH2", xoauth2(ANN, TOKEN), None),
            ("OAUTHBEARER", oauthbearer(ANN, TOKEN), None),
            ("SCRAM-SHA-1", sha1.initial, sha1.answer),
            ("SCRAM-SHA-256", sha256.initial, sha256.answer)]


def imap_ways(port, form):
    for mechanism, initial, answer in mechanisms():
        client = imap(port, form)
        check("AUTH=" + mechanism in client.capabilities,
              (mechanism, client.capabilities))
        first = [initial]

        def respond(challenge):
            if first and first[0] is not None:
                return first.pop(0)
            return answer(challenge)

        client.authenticate(mechanism, respond)
        check(client.select()[0] == "OK", "select after " + mechanism)
        client.logout()
        if initial is not None:
            imap_initial(port, form, mechanism, initial)


def imap_initial(port, form, mechanism, initial):
    """SASL-IR, and commands behind it in the same packet."""
    client = imap(port, form)
    if mechanism.startswith("SCRAM"):
        client.shutdown()
        return
    client.send(b"A1 AUTHENTICATE %s %s\r\nA2 SELECT INBOX\r\nA3 NOOP\r\n" % (
        mechanism.encode(), base64.b64encode(initial)))
    seen = b""
    while b"A3 OK" not in seen:
        seen += client.readline()
    check(b"A1 OK" in seen and b"A2 OK" in seen, seen)
    client.shutdown()


def imap_logins(port, form):
    """LOGIN quoted, by literals, by literals without waiting."""
    client = imap(port, form)
    client.login(ANN, PASSWORD)
    client.logout()
    client = imap(port, form)
    client.send(b"L LOGIN {%d}\r\n" % len(QUOTED))
    check(client.readline().startswith(b"+"), "no continuation")
    client.send(QUOTED.encode() + b" {%d}\r\n" % len(PASSWORD))
    check(client.readline().startswith(b"+"), "no continuation")
    client.send(PASSWORD.encode() + b"\r\n")
    check(client.readline().startswith(b"L OK [CAPABILITY "), "literal")
    client.shutdown()
    client = imap(port, form)
    client.send(b"L LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\nM NOOP\r\n" % (
        len(QUOTED), QUOTED.encode(), len(PASSWORD), PASSWORD.encode()))
    check(client.readline().startswith(b"L OK [CAPABILITY "), "LITERAL+")
    check(client.readline().startswith(b"M OK"), "behind LITERAL+")
    client.shutdown()


def pop3_ways(port, form):
    client = pop3(port, form)
    client.user(ANN)
    client.pass_(PASSWORD)
    check(client.stat()[0] >= 0, "stat")
    check("UIDL" in client.capa(), "the home's capabilities")
    client.quit()
    for mechanism, initial, answer in mechanisms():
        client = pop3(port, form)
        check(mechanism in client.capa()["SASL"], mechanism)
        line = "AUTH " + mechanism
        if initial is not None:
            line += " " + base64.b64encode(initial).decode()
        client._putcmd(line)
        reply = client._getline()[0]
        while reply.startswith(b"+ "):
            client._putcmd(base64.b64encode(
                answer(base64.b64decode(reply[2:]))).decode())
            reply = client._getline()[0]
        check(reply.startswith(b"+OK"), (mechanism, reply))
        client.stat()
        client.quit()


def smtp_ways(port, form):
    for mechanism, initial, answer in mechanisms():
        if mechanism in ("XOAUTH2", "OAUTHBEARER"):
            continue  # Postfix hands on what its Dovecot has, and so do we
        client = smtp(port, form)
        check(mechanism in client.esmtp_features["auth"].split(), mechanism)
        line = mechanism
        if initial is not None:
            line += " " + base64.b64encode(initial).decode()
        code, reply = client.docmd("AUTH", line)
        while code == 334:
            code, reply = client.docmd(base64.b64encode(
                answer(base64.b64decode(reply))).decode())
        check(code == 235, (mechanism, code, reply))
        check(client.docmd("MAIL FROM:<%s>" % ANN)[0] == 250, mechanism)
        client.quit()
    client = smtp(port, form)
    client.login(ANN, PASSWORD)
    client.sendmail(ANN, ["bob@example.com"], "Subject: through the gateway\r\n\r\nx\r\n")
    client.quit()


def sieve_ways(port, form):
    for mechanism, initial, answer in mechanisms():
        client = Sieve(port, form)
        check(mechanism in str(client.capabilities), client.capabilities)
        client.authenticate(mechanism, initial, answer)
        client.put("a", b"keep;\r\n")
        check(b'"a"' in client.call(b"LISTSCRIPTS"), "listscripts")
        client.call(b"LOGOUT")
        client.close()


WAYS = {"imap": (imap_logins, imap_ways), "pop3": (pop3_ways,),
        "submission": (smtp_ways,), "sieve": (sieve_ways,)}

MECHANISMS = ('    mechanisms = { "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER", '
              '"SCRAM-SHA-1", "SCRAM-SHA-256" }\n')


class Everything:
    """Homes that know every mechanism, a Postfix for submission."""

    def __init__(self, lab, tls, **settings):
        self.tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
        threading.Thread(target=self.tokens.serve_forever,
                         daemon=True).start()
        port = self.tokens.server_address[1]
        self.old = Home(lab, "old", tls=tls, tokens=port)
        self.new = Home(lab, "new", tokens=port)
        self.postfix = submission_home(lab, self.old)
        scheme = "smtp+starttls" if tls == "start" else "smtp"
        self.old.submit = "%s://127.0.0.1:%d" % (scheme, self.postfix.smtp)
        self.front = Front(lab, tap.build_directory(), [ANN, QUOTED],
                           old=self.old, new=self.new, options=MECHANISMS,
                           **settings)

    def start(self):
        self.postfix.start()
        self.front.start()


def try_ways(forms, tls, protocols=tuple(WAYS)):
    with Scratch("rehome-gateway-login") as lab:
        site = Everything(lab, tls, forms=forms)
        site.start()
        for protocol in protocols:
            for form in forms:
                for way in WAYS[protocol]:
                    try:
                        way(site.front.port(protocol, form), form)
                    except Exception as error:
                        raise AssertionError("%s, %s: %r; %s" % (
                            way.__name__, form, error,
                            site.front.gateway.log()[-1500:])) from error


def every_way_in_the_clear_and_by_tls():
    """Homes in the clear; clients by all three forms."""
    try_ways(FORMS, "none")


def homes_by_starttls():
    try_ways(("implicit",), "start")


def homes_by_tls():
    try_ways(("start",), "implicit", ("imap", "pop3", "submission"))


def sieve_homes_by_tls():
    if not os.environ.get("REHOME_SIEVE_TLS"):
        raise tap.Skip("now and then the greeting of a ManageSieve home behind "
                       "implicit TLS is not heard: not understood yet; "
                       "REHOME_SIEVE_TLS=1 tries it")
    try_ways(("start",), "implicit", ("sieve",))


def only_what_every_home_can_do_is_offered():
    """The new home knows no tokens, and of two scripts' languages but one."""
    with Scratch("rehome-gateway-offers") as lab:
        old = Home(lab, "old", tokens=1)
        new = Home(lab, "new", more="plugin {\n"
                   "  sieve_extensions = fileinto reject copy\n}\n")
        postfix = submission_home(lab, old, "message_size_limit = 54321\n")
        old.submit = "smtp://127.0.0.1:%d" % postfix.smtp
        front = Front(lab, tap.build_directory(), [ANN], old=old, new=new,
                      options=MECHANISMS)
        postfix.start()
        front.start()
        words = imap(front.port("imap"), "none").welcome
        check(b"AUTH=SCRAM-SHA-256" in words and b"IDLE" in words, words)
        check(b"OAUTH" not in words, words)
        check("UIDL" in pop3(front.port("pop3"), "none").capa(), "UIDL")
        words = smtp(front.port("submission"), "none").esmtp_features
        check(words["size"] == "54321" and "8bitmime" in words, words)
        words = Sieve(front.port("sieve")).capabilities
        check(b'"SIEVE" "fileinto reject copy"' in words, words)
        # a home that is away from the beginning: nothing is known of it
        front.scratch.stop("gateway")
        new.stop()
        front.gateway.start(front.rehome)
        words = imap(front.port("imap"), "none").welcome
        check(b"SCRAM" not in words and b"IDLE" not in words, words)
        check(b"AUTH=PLAIN" in words, words)


def real_clients():
    """curl, mbsync and openssl."""
    with Scratch("rehome-gateway-clients") as lab:
        front = Front(lab, tap.build_directory(), [ANN], forms=FORMS)
        front.start()
        client = imap(front.port("imap"), "none")
        client.login(ANN, PASSWORD)
        for number in range(30):
            client.append("INBOX", "", None,
                          b"Subject: %d\r\n\r\n%s" % (number, b"x" * 99999))
        client.logout()
        run(["curl", "-sS", "-k", "-u", ANN + ":" + PASSWORD,
             "imaps://127.0.0.1:%d/INBOX;UID=7"
             % front.port("imap", "implicit"), "-o", lab.path + "/curl"])
        check(os.path.getsize(lab.path + "/curl") > 99999, "curl")
        run(["curl", "-sS", "-k", "--ssl-reqd", "-u", ANN + ":" + PASSWORD,
             "pop3://127.0.0.1:%d/3" % front.port("pop3", "start"),
             "-o", lab.path + "/curl"])
        check(os.path.getsize(lab.path + "/curl") > 99999, "curl")
        maildir = lab.dir("maildir")
        run(["mbsync", "-c", lab.file("mbsyncrc", text=MBSYNC % (
            front.port("imap", "implicit"), ANN, PASSWORD,
            front.old.certificate, maildir, maildir)), "-a"])
        check(len(os.listdir(maildir + "/INBOX/new")
                  + os.listdir(maildir + "/INBOX/cur")) == 30, "mbsync")
        done = subprocess.run(
            ["openssl", "s_client", "-quiet", "-starttls", "imap", "-connect",
             "127.0.0.1:%d" % front.port("imap", "start"), "-CAfile",
             front.old.certificate, "-verify_return_error"],
            input=("A LOGIN %s %s\r\nB LOGOUT\r\n" % (ANN, PASSWORD)).encode(),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20)
        check(b"B OK" in done.stdout, done.stdout)


MBSYNC = """
IMAPStore gateway
Host localhost
Port %d
User %s
Pass %s
SSLType IMAPS
CertificateFile %s

MaildirStore local
Path %s/
Inbox %s/INBOX
SubFolders Verbatim

Channel all
Far :gateway:
Near :local:
Patterns *
Create Near
SyncState *
"""


if __name__ == "__main__":
    tap.main([only_what_every_home_can_do_is_offered, real_clients,
              every_way_in_the_clear_and_by_tls, homes_by_starttls,
              homes_by_tls, sieve_homes_by_tls])
