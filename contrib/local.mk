# SPDX-License-Identifier: BSD-2-Clause

# Wiring the mail servers.
EXTRA_DIST += \
	contrib/postfix/README \
	contrib/postfix/main.cf.maps \
	contrib/postfix/main.cf.milter \
	contrib/postfix/main.cf.policy \
	contrib/postfix/main.cf.socketmap \
	contrib/postfix/master.cf \
	contrib/postfix/rehome_domains
