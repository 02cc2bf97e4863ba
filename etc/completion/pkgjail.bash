# Completion for bash: source it, or put it where bash-completion looks. pkgjail itself says what may come next.
_pkgjail() {
    local line=${COMP_LINE:0:COMP_POINT} also= candidate current kept
    local -a words
    read -r -a words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]}-1]}
    # Bash takes = : @ for the end of a word; what is before the last of them stays on the line.
    kept=${current%"${current##*[=:@]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        case $candidate in
        :*) also=${candidate#:} ;;
        *) COMPREPLY+=("${candidate#"$kept"}") ;;
        esac
    done < <("${words[0]}" complete -- "${words[@]:1}" 2>/dev/null)
    case $also in
    file) compopt -o default -o filenames 2>/dev/null ;;
    directory) compopt -o dirnames -o filenames 2>/dev/null ;;
    esac
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _pkgjail pkgjail
