-- SPDX-License-Identifier: BSD-2-Clause
-- End of message: who froze since RCPT defers the message whole.
dofile(directory .. "/common.lua")

connection = outside()
rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<moving@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<freezes@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_CONTINUE)
finish(connection, SMFIR_REPLYCODE)

-- in whatever order
message(connection)
rcpt(connection, "<freezes2@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<moving@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_CONTINUE)
finish(connection, SMFIR_REPLYCODE)

-- the sender tries again
message(connection)
rcpt(connection, "<freezes@example.org>", SMFIR_REPLYCODE)
mt.abort(connection)

-- what cannot be told any more is deferred too
message(connection)
rcpt(connection, "<loses@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_CONTINUE)
finish(connection, SMFIR_REPLYCODE)

-- mail that is parked goes on
message(connection)
rcpt(connection, "<parked@example.org>", SMFIR_CONTINUE)
data(connection, SMFIR_CONTINUE)
finish(connection, SMFIR_CONTINUE)
mt.disconnect(connection)
