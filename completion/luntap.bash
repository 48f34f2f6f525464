# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# bash completion for luntap: commands, the options that each prints with
# --help, mount points of running mounts.

_luntap() {
	local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]:-}
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "discover list inquiry
			readcapacity mount unmount status target --help --version" \
			-- "$cur")
		return
	fi
	if [[ $cur = -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(luntap "$command" --help \
			2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)" -- "$cur")
		return
	fi
	case $command in
	unmount)
		mapfile -t COMPREPLY < <(compgen -W "$(luntap status --json \
			2>/dev/null | grep -oE '"mountpoint": *"[^"]*"' |
			cut -d '"' -f 4)" -- "$cur")
		;;
	mount | target)
		compopt -o default
		;;
	esac
}
complete -F _luntap luntap
