# SPDX-License-Identifier: BSD-2-Clause
"""The login gateway and the delivery listener beside others, and beside no
gateway at all: what a second brings, how long one waits, what a session takes.

All stand before the same server, which costs next to nothing, and take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lab"), HERE]

from gateway_peers import Peers, CLIENTS, cpu_seconds, proportional  # noqa: E402
from scratch import Scratch, run  # noqa: E402
from serve_table import Table, take_turns, tell  # noqa: E402

PEERS = ("nginx", "dovecot", "perdition")
IDLE, IDLE_TLS = CLIENTS, 2000


class Bench:
    def __init__(self, options, peers):
        self.options = options
        self.peers = peers
        self.table = Table()

    def load(self, mode, port, *arguments, seconds=None):
        """The figures of one run of mail-load."""
        text = run([self.peers.program("tests", "bench", "mail-load"), "-m",
                    mode, "-p", str(port), "-t",
                    str(seconds or self.options.seconds),
                    *map(str, arguments)], timeout=200)
        return {name: float(value) for name, value in
                (word.split("=") for word in text.split())}

    def loaded(self, name, mode, port, *arguments):
        """The same with the gateway's processor time of each."""
        pids = self.peers.pids(name)
        before = cpu_seconds(pids)
        figures = self.load(mode, port, *arguments)
        spent = cpu_seconds(self.peers.pids(name)) - before
        count = figures["rate"] * (self.options.seconds + 0.5)
        figures["cpu_us"] = 1e6 * spent / count if count else 0
        return figures

    def turns(self, what, mode, port, arguments, direct=True):
        contestants = {
            name: lambda name=name, gateway=gateway: self.loaded(
                name, mode, gateway[port], *arguments)
            for name, gateway in self.peers.gateways.items()}
        if direct:
            contestants["direct"] = lambda: self.load(
                mode, self.peers.home, *arguments)
        return take_turns(what, self.options.rounds, contestants)

    def compare(self, what, figures, figure, at_least=None, at_most=None):
        """Ours beside each, the aim beside the best of the peers only."""
        ours = [each[figure] for each in figures["rehome"]]
        better = max if at_most is None else min
        peers = [name for name in figures if name not in ("rehome", "direct")]
        best = better(peers, key=lambda name: statistics.median(
            each[figure] for each in figures[name])) if peers else None
        for name in [*peers, "direct"]:
            if name not in figures:
                continue
            theirs = [each[figure] for each in figures[name]]
            aimed = {"at_least": at_least, "at_most": at_most} \
                if name == best else {}
            if all(theirs):
                self.table.compare(what, name, theirs, ours, **aimed)

    # ---- sections ----

    def login(self):
        figures = self.turns("logins", "login", "clear", ("-c", 50))
        self.compare("logins/s", figures, "rate", at_least=1.3)
        figures.pop("direct")
        self.compare("login, us of processor", figures, "cpu_us", at_most=1)

    def login_tls(self):
        figures = self.turns("TLS logins", "login", "tls", ("-S", "-c", 50),
                             direct=False)
        self.compare("TLS logins/s", figures, "rate", at_least=1.2)
        figures = self.turns("TLS logins, one at a time", "login", "tls",
                             ("-S", "-c", 1), direct=False)
        self.compare("TLS login p50, us", figures, "p50_us", at_most=1)

    def fetch(self):
        figures = self.turns("FETCH", "fetch", "clear", ("-c", 8))
        self.compare("FETCH MB/s", figures, "MB_per_s", at_least=1.5)

    def fetch_tls(self):
        figures = self.turns("FETCH by TLS", "fetch", "tls", ("-S", "-c", 8),
                             direct=False)
        self.compare("FETCH MB/s, TLS", figures, "MB_per_s", at_least=1.2)

    def noop(self):
        for clients in (1, 50):
            what = "NOOP, %d client%s" % (clients, "s" * (clients > 1))
            figures = self.turns(what, "noop", "clear", ("-c", clients))
            for figure, name in (("p50_us", "p50"), ("p99_us", "p99")):
                self.compare("%s, %s us" % (what, name), figures, figure,
                             at_most=1)

    def deliver(self):
        port = self.peers.gateways["rehome"]["lmtp"]
        figures = take_turns("deliveries", self.options.rounds, {
            "direct": lambda: self.load("deliver", self.peers.home_lmtp,
                                        "-c", 20),
            "rehome": lambda: self.loaded("rehome", "deliver", port,
                                          "-c", 20)})
        self.table.compare(
            "deliveries/s", "direct", [each["rate"] for each in
                                       figures["direct"]],
            [each["rate"] for each in figures["rehome"]])

    def memory(self):
        for what, port, count, arguments in (
                ("clear", "clear", IDLE, ()),
                ("TLS", "tls", IDLE_TLS, ("-S",))):
            count = min(count, self.options.sessions)
            figures = {}
            for name in list(self.peers.gateways):
                if name == "perdition" and count > IDLE_TLS:
                    continue  # a process each
                self.peers.restart(name)
                figures[name] = [{"bytes": self.bytes_of(
                    name, self.peers.gateways[name][port], count, arguments)}]
            self.compare("bytes of an idle session, %s, %d" % (what, count),
                         figures, "bytes", at_most=1)

    def bytes_of(self, name, port, count, arguments):
        before = proportional(self.peers.pids(name))
        with Held(self, "idle", port, "-c", count, *arguments):
            time.sleep(1)
            after = proportional(self.peers.pids(name))
        bytes_each = (after - before) / count
        tell("%s: %d bytes each of %d" % (name, bytes_each, count))
        return bytes_each

    def soak(self):
        """Many sessions, some at work: nobody gets another's octets, and all
        that they took is given back."""
        gateway = self.peers.gateways["rehome"]
        pid = self.peers.scratch.children["gateway"].pid
        idle = min(CLIENTS - 500, self.options.sessions)
        sizes = []
        for turn in range(self.options.rounds):
            with Held(self, "mixed", gateway["clear"], "-c", idle + 500, "-a",
                      500) as held:
                time.sleep(self.options.soak)
            tell("soak: %s" % held.said.split())
            time.sleep(2)
            sizes.append((proportional([pid]),
                          len(os.listdir("/proc/%d/fd" % pid))))
            tell("afterwards %d bytes, %d descriptors" % sizes[-1])
        if len({count for _, count in sizes}) > 1:
            raise RuntimeError("descriptors are lost: %s" % sizes)
        if sizes[-1][0] > 1.1 * sizes[0][0] + (4 << 20):
            raise RuntimeError("memory is lost: %s" % sizes)
        self.table.alone("soak: MB after %d sessions" % (idle + 500),
                         [size / (1 << 20) for size, _ in sizes])


