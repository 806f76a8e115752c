# SPDX-License-Identifier: BSD-2-Clause
"""contrib/gateway, contrib/haproxy and contrib/systemd as they are told: the
configuration, the router in front, servers that limit logins by address, the
old mail server's two ways, the units."""

import imaplib
import os
import poplib
import re
import shutil
import smtplib
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402
from courier import Courier  # noqa: E402
from dovecot import Dovecot  # noqa: E402
from gateway import Front, Home, PASSWORD  # noqa: E402
from postfix import Postfix  # noqa: E402
from scratch import Scratch, answers, run, wait_for  # noqa: E402
from scripted_home import ScriptedHome  # noqa: E402
from sieve_client import Sieve, unverified  # noqa: E402

ANN = "ann@example.org"
ONE, OTHER = "127.0.0.8", "127.0.0.9"
# What the router's ports are for.
PORTS = {993: ("imap", "implicit"), 143: ("imap", "start"),
         995: ("pop3", "implicit"), 587: ("submission", "start"),
         4190: ("sieve", "start")}


def contrib(name):
    with open(os.path.join(SOURCE, "contrib", name), encoding="utf-8") as text:
        return text.read()


def steps(first, last):
    """The indented lines of the README from one to another, both included."""
    lines = contrib("gateway/README").splitlines()
    begin = next(i for i, line in enumerate(lines) if line.strip() == first)
    end = next(i for i in range(begin, len(lines)) if lines[i].strip() == last)
    return "\n".join(line for line in lines[begin:end + 1]
                     if line.startswith("       ")) + "\n"


def configuration_is_taken():
    with Scratch() as scratch:
        place = scratch.dir("etc")
        commands = steps("openssl genpkey -algorithm X25519 -out "
                         "/etc/rehome/learned.key",
                         "chmod 0644 /etc/rehome/learned.pub")
        commands = commands.replace("chown rehome:rehome", "chown root:root")
        run(["sh", "-ec", commands.replace("/etc/rehome", place)])
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-subj", "/CN=mail.example.org", "-keyout", place + "/key",
             "-out", place + "/certificate"])
        with open(place + "/mail.pem", "w", encoding="ascii") as both:
            for part in ("certificate", "key"):
                with open(place + "/" + part, encoding="ascii") as text:
                    both.write(text.read())
        scratch.file("etc", "hooks", "provision", text="#!/bin/sh\n",
                     mode=0o755)
        text = steps("policyd {", 'provision = "/etc/rehome/hooks/provision"')
        text = text.replace("/etc/rehome", place) + "}\n"
        config = scratch.file("etc", "rehome.conf", text=text)
        os.chmod(place + "/mail.pem", 0o640)
        run([os.path.join(tap.build_directory(), "ctl/rehome"), "-c", config,
             "config", "check"])


class Router:
    """HAProxy by contrib/haproxy, before a gateway."""

    def __init__(self, scratch, gateway):
        self.scratch = scratch
        self.ports = {number: scratch.port() for number in PORTS}
        text = contrib("haproxy/haproxy.cfg").replace(
            "maxconn 40000", "maxconn 400")
        for number, use in PORTS.items():
            text = re.sub(r"bind :%d\b" % number, "bind 127.0.0.1:%d"
                          % self.ports[number], text)
            text = re.sub(r"192\.0\.2\.10:%d\b" % number, "127.0.0.1:%d"
                          % gateway.port(*use), text)
        assert "192.0.2" not in text, text
        self.config = scratch.file("haproxy.cfg", text=text)

    def start(self):
        run(["haproxy", "-c", "-f", self.config])
        self.scratch.spawn("haproxy", ["haproxy", "-db", "-f", self.config])
        wait_for(lambda: all(map(answers, self.ports.values())), 10,
                 "HAProxy to answer")


def log_in(port, source, tls=True, user=ANN):
    """One session by IMAP from an address of the loopback network."""
    class From(imaplib.IMAP4):
        def _create_socket(self, timeout):
            return socket.create_connection((self.host, self.port), timeout,
                                            (source, 0))
    client = From("127.0.0.1", port, 20)
    if tls:
        client.starttls(unverified())
    client.login(user, PASSWORD)
    return client


