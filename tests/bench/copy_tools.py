# SPDX-License-Identifier: BSD-2-Clause
"""The tools that copy an account, ours and those that are installed. Each is
started with what it is usually given for speed."""

import os
import shutil

from dovecot import PASSWORD

HERE = os.path.dirname(os.path.abspath(__file__))

MBSYNC = """
FSync no
BufferLimit 200M
{accounts}
Channel c
Far :source:
Near :destination:
Patterns *
Create Near
Remove None
Expunge None
Sync Pull
CopyArrivalDate yes
SyncState {state}/sync/
"""
MBSYNC_ACCOUNT = """
IMAPAccount {name}
Host localhost
Port {port}
User {user}
Pass {password}
SSLType {tls}
CertificateFile {certificate}
AuthMechs LOGIN
PipelineDepth 500
Timeout 0

IMAPStore {name}
Account {name}
UseNamespace no

"""


class Job:
    """What is to be copied: ports (as they are reached), users, servers."""

    def __init__(self, source, destination, ports, users, state, tls):
        self.source, self.destination = source, destination
        self.ports, self.users = ports, users
        self.state, self.tls = state, tls


def rehome(job, build):
    options = os.environ.get("REHOME_OPTIONS", "")
    if job.tls:
        options += " --ca-file " + job.bundle
    return (["sh", os.path.join(HERE, "tool-rehome.sh"), "localhost",
             str(job.ports[0]), job.users[0], PASSWORD, "localhost",
             str(job.ports[1]), job.users[1], PASSWORD],
            {"RIG_STATE": job.state, "REHOME_BUILD": build,
             "REHOME_SCHEME": "imaps" if job.tls else "imap",
             "REHOME_OPTIONS": options})


def mbsync(job, _build):
    accounts = "".join(MBSYNC_ACCOUNT.format(
        name=name, port=port, user=user, password=PASSWORD,
        tls="IMAPS" if job.tls else "None", certificate=job.bundle)
        for name, port, user in zip(("source", "destination"), job.ports,
                                    job.users))
    os.makedirs(os.path.join(job.state, "sync"), exist_ok=True)
    path = os.path.join(job.state, "mbsyncrc")
    with open(path, "w", encoding="utf-8") as out:
        out.write(MBSYNC.format(accounts=accounts, state=job.state))
    os.chmod(path, 0o600)
    return ["mbsync", "-q", "-c", path, "-a"], {}


def imapsync(job, _build):
    tls = ["--ssl1", "--ssl2"] if job.tls else [
        "--nossl1", "--nossl2", "--notls1", "--notls2"]
    return (["perl", imapsync_path(), "--host1", "localhost", "--port1",
             str(job.ports[0]), "--user1", job.users[0], "--password1",
             PASSWORD, "--host2", "localhost", "--port2", str(job.ports[1]),
             "--user2", job.users[1], "--password2", PASSWORD, *tls,
             "--nolog", "--tmpdir", job.state, "--pidfile",
             os.path.join(job.state, "pid"), "--noreleasecheck",
             "--nomodulesversion", "--noid", "--nofoldersizes",
             "--nofoldersizesatend", "--errorsmax", "1000000",
             "--nocheckmessageexists", "--nocheckselectable",
             "--nocheckfoldersexist"], {})


def imapsync_path():
    return os.environ.get("IMAPSYNC") or shutil.which("imapsync")


def dsync(job, _build):
    """doveadm backup: writes the destination's store, without its IMAP."""
    tls = ["-o", "imapc_ssl=imaps", "-o", "ssl_client_ca_file=" + job.bundle
           ] if job.tls else ["-o", "imapc_ssl=no"]
    return (["doveadm", "-c", job.destination.config,
             "-o", "mail_prefetch_count=50", "-o", "imapc_host=localhost",
             "-o", "imapc_port=%d" % job.ports[0],
             "-o", "imapc_user=" + job.users[0],
             "-o", "imapc_password=" + PASSWORD, *tls, "-o",
             "imapc_features=rfc822.size fetch-headers fetch-bodystructure",
             "-o", "dsync_commit_msgs_interval=1000",
             "backup", "-R", "-u", job.users[1], "imapc:"], {})


def installed():
    """{name: function}, ours first."""
    found = {"rehome": rehome}
    if shutil.which("mbsync"):
        found["mbsync"] = mbsync
    if imapsync_path():
        found["imapsync"] = imapsync
    if shutil.which("doveadm"):
        found["dsync"] = dsync
    return found
