# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# bash completion for luntap: commands, the options that each prints with
# --help, mount points and addresses of what runs.

# The words that begin with what was typed; unlike compgen -W, which would run
# a $(...) in the name of a folder.
_luntap_choose() { # WORD...
	local word
	for word; do
		if [[ $word = "${COMP_WORDS[COMP_CWORD]}"* ]]; then
			COMPREPLY+=("$word")
		fi
	done
}

# The values of an option, as --help has them: a|b|c.
_luntap_values() { # of $command and $option
	luntap "$command" --help 2>/dev/null |
		awk -v option="$option" '$1 == option && $2 ~ /[|]/ { print $2 }'
}

_luntap() {
	local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]:-} words
	local option=${COMP_WORDS[COMP_CWORD - 1]}
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		_luntap_choose discover list inquiry readcapacity sense ping perf \
			doctor mount nbd copy diff unmount status target --help \
			--version
	elif [ "$option" = --detach ]; then
		mapfile -t words < <(luntap status 2>/dev/null | grep '^/dev/nbd')
		_luntap_choose "${words[@]}"
	elif [ "$option" = --device ]; then
		_luntap_choose auto /dev/nbd[0-9] /dev/nbd[0-9][0-9]
	elif [ "$option" = --user ]; then
		mapfile -t words < <(compgen -u)
		_luntap_choose "${words[@]}"
	elif [[ $option = --* ]] && words=$(_luntap_values) && [ -n "$words" ]; then
		_luntap_choose ${words//|/ }
	elif [[ $cur = -* ]]; then
		mapfile -t words < <(luntap "$command" --help 2>/dev/null |
			grep -oE -- '--[a-z-]+' | sort -u)
		_luntap_choose "${words[@]}"
	elif [ "$command" = unmount ]; then
		compopt -o filenames
		mapfile -t words < <(luntap status 2>/dev/null | grep -v '^ ')
		_luntap_choose "${words[@]}"
	else
		compopt -o default
	fi
}
complete -F _luntap luntap
