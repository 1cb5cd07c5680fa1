_PROGRAM() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command name='' values='' head='' config='' i
    COMPREPLY=()
    if [[ $current == = ]]; then
        name=$previous current=
    elif [[ $previous == = ]]; then
        name=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $previous == -* ]]; then
        name=$previous
    fi
    command=$(_PROGRAM_command "${COMP_WORDS[1]}")
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} != *.ini ]] || config=yes
    done
    name=${name#--}
    [[ -z $name ]] || values=$(_PROGRAM_values "$command" "${name//-/_}")
    case $values in
    '') ;;
    ANY) return ;;
    FILE)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
        ;;
    LIST*)
        [[ $current != *,* ]] || head=${current%,*},
        mapfile -t COMPREPLY < <(compgen -P "$head" -W "${values#LIST}" -- "${current##*,}")
        return
        ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
        return
        ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_PROGRAM_options "$command")" -- "$current")
        return
    fi
    if [[ $COMP_CWORD == 1 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_PROGRAM_commands)" -- "$current")
    fi
    values=$(_PROGRAM_arguments "$command")
    case $values in
    FILE) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current") ;;
    CONFIG*)
        if [[ -n $config ]]; then
            compopt -o nospace 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -W "${values#CONFIG}" -- "$current")
            return
        fi
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(
            compgen -f -X '!*.ini' -- "$current"
            compgen -d -- "$current"
        )
        ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current") ;;
    esac
    [[ $values != FILE && $values != CONFIG* ]] || compopt -o filenames 2>/dev/null
}
complete -F _PROGRAM PROGRAM
