# Copyright (C) Evolu Auth Authors
#
# Completion of evolu-keys in bash.  Source it, or install it as
#
#     /usr/share/bash-completion/completions/evolu-keys
#
# Locators and ids of keys are asked of the store that the line names, or
# EVOLU_REDIS_URL, for a second at most.


# Options that take a value, and what it is.

_evolu_keys_value()
{
    case $1 in
        --file | --nginx-conf | --password-file | --sentinel-password-file \
            | --ca | --cert | --key)
            echo file ;;
        --redis) echo url ;;
        --pepper) echo pepper ;;
        --mode) echo live test ;;
        --token) echo - ;;
        --expires) echo 30d 90d 365d ;;
        --overlap) echo 0s 1h 24h 7d ;;
        --db | --prefix | --server-name | --id | --allow | --client \
            | --address)
            echo none ;;
    esac
}


# Options of a command, or those of all where there is none.

_evolu_keys_options()
{
    case $1 in
        create) echo --mode --id --expires --allow --token ;;
        rotate) echo --id --expires --allow --token --overlap ;;
        import) echo --prune --dry-run --client --skip-unusable --id ;;
        verify) echo --address ;;
    esac

    echo --redis --file --nginx-conf --db --prefix --password-file \
        --sentinel-password-file --ca --cert --key --server-name --pepper \
        --json --text --help --usage --version
}


# _evolu_keys_list NAME LOCATOR...: a member of what "list" says.  Names that a
# shell would have to quote are left out.

_evolu_keys_list()
{
    local name=$1
    shift

    timeout 1 "${COMP_WORDS[0]}" "${store[@]}" --json list "$@" \
        < /dev/null 2> /dev/null \
        | sed -n "s/.*\"$name\":\"\\([A-Za-z0-9._:@%+-]*\\)\".*/\\1/p" \
        | sort -u
}


# What may stand after the words of the line, of which $1 is the command and
# the others are its arguments.

_evolu_keys_words()
{
    local command=$1 word
    shift

    case $command:$# in
        :*)
            echo create rotate revoke disable enable import list show verify \
                check ;;
        create:0)
            echo global instance campaign ;;
        import:0)
            echo instances campaigns ;;
        rotate:0 | revoke:0 | disable:0 | enable:0 | list:0 | show:0 | verify:0)
            for word in global instance: campaign:live: campaign:test:; do
                [ "$word" = "$current" ] || echo "$word"
            done

            _evolu_keys_list locator ;;
        revoke:1 | disable:1 | enable:1)
            _evolu_keys_list key_id "$1" ;;
    esac
}


# Candidates for a value, of the kind $1, that begin with $2.

_evolu_keys_values()
{
    case $1:$2 in
        none:*) ;;
        file:*) compgen -f -- "$2" ;;
        url:*) compgen -W 'redis:// rediss:// unix:/ sentinel://' -- "$2" ;;
        pepper:*:*) compgen -f -P "${2%%:*}:" -- "${2#*:}" ;;
        pepper:*) ;;
        *) compgen -W "$1" -- "$2" ;;
    esac
}


# Takes the line apart: bash splits words at ":" and "=", but a locator and an
# option are one word each.  Sets what _evolu_keys() declares.

_evolu_keys_split()
{
    local line=${COMP_LINE:0:COMP_POINT} words word taken

    read -ra words <<< "$line"

    if [[ $line != *[[:space:]] ]]; then
        current=${words[${#words[@]} - 1]}
        unset "words[${#words[@]} - 1]"
    fi

    for word in "${words[@]:1}"; do
        if [ -n "$kind" ]; then
            kind=

            if [ -n "$taken" ]; then
                store+=("$word")
            fi

        elif [[ $word == --* ]]; then
            taken=

            case ${word%%=*} in
                --redis | --file | --nginx-conf | --db | --prefix | --ca \
                    | --cert | --key | --server-name | --pepper \
                    | --password-file | --sentinel-password-file)
                    taken=yes
                    store+=("$word") ;;
            esac

            if [[ $word != *=* ]]; then
                kind=$(_evolu_keys_value "$word")
            fi

        elif [ -z "$command" ]; then
            command=$word

        else
            arguments+=("$word")
        fi
    done
}


_evolu_keys()
{
    local current='' kind='' command='' arguments=() store=() option='' strip

    _evolu_keys_split

    if [[ -z $kind && $current == --*=* ]]; then
        option=${current%%=*}=
        kind=$(_evolu_keys_value "${option%=}")
        current=${current#*=}
    fi

    if [ -n "$kind" ] || [ -n "$option" ]; then
        mapfile -t COMPREPLY < <(_evolu_keys_values "${kind:-none}" "$current")

    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(
            compgen -W "$(_evolu_keys_options "$command")" -- "$current")

    else
        mapfile -t COMPREPLY < <(
            compgen -W "$(_evolu_keys_words "$command" "${arguments[@]}")" \
                -- "$current")
    fi

    # what bash takes for words before this one is there already

    COMPREPLY=("${COMPREPLY[@]/#/$option}")
    current=$option$current
    strip=${current%"${current##*[:=]}"}

    if [[ -n $strip && $COMP_WORDBREAKS == *"${strip: -1}"* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"$strip"}")
    fi

    # there is more to come

    case $kind in
        file) compopt -o filenames 2> /dev/null ;;
        url | pepper) compopt -o nospace 2> /dev/null ;;
    esac

    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]]; then
        compopt -o nospace 2> /dev/null
    fi

    return 0
}

complete -F _evolu_keys evolu-keys
