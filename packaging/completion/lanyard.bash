# bash completion for lanyard(1). The commands, their options and what they take are asked of `lanyard help`, groups and
# agents of the agent, so that neither can be out of date.

_lanyard_names() { # KEY, then the command that prints JSON
	local key=$1
	shift
	"$@" 2>/dev/null | grep -o "\"$key\": *\"[^\"\\\\]*\"" | sed 's/^[^:]*: *"//; s/"$//' | sort -u
}

# The next step below the folder that the word is in; of folders their names and a slash. For versions and restore, what is
# kept as well.
_lanyard_paths() { # GROUP WORD COMMAND, then the program
	local group=$1 word=$2 command=$3
	shift 3
	{
		# shellcheck disable=SC2001
		"$@" --json files "$group" "$(sed 's/[][*?\\]/[&]/g' <<<"$word")*" 2>/dev/null |
			grep -o '"path":"[^"\\]*","kind":"[a-z]*"' | sed 's/","kind":"dir"$/\//; s/","kind":.*//'
		case $command in
		versions | restore) "$@" --json versions "$group" 2>/dev/null | grep -o '"path":"[^"\\]*"' | sed 's/"$//' ;;
		esac
	} | sed 's/^"path":"//' | word=$word awk '{
		n = match(ENVIRON["word"], /[^\/]*$/) - 1
		if (substr($0, 1, n) != substr(ENVIRON["word"], 1, n)) next
		i = index(substr($0, n + 1), "/")
		print i ? substr($0, 1, n + i) : $0
	}' | sort -u
}

# Without those that are only seen on the network.
_lanyard_groups() { # the program
	"$@" --json groups 2>/dev/null | sed 's/"seen":.*//' | grep -o '"group": *"[^"\\]*"' | sed 's/^[^:]*: *"//; s/"$//' | sort -u
}

# Only a sealed group has vaults.
_lanyard_roles() { # ROLES GROUP, then the program
	local roles=$1 group=$2
	shift 2
	"$@" --json groups 2>/dev/null | grep -q "\"group\":\"$group\"[^}]*\"sealed\":true" || roles=${roles//|vault/}
	printf '%s\n' "$roles"
}

_lanyard_offer() { # words, one per line
	local word
	while IFS= read -r word; do
		[[ -n $word && $word == "$cur"* ]] && COMPREPLY+=("$(printf %q "$word")")
	done
}

_lanyard() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i command='' group='' path='' place=0 synopsis slot
	local -a agent=(lanyard) slots=()
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--home) agent+=(--home "${COMP_WORDS[++i]}") ;;
		--share | --invite | --invite-file | --expires | --role | --uses | --revoke | --mode | --message | --to | --timeout | --peers | --keep) ((i++)) ;;
		-*) ;;
		*)
			if [[ -z $command ]]; then
				command=${COMP_WORDS[i]}
			else
				case $((place++)) in
				0) group=${COMP_WORDS[i]//\\/} ;;
				1) path=${COMP_WORDS[i]//\\/} ;;
				esac
			fi
			;;
		esac
	done
	case $prev in
	--home | --share) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -d -- "$cur") && return ;;
	--invite-file | --to) compopt -o filenames && mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
	--invite | --expires | --uses | --revoke | --message | --timeout | --peers) return ;;
	esac
	if [[ -z $command ]]; then
		_lanyard_offer < <(lanyard help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'; printf -- '--home\n--json\n')
		return
	fi
	synopsis=$(lanyard help "$command" 2>/dev/null | sed -n '1s/.*\[--json\] *[^ ]*//p')
	if [[ $prev == --* ]]; then
		slot=$(sed -n "s/.*$prev \([a-z][a-z|-]*\).*/\1/p" <<<"$synopsis") # the words that the option takes
		[[ $prev == --role ]] && slot=$(_lanyard_roles "$slot" "$group" "${agent[@]}")
		[[ -n $slot ]] && _lanyard_offer <<<"${slot//|/$'\n'}" && return
	fi
	if [[ $cur == -* ]]; then
		_lanyard_offer < <(grep -o -- '--[a-z-]*' <<<"$synopsis")
		return
	fi
	# What stands at this place among the words in capitals that are not an option's value.
	read -ra slots <<<"$(sed 's/\[*--[a-z-]* [A-Z0-9a-z|-]*\]*//g; s/\[--[a-z-]*\]//g; s/[][]//g' <<<"$synopsis")"
	((${#slots[@]})) || return
	slot=${slots[place]:-${slots[${#slots[@]} - 1]:-}}
	((place < ${#slots[@]})) || [[ $slot == *... ]] || return
	case ${slot%...} in
	GROUP) _lanyard_offer < <(_lanyard_groups "${agent[@]}") ;;
	GROUP"|") _lanyard_offer < <(_lanyard_names group "${agent[@]}" --json groups) ;;
	AGENT) _lanyard_offer < <(_lanyard_names '\(agent\|name\)' "${agent[@]}" --json members "$group") ;;
	AGENT"|"CODE) _lanyard_offer < <(_lanyard_names '\(agent\|name\|code\)' "${agent[@]}" --json requests "$group") ;;
	PATH | PATH"|"PATTERN)
		cur=${cur//\\/}
		_lanyard_offer < <(_lanyard_paths "$group" "$cur" "$command" "${agent[@]}")
		[[ ${COMPREPLY[*]} == */ ]] && compopt -o nospace
		;;
	VERSION) _lanyard_offer < <(_lanyard_names version "${agent[@]}" --json versions "$group" "$path") ;;
	*"|"vault) _lanyard_offer < <(_lanyard_roles "$slot" "$group" "${agent[@]}" | tr '|' '\n') ;;
	COMMAND) _lanyard_offer < <(lanyard help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p') ;;
	[a-z]*) _lanyard_offer <<<"${slot//|/$'\n'}" ;; # words of the command itself
	esac
}
complete -F _lanyard lanyard
