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
        else if contains -- $word --home --share --invite --invite-file --expires --role --uses --revoke --mode --message --to \
                --timeout --peers --keep
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

function __lanyard_names # KEY, then what follows `lanyard --json`
    lanyard --json $argv[2..-1] 2>/dev/null | string match -rga "\"$argv[1]\": *\"([^\"\\\\]*)\"" | sort -u
end

# The next step below the folder that the word is in; of folders their names and a slash. For versions and restore, what is
# kept as well.
function __lanyard_paths
    set -l words (__lanyard_words)
    set -lx word (string unescape -- (commandline -ct))
    set -l pattern (string replace -ra '[][*?\\\\]' '[$0]' -- "$word")
    begin
        lanyard --json files $words[2] "$pattern*" 2>/dev/null | grep -o '"path":"[^"\\\\]*","kind":"[a-z]*"' |
            sed 's/","kind":"dir"$/\//; s/","kind":.*//'
        if contains -- $words[1] versions restore
            lanyard --json versions $words[2] 2>/dev/null | grep -o '"path":"[^"\\\\]*"' | sed 's/"$//'
        end
    end | sed 's/^"path":"//' | awk '{
        n = match(ENVIRON["word"], /[^\/]*$/) - 1
        if (substr($0, 1, n) != substr(ENVIRON["word"], 1, n)) next
        i = index(substr($0, n + 1), "/")
        print i ? substr($0, 1, n + i) : $0
    }' | sort -u
end

# Without those that are only seen on the network.
function __lanyard_groups
    lanyard --json groups 2>/dev/null | string replace -r '"seen":.*' '' | string match -rga '"group": *"([^"\\\\]*)"' | sort -u
end

# Only a sealed group has vaults.
function __lanyard_allowed # ROLE...
    set -l group (__lanyard_words)[2]
    if lanyard --json groups 2>/dev/null | grep -q "\"group\":\"$group\"[^}]*\"sealed\":true"
        printf '%s\n' $argv
    else
        string match -v vault -- $argv
    end
end

# What stands at the cursor's place in the command's usage, in capitals.
function __lanyard_slot
    set -l words (__lanyard_words)
    test (count $words) -ge 1; or return
    set -l usage (lanyard help $words[1] 2>/dev/null)[1]
    set -l slots (string replace -r '.*\[--json\] *[^ ]*' '' -- $usage | string replace -ra '\[*--[a-z-]* [A-Z0-9a-z|-]*\]*' '' |
        string replace -ra '\[--[a-z-]*\]' '' | string replace -ra '[][]' '' | string split -n ' ')
    set -l place (count $words)
    if test $place -gt (count $slots)
        string match -q -- '*...' $slots[-1]; or return
        set place (count $slots)
    end
    test $place -ge 1; and string replace '...' '' -- $slots[$place]
end

# The words that the option takes.
function __lanyard_values # OPTION
    set -l words (__lanyard_words)
    test (count $words) -ge 1; or return
    __lanyard_allowed (string match -rg -- "$argv[1] ([a-z][a-z|-]*)" (lanyard help $words[1] 2>/dev/null)[1] | string split '|')
end

function __lanyard_options
    set -l words (__lanyard_words)
    test (count $words) -ge 1; or return
    lanyard help $words[1] 2>/dev/null | string match -rga -- '(--[a-z-]+)' | string match -v -- --home | sort -u
end

complete -c lanyard -f
complete -c lanyard -l home -r -a '(__fish_complete_directories)' -d "the agent's home"
complete -c lanyard -l share -r -a '(__fish_complete_directories)' -n 'contains -- --share (__lanyard_options)'
for option in keep role mode
    complete -c lanyard -l $option -x -a "(__lanyard_values --$option)" -n "contains -- --$option (__lanyard_options)"
end
for option in invite-file to
    complete -c lanyard -l $option -r -F -n "contains -- --$option (__lanyard_options)"
end
for option in expires uses revoke message timeout peers
    complete -c lanyard -l $option -x -n "contains -- --$option (__lanyard_options)"
end
complete -c lanyard -n 'test (count (__lanyard_words)) -eq 0' -a '(__lanyard_commands)'
complete -c lanyard -n 'string match -q -- "-*" (commandline -ct)' -a '(__lanyard_options)'
complete -c lanyard -n 'test (__lanyard_slot) = GROUP' -a '(__lanyard_groups)'
complete -c lanyard -n 'test (__lanyard_slot) = "GROUP|"' -a '(__lanyard_names group groups)'
complete -c lanyard -n 'test (__lanyard_slot) = AGENT' -a '(__lanyard_names "(?:agent|name)" members (__lanyard_words)[2])'
complete -c lanyard -n 'test (__lanyard_slot) = "AGENT|CODE"' -a '(__lanyard_names "(?:agent|name|code)" requests (__lanyard_words)[2])'
complete -c lanyard -n 'string match -q "PATH*" (__lanyard_slot)' -a '(__lanyard_paths)'
complete -c lanyard -n 'test (__lanyard_slot) = VERSION' -a '(__lanyard_names version versions (__lanyard_words)[2..3])'
complete -c lanyard -n 'test (__lanyard_slot) = COMMAND' -a '(__lanyard_commands)'
# Words of the command itself.
complete -c lanyard -n 'string match -qr "^[a-z]" -- (__lanyard_slot)' -a '(__lanyard_allowed (__lanyard_slot | string split "|"))'
