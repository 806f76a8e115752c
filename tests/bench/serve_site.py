# SPDX-License-Identifier: BSD-2-Clause
"""What the serving benchmarks run: policyd over a filled store, the milter,
the floors beside them, and a Postfix with one listener for each wiring."""

import os
import shutil
import signal
import socket
import subprocess
import time

from postfix import Postfix
from scratch import Scratch, answers_at, run, wait_for

# Nobody is an own user here: mail of own users is not asked about.
CONFIGURATION = """
policyd {{
    control = "unix:{directory}/control"
    policy = "{policy}"
    socketmap = "{socketmap}"
    store = "bdb:{directory}/store"
    user = ""
    group = ""
    own_networks = {{ "192.0.2.0/24" }}
}}
maps {{
    directory = "{maps}"
    reload = "/bin/true"
}}
queue {{
    list = ""
    flush = ""
}}
milter {{
    socket = "unix:{directory}/milter"
    user = ""
    group = ""
}}
log {{
    facility = "stderr"
    level = "warning"
}}
system "old" {{
    imap = "imap://127.0.0.1:10143"
    deliver = "smtp:[old.example.org]:25"
}}
system "new" {{
    imap = "imap://127.0.0.1:10144"
    deliver = "lmtp:unix:/run/dovecot/lmtp"
}}
domain "example.org" {{
    default = "pass"
    complete = no
}}
"""

# Set with postconf: a setting that stands twice in main.cf is a warning of each
# process, and those of postlogd itself would block it.
POSTFIX = ("smtpd_sasl_auth_enable=no", "relay_transport=discard:",
           "maillog_file=/dev/null")

RECIPIENT = "user0000001@example.org"


def ask(path, **attributes):
    """One request of the control or policy protocol over a UNIX socket; the
    reply as a dictionary, or None when nobody answers."""
    text = "".join("%s=%s\n" % pair for pair in attributes.items()) + "\n"
    reply = b""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        try:
            client.connect(path)
            client.sendall(text.encode())
            while not reply.endswith(b"\n\n"):
                data = client.recv(65536)
                if not data:
                    return None
                reply += data
        except OSError:
            return None
    return dict(line.split("=", 1) for line in reply.decode().split("\n")
                if line)


