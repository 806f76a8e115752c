#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The provision hooks of contrib, with a password on a descriptor: a Dovecot
with a passwd-file and one with SQL let the user in by that password, and only
by that; it stands nowhere."""

import os
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "lab"))

import tap  # noqa: E402
from scratch import Scratch, run  # noqa: E402

LOGIN = "ann@example.org"
PASSWORD = " it's \"odd\": $HOME \\ % größe "
CONFIG = """
base_dir = {directory}/run
log_path = {directory}/log
auth_username_format =
auth_mechanisms = plain
passdb {{
    driver = {driver}
    args = {args}
}}
userdb {{
    driver = static
    args = uid=nobody gid=nogroup home=/tmp
}}
service stats {{
    unix_listener stats-writer {{
        mode = 0666
    }}
}}
protocols =
"""
SQL = """
driver = sqlite
connect = {database}
password_query = SELECT login AS user, password FROM users WHERE login = '%u'
"""
STATEMENT = """
DATABASE='sqlite3 -bail {database}'
statement() {{
    echo "INSERT OR IGNORE INTO users (login, local, domain, password)
        VALUES ('$login', '$local', '$domain', '$hash');"
}}
"""


def dovecot(scratch, driver, args):
    directory = scratch.dir("dovecot")
    config = scratch.file("dovecot.conf", text=CONFIG.format(
        directory=directory, driver=driver, args=args))
    scratch.daemonize("dovecot", ["dovecot", "-c", config])
    scratch.undo.append(lambda: run(["doveadm", "-c", config, "stop"],
                                    check=False))
    return config


def accepts(config, password, login=LOGIN):
    done = subprocess.run(
        ["doveadm", "-c", config, "auth", "test", login, password],
        capture_output=True, text=True, check=False)
    return "auth succeeded" in done.stdout + done.stderr


def provision(hook, settings, password=None, login=LOGIN, descriptor=3):
    """Runs it as the copier does: the password in a pipe."""
    environment = {"PATH": os.environ["PATH"], "REHOME_ACCOUNT": login,
                   "REHOME_LOGIN": login,
                   "REHOME_LOCAL_PART": login.split("@")[0],
                   "REHOME_DOMAIN": login.split("@")[1],
                   "REHOME_SYSTEM": "new", "REHOME_ACTION": "provision"}
    environment.update(settings)
    command = [os.path.join(SOURCE, "contrib", hook)]
    if password is None:
        return subprocess.run(command, env=environment, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
    environment["REHOME_PASSWORD_FD"] = str(descriptor)
    shell = ["sh", "-c", 'exec %d<&0; %s exec "$0"' % (
        descriptor, "exec </dev/null;" if descriptor else ""), command[0]]
    return subprocess.run(shell, env=environment, check=False,
                          input=password.encode("utf-8"), capture_output=True)


def passwd_file_gets_a_hash():
    with Scratch() as scratch:
        users = scratch.file("users", text="")
        os.chmod(users, 0o644)
        config = dovecot(scratch, "passwd-file", users)
        settings = {"REHOME_DOVECOT_SETTINGS": scratch.file(
            "hooks.conf", text=(
                "DOVECOT_CONFIG=%s\nUSERS_FILE=%s\nDENY_DIRECTORY=%s\n"
                "NEW_USER_FIELDS='{PLAIN}!::::::userdb_x=y'\n"
                % (config, users, scratch.dir("deny"))))}
        for descriptor, login in ((3, LOGIN), (0, "bob@example.org")):
            done = provision("dovecot/provision", settings, PASSWORD,
                             login=login, descriptor=descriptor)
            assert done.returncode == 0, done
            assert accepts(config, PASSWORD, login)
            assert not accepts(config, PASSWORD.strip(), login)
        with open(users, encoding="utf-8") as text:
            lines = text.read()
        assert "{ARGON2ID}$argon2id$" in lines, lines
        assert "odd" not in lines and "::::::userdb_x=y" in lines, lines
        # Once more, with another one: who is there stays as he is.
        done = provision("dovecot/provision", settings, "other")
        assert done.returncode == 0, done
        assert accepts(config, PASSWORD) and not accepts(config, "other")


def passwd_file_without_a_password():
    with Scratch() as scratch:
        users = scratch.file("users", text="")
        os.chmod(users, 0o644)
        config = dovecot(scratch, "passwd-file", users)
        settings = {"REHOME_DOVECOT_SETTINGS": scratch.file(
            "hooks.conf", text=(
                "DOVECOT_CONFIG=%s\nUSERS_FILE=%s\nDENY_DIRECTORY=%s\n"
                "NEW_USER_FIELDS='{PLAIN}fixed::::::'\n"
                % (config, users, scratch.dir("deny"))))}
        done = provision("dovecot/provision", settings)
        assert done.returncode == 0, done
        assert accepts(config, "fixed")


def database(scratch):
    name = os.path.join(scratch.dir("sql"), "users.db")
    os.chmod(os.path.dirname(name), 0o777)
    with sqlite3.connect(name) as users:
        users.execute("CREATE TABLE users (login TEXT PRIMARY KEY, "
                      "local TEXT, domain TEXT, password TEXT)")
    os.chmod(name, 0o666)
    return name


def sql_gets_a_hash():
    with Scratch() as scratch:
        name = database(scratch)
        config = dovecot(scratch, "sql", scratch.file(
            "sql.conf", text=SQL.format(database=name)))
        settings = {"REHOME_SQL_SETTINGS": scratch.file(
            "hook.conf", text=STATEMENT.format(database=name))}
        done = provision("sql/provision", settings, PASSWORD)
        assert done.returncode == 0, done
        assert accepts(config, PASSWORD) and not accepts(config, "wrong")
        done = provision("sql/provision", settings, "other")
        assert done.returncode == 0, done
        assert accepts(config, PASSWORD) and not accepts(config, "other")
        done = provision("sql/provision", settings, login="bob@example.org")
        assert done.returncode == 0, done
        with sqlite3.connect(name) as users:
            rows = users.execute("SELECT * FROM users ORDER BY login")
            ann, bob = rows.fetchall()
        assert ann[:3] == (LOGIN, "ann", "example.org")
        assert ann[3].startswith("{ARGON2ID}$argon2id$"), ann
        assert bob[3] == "", bob
        assert not accepts(config, "", "bob@example.org")


def sql_takes_no_statement_from_a_name():
    with Scratch() as scratch:
        name = database(scratch)
        settings = {"REHOME_SQL_SETTINGS": scratch.file(
            "hook.conf", text=STATEMENT.format(database=name))}
        for login in ("a'); DROP TABLE users; --@example.org",
                      "a\\@example.org", 'a"@example.org',
                      "a\nb@example.org"):
            done = provision("sql/provision", settings, login=login)
            assert done.returncode == 65, (login, done)
        with sqlite3.connect(name) as users:
            assert users.execute("SELECT count(*) FROM users").fetchone()[
                0] == 0


def failing_database_is_told():
    with Scratch() as scratch:
        settings = {"REHOME_SQL_SETTINGS": scratch.file(
            "hook.conf",
            text=STATEMENT.format(database=scratch.dir("empty")))}
        done = provision("sql/provision", settings, PASSWORD)
        assert done.returncode != 0, done
        output = done.stdout + done.stderr
        assert b"unable to open" in output and b"odd" not in output, done


if __name__ == "__main__":
    tap.main([passwd_file_gets_a_hash, passwd_file_without_a_password,
              sql_gets_a_hash, sql_takes_no_statement_from_a_name,
              failing_database_is_told])
