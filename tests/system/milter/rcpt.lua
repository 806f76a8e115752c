-- SPDX-License-Identifier: BSD-2-Clause
-- RCPT: only the recipients that are out of service are deferred.
dofile(directory .. "/common.lua")

connection = outside()
for _, step in ipairs({SMFIP_NOHELO, SMFIP_NOHDRS, SMFIP_NOEOH, SMFIP_NOBODY}) do
	if not mt.test_option(connection, step) then
		error("a step that nobody needs is sent")
	end
end

rcpt(connection, "<settled@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<frozen@example.org>", SMFIR_REPLYCODE)
rcpt(connection, "<moving@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<parked@example.org>", SMFIR_CONTINUE)
rcpt(connection, "<lost@example.org>", SMFIR_REPLYCODE)
-- the domain in any form of writing, with a source route, without brackets
rcpt(connection, "<frozen@EXAMPLE.Org>", SMFIR_REPLYCODE)
rcpt(connection, "<frozen@example.org.>", SMFIR_REPLYCODE)
rcpt(connection, "<@relay.example:frozen@example.org>", SMFIR_REPLYCODE)
rcpt(connection, "frozen@example.org", SMFIR_REPLYCODE)
-- domains that are not managed are not asked for
rcpt(connection, "<frozen@example.com>", SMFIR_CONTINUE)
rcpt(connection, "<frozen@sub.example.org>", SMFIR_CONTINUE)
rcpt(connection, "<postmaster>", SMFIR_CONTINUE)
rcpt(connection, "<>", SMFIR_CONTINUE)
mt.disconnect(connection)
