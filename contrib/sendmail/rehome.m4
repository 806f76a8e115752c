dnl SPDX-License-Identifier: BSD-2-Clause
dnl
dnl Sendmail asks policyd where the mail of each recipient in a managed domain
dnl goes, at every attempt to deliver. See README. In sendmail.mc, below the
dnl last MAILER line:
dnl
dnl	include(`/etc/mail/rehome.m4')dnl
dnl
dnl What may be defined above that line, with its default:
dnl
dnl	REHOME_DOMAINS		/etc/mail/rehome-domains; one domain a line
dnl	REHOME_SOCKETMAP	unix:/run/rehome/socketmap
dnl	REHOME_MILTER		unix:/run/rehome/milter; empty for none
dnl
dnl and below it, for each port of a `deliver' in rehome.conf that is neither 25
dnl of smtp nor 24 of lmtp:
dnl
dnl	REHOME_HOP(`smtp', `2525')dnl
dnl	REHOME_HOP(`lmtp', `10024')dnl
dnl
divert(-1)
ifdef(`REHOME_DOMAINS',, `define(`REHOME_DOMAINS', `/etc/mail/rehome-domains')')
ifdef(`REHOME_SOCKETMAP',,
	`define(`REHOME_SOCKETMAP', `unix:/run/rehome/socketmap')')
ifdef(`REHOME_MILTER',,
	`define(`REHOME_MILTER', `unix:/run/rehome/milter')')

dnl Mail for a managed domain is never delivered by the process that received
dnl it: that one has asked at RCPT, and a slow client may end its message long
dnl after the answer has changed. It goes to the queue (F=e), and the queue
dnl runner asks again.
define(`confCON_EXPENSIVE', `True')

dnl $1 is smtp or lmtp, $2 the port. A $ that m4 must leave alone is $`'.
define(`REHOME_HOP', `LOCAL_RULESETS
R< $1 : $`'+ : $2 > $`'+ < @ $`'+ . >	$`'#rehome-$1-$2 $`'@ $`'1 $: $`'2 < @ $`'3 . >
MAILER_DEFINITIONS
Mrehome-$1-$2,	P=[IPC], F=mDFMuXae`'ifelse($1, `lmtp', `z'),
		S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=990,
		T=DNS/RFC822/SMTP, A=TCP $h $2
divert(0)')

divert(0)dnl
VERSIONID(`rehome')
ifelse(REHOME_MILTER, `', `dnl', `INPUT_MAIL_FILTER(`rehome',
	`S='REHOME_MILTER`, F=T, T=C:5s;S:10s;R:15s;E:30s')')
LOCAL_CONFIG
# rehome: managed domains; their mail is accepted from everywhere
F{RehomeDomain}REHOME_DOMAINS
F{R}REHOME_DOMAINS
# the name of the map is sent to policyd
Ktransport socket REHOME_SOCKETMAP

LOCAL_RULE_0
# rehome: < next hop > user < @ domain . >; nothing between the brackets for
# who is not in the directory. If policyd cannot tell, the message is queued.
R$+ < @ $={RehomeDomain} . >	$: < $(transport $1@$2 $: $) > $1 < @ $2 . >
R$+ < @ $={RehomeDomain} >	$: < $(transport $1@$2 $: $) > $1 < @ $2 . >
R< > $+ < @ $+ . >		$: $1 < @ $2 . >
R< relay : $+ > $+		$: < smtp : $1 > $2
R< lmtp : inet : $+ > $+	$: < lmtp : $1 > $2
R< $+ > $+ < @ $+ . >		$: $>RehomeHop < $1 > $2 < @ $3 . >
# a next hop that names no port
R< smtp : [ $+ ] > $+ < @ $+ . >	$#rehome-smtp-25 $@ [ $1 ] $: $2 < @ $3 . >
R< lmtp : [ $+ ] > $+ < @ $+ . >	$#rehome-lmtp-24 $@ [ $1 ] $: $2 < @ $3 . >
R< lmtp : unix : $+ > $+ < @ $+ . >	$#rehome-lmtp $@ $1 $: $2 < @ $3 . >
R< $- : $+ : $- > $+ < @ $+ . >	$: < unknown > $4 < @ $5 . >
R< smtp : $+ > $+ < @ $+ . >	$#rehome-smtp-25 $@ $1 $: $2 < @ $3 . >
R< lmtp : $+ > $+ < @ $+ . >	$#rehome-lmtp-24 $@ $1 $: $2 < @ $3 . >
# parked: frozen, or a next hop that is not understood
R< $+ > $+ < @ $+ . >		$#rehome-park $@ [127.0.0.1] $: $2 < @ $3 . >

LOCAL_RULESETS
SRehomeHop
REHOME_HOP(`smtp', `25')
REHOME_HOP(`lmtp', `24')
MAILER_DEFINITIONS
Mrehome-lmtp,	P=[IPC], F=mDFMuXaez,
		S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=990,
		T=DNS/RFC822/SMTP, A=FILE $h
# F=%: tried only when policyd flushes the message; nobody listens at the port
Mrehome-park,	P=[IPC], F=mDFMuXae%,
		S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=990,
		T=DNS/RFC822/SMTP, A=TCP $h 1
divert(0)dnl
