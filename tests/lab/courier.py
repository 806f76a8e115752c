# SPDX-License-Identifier: BSD-2-Clause
"""A private Courier on loopback: IMAP, IMAPS, POP3. It has no master user, and
its Maildirs can be filled through the file system. Debian's packages of it
exclude Dovecot's: see overlay.py."""

import os
import pwd
import signal
import subprocess

from dovecot import PASSWORD
from overlay import Overlay
from scratch import answers, run, wait_for

PACKAGES = ("courier-imap", "courier-pop", "courier-authlib-userdb")

# Runs in the overlay; $1 is the directory of this instance, whose etc is
# Courier's configuration. Courier runs what it starts with no more than the
# configuration's words in the environment.
START = """#!/bin/sh
set -e
directory=$1
mount --bind $directory/etc /etc/courier
echo 'courier:x:65533:65533::/:/bin/false' >>/etc/passwd
echo 'courier:x:65533:' >>/etc/group
mkdir -p /run/courier/authdaemon
chown -R courier:courier /run/courier /etc/courier
makeuserdb
set -a
. /etc/courier/authdaemonrc
. /etc/courier/imapd-ssl
. /etc/courier/imapd
IMAP_STARTTLS=YES
TLS_CERTFILE=$directory/both.pem
TLS_CACHEFILE=
TLS_VERIFYPEER=NONE
bin=/usr/lib/courier/courier
tcpd="/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=500 -maxperip=500"
tcpd="$tcpd -nodnslookup -noidentlookup"
/usr/lib/courier/courier-authlib/authdaemond &
imap="$bin/imaplogin /usr/bin/imapd Maildir"
$tcpd @imap@ $imap &
IMAP_TLS=1 $tcpd @imaps@ /usr/bin/couriertls -server -tcpd $imap &
$tcpd @pop3@ $bin/courierpop3login $bin/courierpop3d Maildir &
wait
"""

SETTINGS = {
    "authdaemonrc": (("authmodulelist", "authuserdb"), ("daemons", "5")),
    "imapd": (("IMAP_UMASK", "022"), ("IMAP_EMPTYTRASH", "")),
    "imapd-ssl": (), "pop3d": ()}


class Courier:
    """One mail system of the laboratory. Users are ADDRESS with PASSWORD."""

    def __init__(self, scratch, name):
        self.overlay = Overlay(PACKAGES)
        self.name = name
        self.scratch = scratch
        self.imap, self.imaps, self.pop3 = (scratch.port() for _ in range(3))
        self.directory = scratch.dir(name)
        self.mail = scratch.dir(name, "mail", mode=0o777)
        self.certificate = os.path.join(self.directory, "cert.pem")
        self.owner = pwd.getpwnam("nobody")
        self._write_certificate()
        for file, settings in SETTINGS.items():
            self._configure(file, settings)
        scratch.file(name, "etc", "userdb", text="", mode=0o600)
        script = START
        for port in ("imaps", "imap", "pop3"):
            script = script.replace("@%s@" % port, str(getattr(self, port)))
        self.script = scratch.file(name, "start", text=script, mode=0o755)

    def _write_certificate(self):
        key = os.path.join(self.directory, "key.pem")
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "30", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
             "-out", self.certificate])
        both = ""
        for path in (key, self.certificate):
            with open(path, encoding="ascii") as part:
                both += part.read()
        self.scratch.file(self.name, "both.pem", text=both, mode=0o644)

    def _configure(self, name, settings):
        with open(os.path.join(self.overlay.unpacked, "etc", "courier", name),
                  encoding="utf-8") as text:
            lines = text.read().splitlines()
        for key, value in settings:
            lines = [line for line in lines if not line.startswith(key + "=")]
            lines.append('%s="%s"' % (key, value))
        self.scratch.file(self.name, "etc", name, text="\n".join(lines) + "\n")

    def maildir(self, address):
        """Where the mail of a user is."""
        return os.path.join(self.mail, address, "Maildir")

    def add_users(self, *addresses):
        """Before the start, or at any later time."""
        users = os.path.join(self.directory, "etc", "userdb")
        secret = run(["openssl", "passwd", "-1", PASSWORD]).strip()
        for address in addresses:
            home = os.path.join(self.mail, address)
            for part in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(home, "Maildir", part))
            for path, _, _ in os.walk(home):
                os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
            with open(users, "a", encoding="utf-8") as out:
                out.write("%s\tuid=%d|gid=%d|home=%s|mail=%s/Maildir|"
                          "systempw=%s\n" % (
                              address, self.owner.pw_uid, self.owner.pw_gid,
                              home, home, secret))
        if self.name in self.scratch.children:
            self._run("sh", "-c", "mount --bind %s/etc /etc/courier && "
                      "makeuserdb" % self.directory)

    add_user = add_users

    def _run(self, *argv):
        done = subprocess.run(self.overlay.command(*argv),
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (argv, done.stdout))

    def start(self):
        self.scratch.spawn(self.name, self.overlay.command(
            self.script, self.directory), how=signal.SIGKILL)
        wait_for(lambda: answers(self.imap) and answers(self.pop3), 20,
                 self.name + " to answer")

    def stop(self):
        self.scratch.stop(self.name)
        wait_for(lambda: not answers(self.imap), 10, self.name + " to end")
