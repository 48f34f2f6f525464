# SPDX-License-Identifier: BSD-2-Clause
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = completion/luntap.bash
install-data-hook:
	cd $(DESTDIR)$(bashcompletiondir) && mv luntap.bash luntap
uninstall-hook:
	rm -f $(DESTDIR)$(bashcompletiondir)/luntap