def router_tells_the_client():
    if not shutil.which("haproxy"):
        raise tap.Skip("haproxy is not installed")
    with Scratch() as scratch:
        old = Home(scratch, "old", client_address="xclient")
        postfix = Postfix(
            scratch, os.path.join(old.directory, "auth-client"), maillog=True,
            extra="mynetworks =\n"
            "smtpd_authorized_xclient_hosts = 127.0.0.1\n")
        old.submit = "smtp://127.0.0.1:%d" % postfix.smtp
        front = Front(scratch, tap.build_directory(), [ANN], old=old,
                      forms=("start", "implicit"),
                      listen="    proxy = yes\n")
        front.start()
        postfix.start()
        router = Router(scratch, front.gateway)
        router.start()
        ports = router.ports
        client = log_in(ports[143], OTHER)
        assert client.select()[0] == "OK"
        listing = front.rehome.ctl("sessions", ANN).stdout
        assert OTHER in listing, listing
        client.logout()
        with imaplib.IMAP4_SSL("127.0.0.1", ports[993],
                               ssl_context=unverified()) as client:
            client.login(ANN, PASSWORD)
        client = poplib.POP3_SSL("127.0.0.1", ports[995],
                                 context=unverified(), timeout=20)
        client.user(ANN)
        client.pass_(PASSWORD)
        client.quit()
        with smtplib.SMTP("127.0.0.1", ports[587], timeout=20,
                          source_address=(OTHER, 0)) as client:
            client.starttls(context=unverified())
            client.login(ANN, PASSWORD)
        wait_for(lambda: OTHER in postfix.maillog(), 5, "the client's address")
        assert Sieve(ports[4190], "start").capabilities
        # nobody gets in beside the router, and by it to no mail server
        try:
            log_in(front.port("imap", "start"), ONE)
            raise AssertionError("let in without a header")
        except (imaplib.IMAP4.error, OSError):
            pass
        scratch.stop("gateway")
        try:
            log_in(ports[143], ONE)
            raise AssertionError("let in without a gateway")
        except (imaplib.IMAP4.error, OSError):
            pass


def count_let_in(port, source, wanted, tls=False):
    """Sessions that one client gets at the same time."""
    clients = []
    for _ in range(wanted):
        try:
            clients.append(log_in(port, source, tls))
        except (imaplib.IMAP4.error, OSError):
            pass
    return clients


def dovecot_counts_by_client():
    limit = "mail_max_userip_connections = 10\n"
    for way, second in (("xclient", 10), ("none", 0)):
        with Scratch() as scratch:
            old = Home(scratch, "old", client_address=way, more=limit)
            front = Front(scratch, tap.build_directory(), [ANN], old=old,
                          protocols=("imap",))
            front.start()
            first = count_let_in(front.port("imap"), ONE, 11)
            assert len(first) == 10, (way, len(first))
            others = count_let_in(front.port("imap"), OTHER, 10)
            assert len(others) == second, (way, len(others))
            for client in first + others:
                client.logout()


class Crowded(Courier):
    def __init__(self, scratch, name):
        super().__init__(scratch, name)
        with open(self.script, encoding="utf-8") as text:
            script = text.read()
        assert "-maxperip=500" in script
        self.script = scratch.file(
            name, "start", mode=0o755,
            text=script.replace("-maxperip=500", "-maxperip=4"))

    def system_section(self):
        return ('system "%s" {\n    imap = "imap://127.0.0.1:%d"\n'
                '    deliver = "smtp:[127.0.0.1]:1"\n}\n' % (self.name, self.imap))


def courier_limits_the_gateway():
    with Scratch() as scratch:
        old = Crowded(scratch, "old")
        front = Front(scratch, tap.build_directory(), [ANN], old=old,
                      protocols=("imap",))
        front.start()
        clients = count_let_in(front.port("imap"), ONE, 4)
        assert clients
        try:
            for source in (ONE, OTHER, OTHER):
                clients.append(log_in(front.port("imap"), source, False))
            raise AssertionError("no limit")
        except imaplib.IMAP4.error as answer:
            assert "UNAVAILABLE" in str(answer), answer


