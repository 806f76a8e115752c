-- SPDX-License-Identifier: BSD-2-Clause
-- What the dialogues share. The stand-in for policyd answers by recipient:
-- settled, moving, frozen, parked, lost (cannot tell), freezes and loses
-- (moving when first asked, then frozen or lost), all @example.org.

function must(failure, what)
	if failure ~= nil then
		error(what .. ": " .. tostring(failure))
	end
end

function expect(connection, reply, what)
	local got = mt.getreply(connection)
	if got ~= reply then
		error(string.format("%s: expected '%c', got '%c'", what, reply,
			got))
	end
end

-- A session of a client, up to and with MAIL FROM.
function session(name, address, login)
	local connection = mt.connect(socket, 40, 0.05)
	if connection == nil then
		error("cannot connect to " .. socket)
	end
	must(mt.conninfo(connection, name, address), "client")
	message(connection, login)
	return connection
end

function outside()
	return session("mail.example.net", "192.0.2.1")
end

function message(connection, login)
	mt.macro(connection, SMFIC_MAIL, "{auth_authen}", login or "")
	must(mt.mailfrom(connection, "<bob@example.net>"), "MAIL")
end

function rcpt(connection, recipient, reply)
	must(mt.rcptto(connection, recipient), "RCPT " .. recipient)
	expect(connection, reply, "RCPT " .. recipient)
end

function data(connection, reply)
	must(mt.data(connection), "DATA")
	expect(connection, reply, "DATA")
end

-- The end of a message of which no header and no body is sent.
function finish(connection, reply)
	must(mt.eom(connection), "end of message")
	expect(connection, reply, "end of message")
end
