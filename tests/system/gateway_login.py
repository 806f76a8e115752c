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
from scratch import Scratch, run, wait_for  # noqa: E402
from sieve_client import (Refused, Scram, Sieve, oauthbearer,  # noqa: E402
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
        self.postfix = submission_home(lab, self.old)
        scheme = "smtp+starttls" if tls == "start" else "smtp"
        self.old.submit = "%s://127.0.0.1:%d" % (scheme, self.postfix.smtp)
        self.front = Front(lab, tap.build_directory(), [ANN, QUOTED],
                           old=self.old, options=MECHANISMS, **settings)

    def start(self):
        self.front.start()
        self.postfix.start()


def try_ways(forms, tls):
    with Scratch("rehome-gateway-login") as lab:
        site = Everything(lab, tls, forms=forms)
        site.start()
        for protocol, ways in WAYS.items():
            for form in forms:
                for way in ways:
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
    try_ways(("start",), "implicit")


if __name__ == "__main__":
    tap.main([every_way_in_the_clear_and_by_tls, homes_by_starttls,
              homes_by_tls])
