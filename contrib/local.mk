# SPDX-License-Identifier: BSD-2-Clause

# Wiring the mail servers.
EXTRA_DIST += \
	contrib/postfix/README \
	contrib/postfix/main.cf.maps \
	contrib/postfix/main.cf.milter \
	contrib/postfix/main.cf.policy \
	contrib/postfix/main.cf.socketmap \
	contrib/postfix/master.cf \
	contrib/postfix/rehome_domains \
	contrib/sendmail/README \
	contrib/sendmail/queue-flush \
	contrib/sendmail/queue-list \
	contrib/sendmail/rehome.m4 \
	contrib/sendmail/sendmail.mc \
	contrib/sendmail/sudoers
