# SPDX-License-Identifier: BSD-2-Clause
"""A private Cyrus on loopback: IMAP, IMAPS, POP3, LMTP. `admin` administers it,
the master user logs in on behalf of any user (SASL PLAIN with authorization
identity). Debian's packages of it exclude Dovecot's: see overlay.py."""

import grp
import imaplib
import os
import pwd
import signal
import subprocess

from dovecot import MASTER, MASTER_PASSWORD, PASSWORD
from overlay import Overlay
from scratch import answers, run, wait_for

PACKAGES = ("cyrus-imapd", "cyrus-pop3d", "sasl2-bin", "libsasl2-modules",
            "libsasl2-modules-db")
ADMIN = "admin"
ADMIN_PASSWORD = "admin-pw"
DOMAIN = "example.org"

SERVICES = """
START {{
  recover cmd="ctl_cyrusdb -C {directory}/imapd.conf -r"
}}
SERVICES {{
  imap cmd="imapd -C {directory}/imapd.conf" listen="127.0.0.1:{imap}" prefork=1
  imaps cmd="imapd -s -C {directory}/imapd.conf" listen="127.0.0.1:{imaps}" prefork=0
  pop3 cmd="pop3d -C {directory}/imapd.conf" listen="127.0.0.1:{pop3}" prefork=0
  lmtp cmd="lmtpd -a -C {directory}/imapd.conf" listen="127.0.0.1:{lmtp}" prefork=0
}}
"""

CONFIGURATION = """
configdirectory: {directory}/conf
partition-default: {directory}/spool
defaultpartition: default
proc_path: {directory}/proc
mboxname_lockpath: {directory}/lock
cyrus_user: {user}
cyrus_group: {group}
admins: {admin}
proxyservers: {master}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {directory}/sasldb2
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
virtdomains: userid
defaultdomain: {domain}
unixhierarchysep: yes
altnamespace: yes
servername: {domain}
popminpoll: 0
failedloginpause: 0
idlesocket: {directory}/idle
notifysocket: {directory}/notify
lmtpsocket: {directory}/lmtp
tls_server_cert: {directory}/cert.pem
tls_server_key: {directory}/key.pem
{extra}
"""


class Cyrus:
    """One mail system of the laboratory. Users are ADDRESS with PASSWORD."""

    def __init__(self, scratch, name, extra=""):
        self.overlay = Overlay(PACKAGES)
        self.name = name
        self.scratch = scratch
        self.imap, self.imaps, self.pop3, self.lmtp = (
            scratch.port() for _ in range(4))
        self.deliver = "lmtp:inet:127.0.0.1:%d" % self.lmtp
        self.directory = scratch.dir(name)
        self.certificate = os.path.join(self.directory, "cert.pem")
        key = os.path.join(self.directory, "key.pem")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
             "-out", self.certificate])
        self.owner = pwd.getpwnam("nobody")
        values = {
            "directory": self.directory, "imap": self.imap, "extra": extra,
            "imaps": self.imaps, "pop3": self.pop3, "lmtp": self.lmtp,
            "user": self.owner.pw_name, "admin": ADMIN, "master": MASTER,
            "group": grp.getgrgid(self.owner.pw_gid).gr_name,
            "domain": DOMAIN}
        scratch.file(name, "cyrus.conf", text=SERVICES.format(**values))
        scratch.file(name, "imapd.conf", text=CONFIGURATION.format(**values))
        for part in ("db", "log", "msg", "proc", "quota", "socket", "user"):
            scratch.dir(name, "conf", part)
        for part in ("spool", "proc", "lock"):
            scratch.dir(name, part)
        self.known = {ADMIN: ADMIN_PASSWORD, MASTER: MASTER_PASSWORD}
        self._set_passwords(self.known)
        for path, folders, files in os.walk(self.directory):
            for entry in [path] + [os.path.join(path, child)
                                   for child in folders + files]:
                os.chown(entry, self.owner.pw_uid, self.owner.pw_gid)

    def _run(self, *argv, text=None):
        done = subprocess.run(self.overlay.command(*argv), input=text,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (argv, done.stdout))

    def _set_passwords(self, users):
        """All in one namespace: a second one costs more than the password."""
        script = ("while read -r user realm password; do\n"
                  "printf %s \"$password\" | saslpasswd2 -p -c -f "
                  + self.directory + "/sasldb2 -u \"$realm\" \"$user\" || "
                  "exit 1\ndone\n")
        lines = []
        for user, password in users.items():
            local, _, domain = user.partition("@")
            lines.append("%s %s %s\n" % (local, domain or DOMAIN, password))
        self._run("sh", "-c", script, text="".join(lines))

    def admin(self):
        session = imaplib.IMAP4("127.0.0.1", self.imap)
        session.login(ADMIN, ADMIN_PASSWORD)
        return session

    def add_users(self, *addresses):
        """The server runs."""
        self._set_passwords(dict.fromkeys(addresses, PASSWORD))
        session = self.admin()
        for address in addresses:
            answer = session.create('"user/%s"' % address)
            if answer[0] != "OK":
                raise RuntimeError("%s: %s" % (address, answer))
        session.logout()

    add_user = add_users

    def set_quota(self, address, kilobytes):
        session = self.admin()
        answer = session.setquota('"user/%s"' % address,
                                  "(STORAGE %d)" % kilobytes)
        session.logout()
        if answer[0] != "OK":
            raise RuntimeError("quota of %s: %s" % (address, answer))

    def start(self):
        self.scratch.spawn(self.name, self.overlay.command(
            "/usr/lib/cyrus/bin/master", "-C", self.directory + "/imapd.conf",
            "-M", self.directory + "/cyrus.conf", "-p",
            self.directory + "/master.pid"), how=signal.SIGKILL)
        wait_for(lambda: answers(self.imap), 20, self.name + " to answer")

    def stop(self):
        """At once, as when the power fails: its databases recover."""
        self.scratch.stop(self.name)
        wait_for(lambda: not answers(self.imap), 10, self.name + " to end")
