# SPDX-License-Identifier: BSD-2-Clause
"""The demonstration: three live accounts move from an old Dovecot to a new one,
because their users log in. Logins and mail go through rehome's gateway, behind a
real Postfix; mail and readers never stop. It ends with the ledger of all mail,
and fails loudly when that does not balance."""

import os
import sys
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(TOP, "tests", "lab"))
sys.path.insert(0, os.path.join(TOP, "contrib", "demo"))
sys.dont_write_bytecode = True

import corpus  # noqa: E402
from dovecot import PASSWORD  # noqa: E402
from ledger import Ledger  # noqa: E402
from people import MailServer, Person  # noqa: E402
from scratch import Scratch, run, wait_for  # noqa: E402
from site_under_test import Site  # noqa: E402
from traffic import Accepted, LocalSender, SmtpSender  # noqa: E402

ACCOUNTS = ("ann@example.org", "bob@example.org", "cleo@example.org")
ALIASES = {"team@example.net": "ann@example.org",
           "desk@example.net": "bob@example.org"}
BUDGET_MS = 10000
# Steps of the front when the account is in service again already.
AFTERWARDS = ("open", "flush")


def say(text):
    """In one piece: the people speak as well, in threads of their own."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def steps_text(account, wanted):
    return ", ".join("%s %d" % step for step in account["freeze_steps"].items()
                     if wanted(step[0]))


class Demo:
    def __init__(self, scratch, build):
        self.scratch = scratch
        self.keys = scratch.dir("keys")
        self.old = MailServer(scratch, "old")
        self.new = MailServer(scratch, "new")
        site = Site(
            scratch, build, maps="listener", aliases=ALIASES, old=self.old,
            new=self.new, budget="%dms" % BUDGET_MS,
            gateway={"protocols": ("imap", "lmtp"), "forms": ("start",),
                     "options": '    public_key = "%s/learned.pub"\n'
                                % self.keys},
            policyd={"gateway_wait": "30s"},
            copier_more='private_key = "%s/learned.key"' % self.keys)
        self.site = site
        self.postfix, self.rehome = site.postfix, site.rehome
        self.accepted = Accepted()
        self.readers = [Person(address, site.gateway, self.accepted, say)
                        for address in ACCOUNTS]
        self.parked = set()
        self.sessions_shown = False

    def make_keys(self):
        """The gateway gets the public half, the copier the private one."""
        run(["openssl", "genpkey", "-algorithm", "X25519", "-out",
             self.keys + "/learned.key"])
        run(["openssl", "pkey", "-in", self.keys + "/learned.key", "-pubout",
             "-out", self.keys + "/learned.pub"])
        os.chmod(self.keys + "/learned.key", 0o600)

    def start_servers(self):
        say("Starting a private Postfix, an old and a new Dovecot, rehome ...")
        self.make_keys()
        open(self.new.directory + "/users", "a", encoding="utf-8").close()
        self.site.start(ACCOUNTS)

    def fill(self):
        count = 0
        for seed, address in enumerate(ACCOUNTS, 1):
            numbers = corpus.fill(self.old, address, seed, 200)
            for number in numbers:
                self.accepted.accept(number, [address])
            count += len(numbers)
        say("%d messages stand in %d accounts on the old server."
            % (count, len(ACCOUNTS)))

    def start_traffic(self):
        route = {address: address for address in ACCOUNTS}
        port = self.postfix.smtp
        self.senders = [
            SmtpSender(self.accepted, ACCOUNTS, route, port),
            SmtpSender(self.accepted, ACCOUNTS[::-1], route, port,
                       login=ACCOUNTS[0], pause=0.1),
            SmtpSender(self.accepted, list(ALIASES), ALIASES, port,
                       pause=0.1),
            LocalSender(self.accepted, ACCOUNTS, route, self.postfix,
                        pause=0.1)]
        for thread in self.senders:
            thread.start()
        time.sleep(1)
        say("Mail comes in by SMTP from outside, from a logged-in user, through"
            " aliases\nand by sendmail(1). Postfix hands all of it to the "
            "gateway, by LMTP, and the\nusers' programs know the gateway's "
            "address alone.")

    def order(self):
        """Nothing moves before its user has logged in."""
        self.rehome.start_copier("--daemon")
        for strategy, accounts in (("login", ACCOUNTS[:2]),
                                   ("logout", ACCOUNTS[2:])):
            say("\n$ rehome move --strategy %s %s"
                % (strategy, " ".join(accounts)))
            say(self.rehome.ctl("move", "--strategy", strategy,
                                *accounts).stdout.strip())
        if self.readers[0].is_let_in("a guess"):
            raise RuntimeError("a wrong password was taken")
        time.sleep(1)
        for address in ACCOUNTS:
            if self.rehome.show(address)["phase"] != "requested":
                raise RuntimeError("%s moves, and nobody has logged in"
                                   % address)
        say("A wrong password was tried for %s: refused by the old server; "
            "nothing\nhas begun to move. Now the users log in:\n"
            % ACCOUNTS[0])

    def move(self):
        for reader in self.readers:
            reader.start()
        waiting = set(ACCOUNTS)
        phases = {}
        end = time.monotonic() + 60
        while waiting:
            if time.monotonic() > end:
                raise TimeoutError("not settled: %s" % ", ".join(waiting))
            for reader in self.readers:
                account = self.rehome.show(reader.address)
                state = account["phase"], account["home"]
                if phases.get(reader.address) != state:
                    phases[reader.address] = state
                    say("  %-17s %-9s at %s" % (reader.address, *state))
                    self.come_or_go(reader, *state)
                if state == ("settled", "destination"):
                    waiting.discard(reader.address)
            self.note_parked()
            time.sleep(0.05)

    def come_or_go(self, reader, phase, home):
        """Whoever is at work at the old server logs out when all but the
        last changes are copied, and comes again later."""
        if phase == "ready" and reader.served_by == ["old"]:
            self.show_sessions()
            say("  %-17s logs out" % reader.address)
            reader.log_out()
        elif home == "destination":
            reader.log_in()

    def show_sessions(self):
        """Once: who is logged in. Deliveries come and go too fast to see."""
        if self.sessions_shown:
            return
        self.sessions_shown = True
        lines = self.rehome.ctl("sessions").stdout.splitlines()
        say("  $ rehome sessions\n" + "\n".join(
            "    " + line for line in lines if " lmtp " not in line))

    def note_parked(self):
        """Messages that wait in the queue for an account out of service."""
        for entry in self.postfix.queue():
            if entry["queue_name"] == "deferred":
                self.parked.add(entry["queue_id"])

    def stop_traffic(self):
        for thread in self.senders + self.readers:
            thread.finish()
        say("The accounts have moved; waiting for the queue to run empty ...")
        wait_for(lambda: not self.postfix.waiting(), 30,
                 "the queue to run empty", 0.2)

    def report(self):
        ledger = Ledger(self.accepted, self.readers)
        ledger.balance(self.new, self.old, ACCOUNTS)
        say("\nLedger of all mail")
        for line in ledger.lines(len(self.parked)):
            say(line)
        say("(What is at home includes the %d drafts that the users saved.)"
            % sum(len(reader.drafts) for reader in self.readers))
        say("\nOut of service (the freeze), by step in milliseconds")
        within = True
        for address in ACCOUNTS:
            account = self.rehome.show(address)
            within = within and account["freeze_ms"] <= BUDGET_MS
            say("%7d  %-17s %s; then %s" % (
                account["freeze_ms"], address,
                steps_text(account, lambda name: name not in AFTERWARDS),
                steps_text(account, lambda name: name in AFTERWARDS)))
        for reader in self.readers:
            say("%-17s flagged %d, filed %d, drafted %d; served by %s"
                % (reader.address, len(reader.flagged), len(reader.filed),
                   len(reader.drafts), ", then ".join(reader.served_by)))
        for address in ACCOUNTS:
            entry = self.new.user_entry(address)
            say("%-17s password learned, kept by the new server as %s..."
                % (address, entry[:24]))
            within = within and entry.startswith("{ARGON2ID}")
        moved = all(reader.served_by[-1:] == ["new"]
                    for reader in self.readers)
        for problem in (ledger.lost + ledger.twice + ledger.old_only
                        + ledger.misplaced + self.accepted.refused)[:20]:
            say("PROBLEM %s" % (problem,))
        return ledger.holds() and within and moved

    def print_hints(self):
        command = "%s/ctl/rehome -c %s" % (self.rehome.build,
                                           self.rehome.config)
        say("""
