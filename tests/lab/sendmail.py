# SPDX-License-Identifier: BSD-2-Clause
"""A private Sendmail on loopback. Debian's packages of it cannot be installed
beside Postfix, so they are unpacked, and it runs in name spaces of its own
(host name, /etc/hosts, /etc/resolv.conf): without a qualified host name it
would sleep, and without these files ask the network."""

import fcntl
import glob
import json
import os
import shutil
import smtplib
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
import tap  # noqa: E402
from scratch import answers, run, wait_for  # noqa: E402

CONTRIB = os.path.join(HERE, "..", "..", "contrib", "sendmail")
PACKAGES = ["sendmail-bin", "sendmail-cf", "libnsl2", "libldap-2.5-0",
            "libsasl2-2", "libwrap0", "liblockfile1"]

MC = """divert(-1)
divert(0)dnl
define(`_CF_DIR_', `{unpacked}/usr/share/sendmail/cf/')dnl
include(`{unpacked}/usr/share/sendmail/cf/m4/cf.m4')dnl
VERSIONID(`laboratory')
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{hostname}')dnl
define(`QUEUE_DIR', `{directory}/mqueue')dnl
define(`confPID_FILE', `{directory}/pid')dnl
define(`STATUS_FILE', `{directory}/statistics')dnl
define(`ALIAS_FILE', `{directory}/aliases')dnl
define(`confCW_FILE', `{directory}/local-host-names')dnl
define(`confSERVICE_SWITCH_FILE', `{directory}/service.switch')dnl
define(`confDONT_BLAME_SENDMAIL', `GroupWritableDirPathSafe')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confTO_IDENT', `0')dnl
define(`confTO_RESOLVER_RETRANS', `1s')dnl
define(`confTO_RESOLVER_RETRY', `1')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`access_db', `hash -T<TMPF> {directory}/access')dnl
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}, Family=inet')dnl
{settings}
MAILER(`local')dnl
MAILER(`smtp')dnl
define(`REHOME_DOMAINS', `{directory}/rehome-domains')dnl
define(`REHOME_SOCKETMAP', `{socketmap}')dnl
define(`REHOME_MILTER', `{milter}')dnl
{wiring}
"""
LISTENER = """define(`REHOME_LISTENER', `[127.0.0.1]')dnl
define(`REHOME_LISTENER_PORT', `%d')dnl
include(`%s/listener.m4')dnl
"""

# Runs a command as if on a host of its own. Sendmail trusts no file below a
# directory that everybody may write to, such as /tmp.
SAFE = "/mnt/lab"
INSIDE = """#!/bin/sh
set -e
hostname {hostname}
mount -t tmpfs -o mode=0755 tmpfs /mnt
mkdir {safe}
mount --bind {scratch} {safe}
mount --bind {directory}/hosts /etc/hosts
mount --bind {directory}/resolv.conf /etc/resolv.conf
LD_LIBRARY_PATH={unpacked}/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
exec "$@"
"""


def unpack(cache):
    """Downloads the packages into the directory (once) and unpacks them.
    Returns where; Skip when they cannot be had."""
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # against tests that run beside
        return _unpack(cache, os.path.join(cache, "unpacked"))


def _unpack(cache, unpacked):
    if os.path.exists(unpacked):
        return unpacked
    if os.geteuid() != 0:
        raise tap.Skip("a private Sendmail needs root")
    for tool in ("apt-get", "dpkg", "unshare", "m4"):
        if not shutil.which(tool):
            raise tap.Skip("%s is not installed" % tool)
    done = subprocess.run(["apt-get", "-qq", "download", *PACKAGES],
                          cwd=cache, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300)
    if done.returncode != 0:
        raise tap.Skip("Sendmail cannot be downloaded: "
                       + " ".join(done.stdout.split())[:200])
    partial = unpacked + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    for package in sorted(glob.glob(os.path.join(cache, "*.deb"))):
        run(["dpkg", "-x", package, partial])
    os.rename(partial, unpacked)
    return unpacked


