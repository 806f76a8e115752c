# SPDX-License-Identifier: BSD-2-Clause
"""How fast rehome serves a mail server: policy requests, socketmap lookups,
milter decisions, Postfix with and without them, transitions, maps, start-up and
memory, each beside the least that a server can do, or beside what does the same.

Only the ratios mean something, and only those of one run: the contestants take
turns, and each ratio is the median of the turns' own. Nothing is judged by time;
the exit status tells whether everything could be measured."""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0:0] = [HERE, os.path.join(HERE, "..", "lab")]

from scratch import Scratch, run, wait_for  # noqa: E402
from serve_site import (Site, ask, have, memory,  # noqa: E402
                        processor_seconds)
from serve_table import Table, take_turns, tell  # noqa: E402

CONNECTIONS = 20


class Bench:
    def __init__(self, options, site):
        self.options = options
        self.site = site
        self.table = Table()
        self.state = None  # how policyd runs, None when it does not

    def turns(self, what, contestants):
        return take_turns(what, self.options.rounds, contestants)

    def policyd(self, **state):
        """policyd runs, in that way."""
        if self.state == state:
            return
        self.no_policyd()
        self.site.configure(**state)
        self.site.start_policyd()
        self.state = state

    def no_policyd(self):
        if self.state is not None:
            self.site.scratch.stop("policyd", seconds=60)
        self.state = None

    def load(self, program, endpoint, servers, *arguments,
             connections=CONNECTIONS):
        """The figures of a load generator, and what the servers cost."""
        processes = [self.site.processes[name] for name in servers]
        before = processor_seconds(processes)
        begun = time.monotonic()
        figures = self.site.bench(
            *program, "-s", endpoint, "-c", connections, "-t",
            self.options.seconds, "-n", self.options.accounts, *arguments)
        took = time.monotonic() - begun
        cost = processor_seconds(processes) - before
        figures["cpu_us"] = 1e6 * cost / (figures["rate"] * took)
        return figures

    def compare_loads(self, what, peer, theirs, ours, at_least):
        """The rows of two load generators' figures."""
        for figure, text, aim in (
                ("rate", "%s/s" % what, at_least),
                ("p50_us", "%s, p50 us" % what, None),
                ("p99_us", "%s, p99 us" % what, None),
                ("cpu_us", "%s, server's CPU us each" % what, None)):
            self.table.compare(
                text, peer, [each[figure] for each in theirs],
                [each[figure] for each in ours], at_least=aim)

    # ---- policy and socketmap ----

    def lookups(self, tcp):
        wire = "TCP" if tcp else "UNIX socket"
        self.policyd(tcp=tcp)
        for protocol, what in (("policy", "policy requests"),
                               ("socketmap", "socketmap lookups")):
            name = "floor-" + protocol
            endpoint = "inet:127.0.0.1:%d" % self.site.scratch.port() if tcp \
                else self.site.endpoint(name)
            self.site.start_floor(protocol, endpoint)
            contestants = {
                "floor": lambda: self.load(
                    ("load", protocol), endpoint, [name]),
                "rehome": lambda: self.load(
                    ("load", protocol), self.site.wires[protocol],
                    ["policyd"])}
            if protocol == "policy" and not tcp:
                contestants.update(self.postgrey())
            figures = self.turns("%s over %s" % (what, wire), contestants)
            self.site.kill(name)
            what = "%s, %s" % (what, wire)
            self.compare_loads(what, "empty server", figures["floor"],
                               figures["rehome"], 0.5)
            if "postgrey" in figures:
                self.table.compare(
                    "%s/s" % what, "postgrey",
                    [each["rate"] for each in figures["postgrey"]],
                    [each["rate"] for each in figures["rehome"]])

    def postgrey(self):
        """A policy server in wide use, told to let everything pass."""
        program = have("postgrey")
        if program is None:
            self.table.skip("postgrey beside policyd", "it is not installed")
            return {}
        path = self.site.path("postgrey")
        everything = self.site.scratch.file("postgrey", "all", text="/./\n")
        nothing = self.site.scratch.file("postgrey", "none", text="")
        self.site.spawn(
            "postgrey", program, "--unix=" + path, "--user=root",
            "--group=root", "--dbdir=" + self.site.scratch.dir("postgrey"),
            "--whitelist-recipients=" + everything,
            "--whitelist-clients=" + nothing)
        wait_for(lambda: ask(
            path, request="smtpd_access_policy", protocol_state="RCPT"),
            20, "postgrey to answer")
        return {"postgrey": lambda: self.load(
            ("load", "policy"), "unix:" + path, ["postgrey"])}

    def over_tcp(self):
        self.lookups(tcp=True)

    def over_unix(self):
        self.lookups(tcp=False)

    # ---- milter ----

    def milter(self):
        self.policyd(tcp=False)
        self.site.start_milter()
        self.site.start_milter_floor("all")
        self.site.start_milter_floor("rcpt")
        for what, arguments, aim, peers in (
                ("milter decisions, 1 recipient", (), 0.8, ("all", "rcpt")),
                ("milter decisions, 50 recipients", ("-r", 50), None,
                 ("rcpt",)),
                ("milter messages, a connection each", ("-k", 1), None,
                 ("rcpt",))):
            contestants = {}
            for events in peers:
                contestants["floor of " + events] = \
                    lambda name="milter-floor-" + events: self.load(
                        ("milter-load",), self.site.endpoint(name), [name],
                        *arguments)
            contestants["rehome"] = lambda: self.load(
                ("milter-load",), self.site.endpoint("milter"),
                ["milter", "policyd"], *arguments)
            figures = self.turns(what, contestants)
            if "all" in peers:
                self.table.compare(
                    "%s/s" % what, "milter, all events",
                    [each["rate"] for each in figures["floor of all"]],
                    [each["rate"] for each in figures["rehome"]])
            self.compare_loads(what, "milter, RCPT and DATA",
                               figures["floor of rcpt"], figures["rehome"],
                               aim)
        self.site.kill("milter-floor-all")
        self.site.kill("milter-floor-rcpt")
        self.site.kill("milter")

    # ---- Postfix ----

    def postfix(self):
        for program in ("postfix", "smtp-source"):
            if have(program) is None:
                self.table.skip("Postfix", "%s is not installed" % program)
                return
        if os.geteuid() != 0:
            self.table.skip("Postfix", "it takes root to start one")
            return
        self.policyd(tcp=False)
        self.site.start_milter()
        self.site.start_milter_floor("rcpt")
        self.site.start_floor("policy", self.site.endpoint("floor-policy"))

        def policy(name):
            return "smtpd_recipient_restrictions = check_policy_service " \
                "%s, reject_unauth_destination" % self.site.endpoint(name)

        def milter(name):
            return "smtpd_milters = " + self.site.endpoint(name)

        wirings = {
            "nothing": (),
            "policy": (policy("policy"),),
            "policy floor": (policy("floor-policy"),),
            "milter": (milter("milter"),),
            "milter floor": (milter("milter-floor-rcpt"),),
            "both": (policy("policy"), milter("milter")),
        }
        slow = self.site.start_postfix(wirings)
        if slow is not None:
            self.table.skip("Postfix's queue in memory", slow)
        for wiring in wirings:
            self.site.send(wiring, self.options.messages // 10)
        figures = self.turns("Postfix, messages a second", {
            wiring: lambda wiring=wiring: self.site.send(
                wiring, self.options.messages) for wiring in wirings})
        for wiring, aim in (("policy", 0.95), ("milter", 0.7),
                            ("both", None)):
            self.table.compare(
                "Postfix messages/s, with %s" % wiring, "without",
                figures["nothing"], figures[wiring], at_least=aim)
        for wiring, peer in (("policy", "empty policy server"),
                             ("milter", "milter, RCPT and DATA")):
            self.table.compare(
                "Postfix messages/s, with %s" % wiring, peer,
                figures[wiring + " floor"], figures[wiring])
        self.site.kill("floor-policy")
        self.site.kill("milter-floor-rcpt")
        self.site.kill("milter")

    # ---- transitions ----

    def disk(self):
        return self.site.bench("store-bench", "disk", self.options.seconds,
                               self.site.directory)["disk_per_s"]

    def control(self):
        """Moves ordered and cancelled over the control socket."""
        self.policyd(tcp=False)
        figures = self.turns("durable transitions over control", {
            "disk": self.disk,
            "one client": lambda: self.load(
                ("load", "control"), self.site.endpoint("control"),
                ["policyd"], connections=1)["rate"],
            "%d clients" % CONNECTIONS: lambda: self.load(
                ("load", "control"), self.site.endpoint("control"),
                ["policyd"])["rate"]})
        disk = figures.pop("disk")
        for clients, rates in figures.items():
            self.table.compare(
                "transitions/s over control, %s" % clients,
                "fdatasync, one by one", disk, rates)

    def transitions(self):
        """Of the store alone, without policyd; leaves accounts in any phase,
        so it comes last."""
        self.no_policyd()

        def store():
            return self.site.bench(
                "store-bench", "transitions", self.options.accounts,
                self.options.seconds, self.site.path("store"))

        figures = self.turns("durable transitions of the store",
                             {"disk": self.disk, "rehome": store})
        for threads in ("1", "8"):
            self.table.compare(
                "transitions/s of the store, %s thread%s" % (
                    threads, "" if threads == "1" else "s"),
                "fdatasync, one by one", figures["disk"],
                [each[threads + "_transitions_per_s"]
                 for each in figures["rehome"]])

    # ---- maps ----

    def maps(self):
        if have("postmap") is None:
            self.table.skip("maps", "postmap is not installed")
            return
        self.policyd(maps=True)
        homes = self.site.path("maps/homes")
        text = self.site.path("maps/homes.text")
        # postmap -s tells them in the order of the hash, in which they would
        # be written much faster than in the order of any list of addresses
        lines = sorted(run(["postmap", "-s", "hash:" + homes],
                           timeout=600).splitlines(keepends=True))
        with open(text, "w", encoding="ascii") as out:
            out.writelines(lines)
        entries = len(lines)
        tell("homes has %d entries" % entries)
        figures = self.turns("publication of %d entries, seconds" % entries, {
            "postmap": lambda: self.postmap(text),
            "rehome": lambda: self.publication(homes + ".db")})
        self.table.compare(
            "s to publish %s entries" % format(entries, ",d"), "postmap",
            figures["postmap"], figures["rehome"], at_most=1)

    @staticmethod
    def postmap(text):
        begun = time.monotonic()
        run(["postmap", "hash:" + text], timeout=600)
        return time.monotonic() - begun

    def publication(self, path):
        """From the order to the new file in its place."""
        former = os.stat(path).st_ino
        begun = time.monotonic()
        reply = ask(self.site.path("control"), request="maps-rebuild")
        if reply is None or reply["status"] != "ok":
            raise RuntimeError("maps-rebuild: %s" % reply)
        wait_for(lambda: os.stat(path).st_ino != former, 300,
                 "the maps to be published", 0.002)
        return time.monotonic() - begun

    # ---- start-up and memory ----

    def start(self):
        for what, maps in (("", False), (", with maps", True)):
            self.policyd(maps=maps)
            killed, clean = [], []
            for turn in range(self.options.rounds):
                killed.append(self.start_after_kill())
                self.site.scratch.stop("policyd", seconds=60)
                clean.append(self.site.start_policyd())
                tell("start%s, round %d: killed %.3f s, clean %.3f s" % (
                    what, turn + 1, killed[-1], clean[-1]))
            self.table.alone("s to start%s" % what, clean)
            self.table.alone("s to start after kill -9 under load%s" % what,
                             killed)

    def start_after_kill(self):
        load = subprocess.Popen(
            [self.site.program("tests", "bench", "load"), "control", "-s",
             self.site.endpoint("control"), "-c", str(CONNECTIONS), "-t", "60",
             "-n", str(self.options.accounts)], stderr=subprocess.DEVNULL)
        time.sleep(self.options.seconds)
        if load.poll() is not None:
            raise RuntimeError("the load ended before policyd was killed")
        self.site.scratch.stop("policyd", signal.SIGKILL)
        load.wait(60)
        return self.site.start_policyd()

    def memory(self):
        self.no_policyd()
        self.policyd(tcp=False)
        self.site.start_milter()
        self.report_memory("at start")
        for program, endpoint in (
                (("load", "policy"), "policy"),
                (("milter-load",), "milter")):
            self.load(program, self.site.endpoint(endpoint), ["policyd"])
        self.report_memory("after load")
        self.site.kill("milter")

    def report_memory(self, when):
        for name in ("policyd", "milter"):
            resident, proportional = memory(self.site.processes[name])
            self.table.alone("%s, MB resident %s" % (name, when), [resident])
            self.table.alone("%s, MB proportional %s" % (name, when),
                             [proportional])


SECTIONS = {
    "tcp": Bench.over_tcp,
    "unix": Bench.over_unix,
    "milter": Bench.milter,
    "postfix": Bench.postfix,
    "memory": Bench.memory,
    "control": Bench.control,
    "maps": Bench.maps,
    "start": Bench.start,
    "transitions": Bench.transitions,
}


def read_options():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0],
        epilog="Scratch files, the store among them, are below TMPDIR.")
    parser.add_argument("--quick", action="store_true",
                        help="only to see that everything can be measured")
    parser.add_argument("--accounts", type=int)
    parser.add_argument("--seconds", type=int, help="of each measurement")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--messages", type=int, help="of each run of Postfix")
    parser.add_argument("sections", nargs="*", metavar="SECTION",
                        help="of " + ", ".join(SECTIONS) + " (default: all)")
    options = parser.parse_args()
    if not set(options.sections) <= set(SECTIONS):
        parser.error("sections are " + ", ".join(SECTIONS))
    defaults = (10000, 1, 1, 200) if options.quick else (1000000, 2, 3, 3000)
    for name, default in zip(("accounts", "seconds", "rounds", "messages"),
                             defaults):
        if getattr(options, name) is None:
            setattr(options, name, default)
    return options


def describe_machine(options, directory):
    with open("/proc/cpuinfo", encoding="ascii") as info:
        model = next((line.split(":", 1)[1].strip() for line in info
                      if line.startswith("model name")), "unknown processor")
    print("%s, %d cores; Linux %s; store on %s; load average %.1f" % (
        model, os.cpu_count(), platform.release(),
        run(["stat", "-f", "-c", "%T", directory]).strip(),
        os.getloadavg()[0]))
    print("%s accounts; medians of %d rounds of %d s; %d connections" % (
        format(options.accounts, ",d"), options.rounds, options.seconds,
        CONNECTIONS), flush=True)


def main():
    options = read_options()
    build = os.path.abspath(os.environ.get("REHOME_BUILD", "."))
    with Scratch("rehome-bench") as scratch:
        describe_machine(options, scratch.path)
        bench = Bench(options, Site(scratch, build, options.accounts))
        tell("filling a store with %d accounts" % options.accounts)
        bench.site.fill()
        try:
            for name, section in SECTIONS.items():
                if not options.sections or name in options.sections:
                    section(bench)
        finally:
            bench.table.print()
    print("load average at the end %.1f" % os.getloadavg()[0])


if __name__ == "__main__":
    main()