class Held:
    """A mail-load whose clients have all logged in, until the end."""

    def __init__(self, bench, mode, port, *arguments):
        self.said = ""
        self.child = subprocess.Popen(
            [bench.peers.program("tests", "bench", "mail-load"), "-m", mode,
             "-p", str(port), *map(str, arguments)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        self.said = self.child.stdout.readline()
        if not self.said.startswith("ready="):
            raise RuntimeError("not all clients have logged in")
        return self

    def __exit__(self, *failure):
        self.child.stdin.write("\n")
        self.child.stdin.close()
        self.said += self.child.stdout.read()
        if self.child.wait(120) != 0 and failure[0] is None:
            raise RuntimeError("mail-load failed: %s" % self.said)


SECTIONS = {"login": Bench.login, "login-tls": Bench.login_tls,
            "fetch": Bench.fetch, "fetch-tls": Bench.fetch_tls,
            "noop": Bench.noop, "deliver": Bench.deliver,
            "memory": Bench.memory, "soak": Bench.soak}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true",
                        help="only to see that everything can be measured")
    parser.add_argument("--seconds", type=int, help="of each measurement")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--sessions", type=int, help="idle ones at most")
    parser.add_argument("--soak", type=int, help="seconds of each round")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--without", action="append", default=[],
                        choices=PEERS)
    parser.add_argument("sections", nargs="*", metavar="SECTION",
                        help="of " + ", ".join(SECTIONS) + " (default: all)")
    options = parser.parse_args()
    if not set(options.sections) <= set(SECTIONS):
        parser.error("sections are " + ", ".join(SECTIONS))
    defaults = (1, 1, 200, 2) if options.quick else (4, 3, 10000, 20)
    for name, default in zip(("seconds", "rounds", "sessions", "soak"),
                             defaults):
        if getattr(options, name) is None:
            setattr(options, name, default)
    return options


def main():
    options = read_options()
    build = os.path.abspath(os.environ.get("REHOME_BUILD", "."))
    with Scratch("rehome-bench") as scratch:
        peers = Peers(scratch, build, options.threads)
        for name in ("rehome", *PEERS):
            if name not in options.without:
                peers.start(name)
        bench = Bench(options, peers)
        for name in peers.missing:
            bench.table.skip(name, "it is not installed")
        try:
            for name, section in SECTIONS.items():
                if not options.sections or name in options.sections:
                    section(bench)
        finally:
            bench.table.print()
    print("load average at the end %.1f" % os.getloadavg()[0])


if __name__ == "__main__":
    main()
