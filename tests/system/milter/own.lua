-- SPDX-License-Identifier: BSD-2-Clause
-- Own users are never deferred: the map parks their mail.
dofile(directory .. "/common.lua")

function is_own(connection, what)
	mt.echo(what)
	rcpt(connection, "<frozen@example.org>", SMFIR_CONTINUE)
	rcpt(connection, "<lost@example.org>", SMFIR_CONTINUE)
	data(connection, SMFIR_ACCEPT)
	mt.disconnect(connection)
end

is_own(session("mail.example.net", "192.0.2.1", "ann"), "authenticated")
is_own(session("desk.example.org", "198.51.100.7"), "in our networks")
is_own(session("localhost", "unspec"), "local submission")

-- and each of these is outside
connection = session("mail.example.net", "198.51.100.128")
rcpt(connection, "<frozen@example.org>", SMFIR_REPLYCODE)
mt.disconnect(connection)
connection = session("unknown", "unspec")
rcpt(connection, "<frozen@example.org>", SMFIR_REPLYCODE)
mt.disconnect(connection)

-- the login counts for its own message only
connection = session("mail.example.net", "192.0.2.1", "ann")
rcpt(connection, "<frozen@example.org>", SMFIR_CONTINUE)
mt.abort(connection)
message(connection)
rcpt(connection, "<frozen@example.org>", SMFIR_REPLYCODE)
mt.disconnect(connection)