def processor_seconds(processes):
    """What the processes have used so far."""
    ticks = 0
    for process in processes:
        with open("/proc/%d/stat" % process.pid, encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(process):
    """Resident and proportional set of a process in MB."""
    sizes = {}
    with open("/proc/%d/smaps_rollup" % process.pid,
              encoding="ascii") as rollup:
        for line in rollup:
            words = line.split()
            if words[0] in ("Rss:", "Pss:"):
                sizes[words[0]] = int(words[1]) / 1024
    return sizes["Rss:"], sizes["Pss:"]


class Site:
    """build: the directory in which the programs were built."""

    def __init__(self, scratch: Scratch, build, accounts):
        self.scratch = scratch
        self.build = build
        self.accounts = accounts
        self.directory = scratch.dir("rehome")
        self.postfix = None
        self.listeners = {}
        self.processes = {}

    def program(self, *parts):
        return os.path.join(self.build, *parts)

    def path(self, name):
        return os.path.join(self.directory, name)

    def endpoint(self, name):
        return "unix:" + self.path(name)

    def bench(self, *arguments, seconds=600):
        """Runs one of the programs of tests/bench; its "name=value" words as
        a dictionary of numbers."""
        text = run([self.program("tests", "bench", arguments[0]),
                    *map(str, arguments[1:])], timeout=seconds)
        return {name: float(value) for name, value in
                (word.split("=") for word in text.split())}

    def spawn(self, name, *argv):
        self.processes[name] = self.scratch.spawn(name, argv)

    def kill(self, name):
        """With SIGKILL: a libmilter program takes its time with SIGTERM."""
        self.scratch.stop(name, signal.SIGKILL)

    # ---- rehome ----

    def fill(self):
        self.bench("store-bench", "fill", self.accounts, self.path("store"),
                   seconds=3600)

    def configure(self, tcp=False, maps=False):
        """Which wire policyd is asked over, and whether it publishes maps."""
        self.wires = {
            name: "inet:127.0.0.1:%d" % self.scratch.port() if tcp
            else self.endpoint(name) for name in ("policy", "socketmap")}
        self.config = self.scratch.file(
            "rehome", "rehome.conf", text=CONFIGURATION.format(
                directory=self.directory,
                maps=self.scratch.dir("rehome", "maps") if maps else "",
                **self.wires))

    def start_policyd(self):
        """Seconds until it answers."""
        begun = time.monotonic()
        self.spawn("policyd", self.program("policyd", "rehome-policyd"), "-c",
                   self.config)
        wait_for(self.policyd_answers, 300, "policyd to answer", 0.002)
        return time.monotonic() - begun

    def policyd_answers(self):
        if self.processes["policyd"].poll() is not None:
            raise RuntimeError("policyd: " + self.scratch.log("policyd"))
        reply = ask(self.path("control"), request="account-get",
                    address=RECIPIENT)
        return reply is not None and reply.get("status") == "ok"

    def start_milter(self):
        self.spawn("milter", self.program("milter", "rehome-milter"), "-c",
                   self.config)
        wait_for(lambda: answers_at(self.path("milter")), 10,
                 "the milter to answer")

    # ---- floors ----

    def start_floor(self, protocol, endpoint):
        self.spawn("floor-" + protocol,
                   self.program("tests", "bench", "floor"), protocol, endpoint)
        wait_for(lambda: self.floor_answers(endpoint), 10,
                 "the floor to answer")

    @staticmethod
    def floor_answers(endpoint):
        if endpoint.startswith("unix:"):
            return answers_at(endpoint[5:])
        host, port = endpoint[5:].rsplit(":", 1)
        try:
            socket.create_connection((host, int(port)), 1).close()
            return True
        except OSError:
            return False

    def start_milter_floor(self, events):
        name = "milter-floor-" + events
        if os.path.exists(self.path(name)):  # of one that was killed
            os.unlink(self.path(name))
        self.spawn(name, self.program("tests", "bench", "milter-floor"),
                   events, self.endpoint(name))
        wait_for(lambda: answers_at(self.path(name)), 10,
                 "the milter floor to answer")

    # ---- Postfix ----

    def start_postfix(self, wirings):
        """wirings: name -> options of the listener. Returns why the queue is
        not in memory, or None."""
        self.postfix = Postfix(self.scratch, "none")
        run(["postconf", "-c", self.postfix.etc, "-e", *POSTFIX])
        queue = os.path.join(self.postfix.directory, "queue")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "tmpfs", queue],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if mounted.returncode == 0:
            self.scratch.undo.append(lambda: run(["umount", queue]))
        for name, options in wirings.items():
            self.listeners[name] = self.scratch.port()
            with open(os.path.join(self.postfix.etc, "master.cf"), "a",
                      encoding="ascii") as master:
                master.write("127.0.0.1:%d inet n - n - - smtpd\n"
                             % self.listeners[name])
                for option in options:
                    master.write("  -o { %s }\n" % option)
        self.postfix.start()
        return mounted.stderr.strip() if mounted.returncode != 0 else None

    def send(self, wiring, messages, sessions=20):
        """Messages a second that smtp-source gets rid of."""
        begun = time.monotonic()
        run(["smtp-source", "-s", str(sessions), "-m", str(messages), "-l",
             "1024", "-f", "bob@example.net", "-t", RECIPIENT,
             "127.0.0.1:%d" % self.listeners[wiring]], timeout=300)
        took = time.monotonic() - begun
        wait_for(self.queue_is_empty, 120, "the queue to be empty", 0.1)
        return messages / took

    def queue_is_empty(self):
        return not any(
            files for name in ("incoming", "active", "deferred")
            for _, _, files in os.walk(os.path.join(
                self.postfix.directory, "queue", name)))


def have(program):
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")
