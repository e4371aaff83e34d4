# SPDX-License-Identifier: Apache-2.0
# Completion of witan for bash. The words come from the program's own help, so that they are always those of this version.

# The commands that the help lists.
_witan_commands() {
	"$1" help 2>/dev/null | sed -n 's/^  \([A-Za-z][A-Za-z-]*\) .*/\1/p'
}

# The options that a command's help names.
_witan_options() {
	"${@}" --help 2>/dev/null | grep -oE '(^|[ [])--?[A-Za-z][A-Za-z-]*' | tr -d ' [' | sort -u
}

_witan() {
	local witan=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' words i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--dir | --server | --user | --ca | --cert | --key | --password-file) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	COMPREPLY=()
	case $before in
	--dir) mapfile -t COMPREPLY < <(compgen -d -- "$current") && return ;;
	--topology | -PasswordFile | -FileName | --password-file | --ca | --cert | --crl | --out | --addresses | --certificate | --trusted | --public-ca | --hook | --ca-file | --eab-hmac-file) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
	-As) words="table list json csv" ;;
	--format)
		words="table json"
		[ "$command" != verify-chain ] || words="text json"
		case $command${COMP_WORDS[i + 1]} in
		plantrust) words+=" reg gpo" ;;
		plandns) words+=" zone" ;;
		planports) words+=" nftables" ;;
		plancheck) words="text json html" ;;
		planproxy) words+=" nginx" ;;
		plandhcp) words+=" kea isc" ;;
		esac
		[ "$command" != check ] || words="text json html"
		;;
	--role) words="peer client server" ;;
	--policy) words="soft hard" ;;
	--office) words="15.0 16.0" ;;
	--usage) words="Default WebServicesInternal WebServicesExternal OAuthTokenIssuer AccessEdgeExternal DataEdgeExternal AudioVideoAuthentication Internal XMPPServer" ;;
	--source) words="internal internet federation public" ;;
	--challenge) words="http-01 dns-01 tls-alpn-01" ;;
	--side) words="inside outside" ;;
	--reason) words="keyCompromise affiliationChanged superseded cessationOfOperation unspecified" ;;
	--key)
		[ "$command" = init ] || { mapfile -t COMPREPLY < <(compgen -f -- "$current") && return; }
		words="rsa-2048 rsa-3072 rsa-4096 ec-p256 ec-p384"
		;;
	*)
		words=
		if [[ $command == *-* ]]; then
			# as in the program's own shell; a dollar sign would be bash's
			words=$("$witan" complete "${COMP_WORDS[*]:i:COMP_CWORD-i+1}" 2>/dev/null | sed 's/^\$//')
			[[ -z $words || $current != -* ]] || words+=" -As"
		fi
		if [ -n "$words" ]; then
			:
		elif [ -z "$command" ]; then
			words="--dir --server --user --ca --cert --key -c --help --version $(_witan_commands "$witan") $("$witan" complete "$current" 2>/dev/null)"
		elif [ "$command" = help ] || [ "${command,,}" = get-help ]; then
			words=$(_witan_commands "$witan")
		elif [ "$command" = plan ] && [ "$before" = plan ]; then
			words="certificates rules dns ports proxy dhcp check trust --help"
		elif [ "$command" = plan ]; then
			words="--help $(_witan_options "$witan" plan "${COMP_WORDS[i + 1]}")"
		elif [ "$command" = check ] && [ "$before" = check ]; then
			words="certificates --help"
		elif [ "$command" = script ] && [ "$before" = script ]; then
			words="check trace --help"
		elif [[ $command == check || $command == script || $command == parse-message || $command == verify-chain ]] && [[ $current != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -f -- "$current") && return
		else
			words="--help $(_witan_options "$witan" "$command")"
		fi
		;;
	esac
	# Cmdlets and their parameters are found whatever their case.
	local word
	for word in $words; do
		[[ ${word,,} == "${current,,}"* ]] && COMPREPLY+=("$word")
	done
}

complete -o filenames -F _witan witan
