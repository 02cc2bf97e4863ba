# Completion for fish: put it where fish looks for completions. pkgjail itself says what may come next.
function __pkgjail_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':file'
                __fish_complete_path (commandline -ct)
            case ':directory'
                __fish_complete_directories (commandline -ct)
            case '*'
                echo $line
        end
    end
end
complete -c pkgjail -f -a '(__pkgjail_complete)'
