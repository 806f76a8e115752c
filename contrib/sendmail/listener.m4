dnl SPDX-License-Identifier: BSD-2-Clause
dnl
dnl All mail for the managed domains goes to the delivery listener of
dnl rehome-gateway, which asks where an account is when the mail is delivered.
dnl Instead of rehome.m4. See README. In sendmail.mc, below the last MAILER line:
dnl
dnl	include(`/etc/mail/listener.m4')dnl
dnl
dnl What may be defined above that line, with its default:
dnl
dnl	REHOME_DOMAINS		/etc/mail/rehome-domains; one domain a line
dnl	REHOME_LISTENER		/run/rehome/lmtp; a path, or with a port a host
dnl	REHOME_LISTENER_PORT	none
dnl	REHOME_MILTER		unix:/run/rehome/milter; empty for none
dnl
divert(-1)
ifdef(`REHOME_DOMAINS',, `define(`REHOME_DOMAINS', `/etc/mail/rehome-domains')')
ifdef(`REHOME_LISTENER',, `define(`REHOME_LISTENER', `/run/rehome/lmtp')')
ifdef(`REHOME_MILTER',,
	`define(`REHOME_MILTER', `unix:/run/rehome/milter')')
ifdef(`REHOME_LISTENER_PORT',
	`define(`REHOME_AT', REHOME_LISTENER)
	define(`REHOME_BY', `TCP $h 'REHOME_LISTENER_PORT)',
	`define(`REHOME_AT', `localhost')
	define(`REHOME_BY', `FILE 'REHOME_LISTENER)')
divert(0)dnl
VERSIONID(`rehome')
ifelse(REHOME_MILTER, `', `dnl', `INPUT_MAIL_FILTER(`rehome',
	`S='REHOME_MILTER`, F=T, T=C:5s;S:10s;R:15s;E:30s')')
LOCAL_CONFIG
# rehome: managed domains; their mail is accepted from everywhere
F{RehomeDomain}REHOME_DOMAINS
F{R}REHOME_DOMAINS

LOCAL_RULE_0
# rehome: home is asked for at delivery
R$+ < @ $={RehomeDomain} . >	$#rehome-listener $@ REHOME_AT $: $1 < @ $2 . >
R$+ < @ $={RehomeDomain} >	$#rehome-listener $@ REHOME_AT $: $1 < @ $2 . >
MAILER_DEFINITIONS
# LMTP (F=z): each recipient has an answer of its own
Mrehome-listener,	P=[IPC], F=mDFMuXaz,
		S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=990,
		T=DNS/RFC822/SMTP, A=REHOME_BY
divert(0)dnl