All is left running in %s. Try:
    %s status
    %s show %s
    %s why %s
    %s return %s --strategy login   # then let him log in: curl, below
    swaks --server 127.0.0.1:%d --local-interface 127.0.0.2 --to %s
    %s sessions
    %s seen %s
    curl --ssl-reqd --cacert %s -u %s:%s 'imap://localhost:%d/INBOX?ALL'
Stop it: kill %s; postfix -c %s stop;
    doveadm -c %s stop; doveadm -c %s stop""" % (
            self.scratch.path, command, command, ACCOUNTS[0], command,
            ACCOUNTS[0], command, ACCOUNTS[1], self.postfix.smtp, ACCOUNTS[0],
            command, command, ACCOUNTS[0], self.old.certificate, ACCOUNTS[0],
            PASSWORD, self.site.gateway.port("imap", "start"), " ".join(
                str(child.pid) for child in self.scratch.children.values()),
            self.postfix.etc, self.old.config, self.new.config))


def main():
    build, keep = sys.argv[1], "--keep" in sys.argv[2:]
    scratch = Scratch("rehome-demo")
    good = False
    try:
        demo = Demo(scratch, build)
        demo.start_servers()
        demo.fill()
        demo.start_traffic()
        demo.order()
        demo.move()
        demo.stop_traffic()
        good = demo.report()
        verdict = ("Nothing was lost, nothing came twice." if good else
                   "FAILED: the ledger does not balance or a freeze was too "
                   "long.")
    except Exception as error:  # whatever it was, say it and clean up
        verdict = "FAILED: %s: %s" % (type(error).__name__, error)
        for name in list(scratch.children):
            say("---- end of %s.log ----\n%s"
                % (name, scratch.log(name)[-3000:]))
        keep = False
    say("\n" + verdict)
    if keep:
        demo.print_hints()
    else:
        scratch.close()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
