-- SPDX-License-Identifier: BSD-2-Clause
-- DATA: a message of which no recipient is being moved is let go there.
dofile(directory .. "/common.lua")

connection = outside()
rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<bob@example.com>", SMFIR_CONTINUE)
data(connection, SMFIR_ACCEPT)

-- the deferred recipient is no recipient of the message
message(connection)
rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<frozen@example.org>", SMFIR_REPLYCODE)
data(connection, SMFIR_ACCEPT)

-- one that is being moved keeps the message
message(connection)
rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<moving@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_CONTINUE)
finish(connection, SMFIR_CONTINUE)

-- nothing of the message before counts for the next
message(connection)
rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_ACCEPT)

-- nor of one that was given up
message(connection)
rcpt(connection, "<moving@example.org>", SMFIR_CONTINUE)
mt.abort(connection)
message(connection)
rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_ACCEPT)
mt.disconnect(connection)
