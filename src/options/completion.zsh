_PROGRAM() {
    local current=$PREFIX command='' name='' values='' config='' word=''
    command=$(_PROGRAM_command "${words[2]}")
    for word in "${(@)words[2,CURRENT-1]}"; do
        [[ $word != *.ini ]] || config=yes
    done
    if [[ $current == (--*|*.*)=* ]]; then
        name=${current%%=*}
        compset -P 1 '*='
    elif [[ ${words[CURRENT - 1]} == -* ]]; then
        name=${words[CURRENT - 1]}
    fi
    name=${name#--}
    [[ -z $name ]] || values=$(_PROGRAM_values "$command" "${name//-/_}")
    case $values in
    '') ;;
    ANY) return ;;
    FILE)
        _files
        return
        ;;
    LIST*)
        compset -P '*,'
        compadd -S '' -- ${=values#LIST}
        return
        ;;
    *)
        compadd -- ${=values}
        return
        ;;
    esac
    if [[ $current == -* ]]; then
        compadd -- ${=$(_PROGRAM_options "$command")}
        return
    fi
    ((CURRENT > 2)) || compadd -- ${=$(_PROGRAM_commands)}
    values=$(_PROGRAM_arguments "$command")
    case $values in
    FILE) _files ;;
    CONFIG*)
        if [[ -n $config ]]; then
            compadd -S '' -- ${=values#CONFIG}
        else
            _files -g '*.ini'
        fi
        ;;
    *) compadd -- ${=values} ;;
    esac
}
_PROGRAM "$@"