class Sendmail:
    """milter and socketmap: sockets as Sendmail names them ("unix:/path", below
    the scratch directory); without a milter, empty. hops: ("smtp", port) of
    next hops besides 25 and 24. listener: the port of a delivery listener,
    instead of the socketmap. settings: further lines of sendmail.mc.
    interval: of the queue runner, as long as nobody flushes."""

    def __init__(self, scratch, cache, socketmap, milter="",
                 domains=("example.org",), hops=(), aliases=None, listener=None,
                 settings="", interval="1h", hostname="mx.example.net"):
        self.scratch = scratch
        self.unpacked = unpack(cache)
        self.directory = scratch.dir("sendmail")
        self.hostname = hostname
        self.interval = interval
        self.port = scratch.port()
        self.queue_directory = scratch.dir("sendmail", "mqueue", mode=0o700)
        self.configuration = self.safe(self.directory) + "/sendmail.cf"
        self._write_files(domains, aliases or {})
        wiring = LISTENER % (listener, CONTRIB) if listener else (
            "include(`%s/rehome.m4')dnl\n" % CONTRIB + "".join(
                "REHOME_HOP(`%s', `%d')dnl\n" % hop for hop in hops))
        self._write_configuration(
            socketmap=self.safe(socketmap), milter=self.safe(milter),
            settings=settings, wiring=wiring)
        # the options of contrib/sendmail/queue-list and queue-flush
        self.list_command = self._command("list", "exec %s/queue-list %s" % (
            CONTRIB, self.queue_directory))
        self.flush_command = self._command(
            "flush", "SENDMAIL='%s -C %s'\nexport SENDMAIL\n"
            "echo \"$1\" >>%s/flushed\n"
            "exec unshare -m -u %s %s/queue-flush \"$1\"" % (
                self.program, self.configuration, self.directory,
                self.inside, CONTRIB))

    def safe(self, path):
        """A path of the scratch directory as Sendmail sees it."""
        return path.replace(self.scratch.path, SAFE)

    def _write(self, name, text, mode=0o644):
        return self.scratch.file("sendmail", name, text=text, mode=mode)

    def _command(self, name, line):
        return self._write(name, "#!/bin/sh\n" + line + "\n", 0o755)

    def _write_files(self, domains, aliases):
        self.program = self.unpacked + "/usr/libexec/sendmail/sendmail"
        self.inside = self._write("inside", INSIDE.format(
            hostname=self.hostname, directory=self.directory, safe=SAFE,
            scratch=self.scratch.path, unpacked=self.unpacked), 0o755)
        self._write("hosts", "127.0.0.1 %s localhost\n" % self.hostname)
        self._write("resolv.conf", "nameserver 127.0.0.1\n")
        self._write("service.switch", "hosts files\naliases files\n")
        self._write("local-host-names", self.hostname + "\n")
        self._write("rehome-domains", "".join(
            domain + "\n" for domain in domains))
        self._write("aliases", "".join(
            "%s: %s\n" % alias for alias in aliases.items()))
        # own users may send everywhere; 127.0.0.9 and its like are outside
        self._write("access", "Connect:127.0.0.1\tRELAY\n")

    def _write_configuration(self, **values):
        source = self._write("sendmail.mc", MC.format(
            unpacked=self.unpacked, directory=self.safe(self.directory),
            hostname=self.hostname, port=self.port, **values))
        self._write("sendmail.cf", run(["m4", source]))
        with open(self.directory + "/access", encoding="ascii") as access:
            self.run([self.unpacked + "/usr/libexec/sendmail/makemap", "-C",
                      self.configuration, "hash",
                      self.safe(self.directory) + "/access"], stdin=access)
        self.run([self.program, "-C", self.configuration, "-bi"])

    def run(self, argv, **options):
        """Runs a command in Sendmail's name spaces."""
        return run(["unshare", "-m", "-u", self.inside, *argv], **options)

    def start(self):
        self.scratch.spawn("sendmail", [
            "unshare", "-m", "-u", self.inside, self.program, "-C",
            self.configuration, "-bD", "-q" + self.interval, "-X",
            self.safe(self.directory) + "/trace"])
        wait_for(lambda: answers(self.port), 20, "Sendmail to answer")

    def stop(self):
        self.scratch.stop("sendmail")

    def sendmail(self, sender, recipient, message):
        """Hands a message to sendmail(1) as a local program does."""
        self.run([self.program, "-C", self.configuration, "-i", "-f", sender,
                  recipient], input=message)

    def send(self, *recipients, source="127.0.0.9",
             sender="bob@example.net", message="Subject: x\n\nhello\n"):
        """The answers to each RCPT, and to the end of data (None when no
        recipient was accepted)."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60,
                          source_address=(source, 0)) as client:
            client.ehlo("client.example.net")
            client.mail(sender)
            replies = [client.rcpt(each) for each in recipients]
            if any(code == 250 for code, _ in replies):
                return [*replies, client.data(message)]
            return [*replies, None]

    def resolve(self, address):
        """What Sendmail would do with the address now (sendmail -bv)."""
        return run(["unshare", "-m", "-u", self.inside, self.program, "-C",
                    self.configuration, "-bv", address], check=False)

    def queue(self):
        """The entries of contrib/sendmail/queue-list."""
        return [json.loads(line)
                for line in run([self.list_command]).splitlines()]

    def flush(self, identifier):
        run([self.flush_command, identifier])

    def flushed(self):
        """The queue ids for which the flush command was run."""
        try:
            with open(self.directory + "/flushed", encoding="ascii") as ids:
                return set(ids.read().split())
        except FileNotFoundError:
            return set()

    def run_queue(self):
        """One run over the whole queue."""
        self.run([self.program, "-C", self.configuration, "-qf"])

    def trace(self):
        path = self.directory + "/trace"
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as text:
            return text.read()
