# fish completion for lanyard(1). The commands and their options are asked of `lanyard help`, groups, agents and paths of
# the agent, so that neither can be out of date.

function __lanyard_commands
    lanyard help 2>/dev/null | string match -rg '^  ([a-z][a-z-]*) '
end

# The words before the cursor that are neither options nor their values: the command, the group, ...
function __lanyard_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip -eq 1
            set skip 0
        else if contains -- $word --home --share --invite --expires --role --timeout --peers --keep
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

function __lanyard_names # KEY, then what follows `lanyard --json`
    lanyard --json $argv[2..-1] 2>/dev/null | string match -rga "\"$argv[1]\": *\"([^\"\\\\]*)\"" | sort -u
end

# What stands at the cursor's place in the command's usage, in capitals.
function __lanyard_slot
    set -l words (__lanyard_words)
    test (count $words) -ge 1; or return
    set -l usage (lanyard help $words[1] 2>/dev/null)[1]
    set -l slots (string replace -r '.*\[--json\] *[^ ]*' '' -- $usage | string replace -ra '\[*--[a-z-]* [A-Z0-9a-z]*\]*' '' |
        string replace -ra '\[--[a-z-]*\]' '' | string replace -ra '[][]' '' | string split -n ' ')
    set -l place (count $words)
    test $place -le (count $slots); or set place (count $slots)
    test $place -ge 1; and string replace '...' '' -- $slots[$place]
end

function __lanyard_options
    set -l words (__lanyard_words)
    test (count $words) -ge 1; or return
    lanyard help $words[1] 2>/dev/null | string match -rga -- '(--[a-z-]+)' | string match -v -- --home | sort -u
end

complete -c lanyard -f
complete -c lanyard -l home -r -a '(__fish_complete_directories)' -d "the agent's home"
complete -c lanyard -l share -r -a '(__fish_complete_directories)' -n 'contains -- --share (__lanyard_options)'
complete -c lanyard -l keep -x -a 'mine theirs both' -n 'contains -- --keep (__lanyard_options)'
complete -c lanyard -l role -x -a 'member' -n 'contains -- --role (__lanyard_options)'
complete -c lanyard -n 'test (count (__lanyard_words)) -eq 0' -a '(__lanyard_commands)'
complete -c lanyard -n 'string match -q -- "-*" (commandline -ct)' -a '(__lanyard_options)'
complete -c lanyard -n 'test (__lanyard_slot) = GROUP' -a '(__lanyard_names group groups)'
complete -c lanyard -n 'test (__lanyard_slot) = AGENT' -a '(__lanyard_names agent members (__lanyard_words)[2])'
complete -c lanyard -n 'string match -q "PATH*" (__lanyard_slot)' -a '(__lanyard_names path files (__lanyard_words)[2])'
complete -c lanyard -n 'test (__lanyard_slot) = ROLE' -a 'owner member reader vault'
complete -c lanyard -n 'test (__lanyard_slot) = COMMAND' -a '(__lanyard_commands)'
# A word of the command itself.
complete -c lanyard -n 'test (count (__lanyard_words)) -eq 1; and string match -qr "^[a-z]" -- (__lanyard_slot)' -a '(__lanyard_slot)'