def old_server_relays_and_delivers():
    with Scratch() as scratch:
        store = Dovecot(scratch, "old")
        store.start()
        store.add_user(ANN)
        front = ScriptedHome(scratch, "front", smtp=True)
        front.start()
        final = scratch.port()
        main = contrib("gateway/main.cf.old").replace(
            "[front.example.org]:25", "[127.0.0.1]:%d" % front.port)
        postfix = Postfix(scratch, "none",
                          extra=main + "smtpd_sasl_auth_enable = no\n")
        master = contrib("gateway/master.cf.old")
        for before, after in (
                ("2525  ", "127.0.0.1:%d " % final),
                ("  y  ", "  n  "), ("192.0.2.10", OTHER),
                ("permit_mynetworks,check_client_access",
                 "check_client_access"),
                ("unix:private/dovecot-lmtp", "inet:127.0.0.1:%d"
                 % store.lmtp)):
            assert before in master, before
            master = master.replace(before, after)
        with open(os.path.join(postfix.etc, "master.cf"), "a",
                  encoding="utf-8") as file:
            file.write(master)
        postfix.start()

        def send(port, source, recipient, subject):
            with smtplib.SMTP("127.0.0.1", port, timeout=20,
                              source_address=(source, 0)) as client:
                client.sendmail("bob@example.net", [recipient],
                                "Subject: %s\r\n\r\nhello\r\n" % subject)

        def subjects():
            client = imaplib.IMAP4("127.0.0.1", store.imap)
            client.login(ANN, PASSWORD)
            if client.select()[1] == [b"0"]:
                return []
            found = client.fetch("1:*", "(BODY[HEADER.FIELDS (SUBJECT)])")[1]
            client.logout()
            return [item[1].decode().strip() for item in found
                    if isinstance(item, tuple)]

        send(postfix.smtp, "127.0.0.1", ANN, "relayed")
        wait_for(lambda: front.got(ANN), 10, "what is relayed")
        assert subjects() == []
        send(final, OTHER, ANN, "delivered")
        wait_for(lambda: subjects() == ["Subject: delivered"], 10,
                 "what is delivered")
        assert len(front.got(ANN)) == 1
        for source, recipient in ((ONE, ANN), (OTHER, "x@example.com")):
            try:
                send(final, source, recipient, "refused")
                raise AssertionError("%s to %s" % (source, recipient))
            except smtplib.SMTPRecipientsRefused:
                pass


def units_are_right():
    if not shutil.which("systemd-analyze"):
        raise tap.Skip("systemd-analyze is not installed")
    with Scratch() as scratch:
        units = scratch.dir("units")
        for name in sorted(os.listdir(os.path.join(SOURCE,
                                                   "contrib/systemd"))):
            if name.endswith((".service", ".socket")):
                text = contrib("systemd/" + name)
                # installed nowhere yet
                text = re.sub(r"(?m)^(Exec\w+=)/usr/(sbin|libexec)/rehome\S*",
                              r"\1/bin/true", text)
                scratch.file("units", name, text=text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
             *(os.path.join(units, name) for name in os.listdir(units)
               if "@" not in name)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        wrong = [line for line in done.stdout.splitlines()
                 if "rehome" in line]
        assert not wrong and done.returncode == 0, done.stdout
        # a socket unit is for a section that the README has
        for name in os.listdir(units):
            section = re.match(r"rehome-gateway-(\w+)\.socket", name)
            if section:
                word = section.group(1)
                assert 'listen "%s"' % word in contrib("gateway/README")
                assert ("FileDescriptorName=%s\n" % word
                        in contrib("systemd/" + name))


def sockets_are_handed_over():
    with Scratch() as scratch:
        front = Front(scratch, tap.build_directory(), [ANN],
                      protocols=("imap",))
        front.old.start()
        front.old.add_user(ANN)
        front.rehome.start_policyd()
        port = scratch.port()
        scratch.spawn("gateway", [
            "systemd-socket-activate", "--fdname=imap-none", "-l",
            "127.0.0.1:%d" % port,
            front.rehome.program("gateway/rehome-gateway"), "-c",
            front.rehome.config])
        wait_for(lambda: answers(port), 10, "the socket")
        log_in(port, ONE, tls=False).logout()
        assert not answers(front.port("imap"))


if __name__ == "__main__":
    tap.main([configuration_is_taken, router_tells_the_client,
              dovecot_counts_by_client, courier_limits_the_gateway,
              old_server_relays_and_delivers, units_are_right,
              sockets_are_handed_over])
