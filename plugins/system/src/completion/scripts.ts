/** The shells that there is a completion for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

// What a shell is told comes from package names and descriptions of others: it is read line by line and quoted, never
// evaluated, which `compgen -W` would do.

const bash = String.raw`# completion of citadel for bash; in ~/.bashrc:  source <(citadel completion bash)
_citadel() {
  local rest=${"$"}{COMP_LINE:0:COMP_POINT} words=() program word lead i value about
  # COMP_WORDS is split at the colons of local:publish and at the = of --flag=value: put together what stands together
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${"$"}{COMP_WORDS[i]}
    lead=${"$"}{rest%%[![:space:]]*}
    rest=${"$"}{rest#"$lead"}
    [[ $rest == "$word"* ]] || word=$rest
    rest=${"$"}{rest#"$word"}
    if [[ -n $lead || $i == 0 ]]; then words+=("$word"); else words[${"$"}{#words[@]}-1]+=$word; fi
  done
  local current=${"$"}{words[${"$"}{#words[@]}-1]}
  # readline puts a candidate in the place of what follows the last colon or =
  local kept=${"$"}{current%"${"$"}{current##*[:=]}"}
  [[ $COMP_WORDBREAKS == *:* ]] || kept=
  COMPREPLY=()
  # an alias is not looked up inside of a function
  read -ra program <<<"${"$"}{BASH_ALIASES[$1]:-$1}"
  while IFS=$'\t' read -r value about; do
    case $value in
      :files) compopt -o default 2>/dev/null ;;
      :*) ;;
      *)
        printf -v value %q "$value"
        COMPREPLY+=("${"$"}{value#"$kept"}")
        ;;
    esac
  done < <("${"$"}{program[@]}" __complete "${"$"}{words[@]:1}" 2>/dev/null)
}
complete -F _citadel citadel
`;

const zsh = String.raw`#compdef citadel
# completion of citadel for zsh; in ~/.zshrc, after compinit:  source <(citadel completion zsh)
_citadel() {
  local line last
  local -a values shown
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      last=$line
    else
      values+=("${"$"}{line%%$'\t'*}")
      shown+=("${"$"}{line/$'\t'/  -- }")
    fi
  done < <("${"$"}{words[1]}" __complete "${"$"}{(@Q)words[2,CURRENT-1]}" "${"$"}{(Q)PREFIX}" 2>/dev/null)
  if (( ${"$"}#values )); then
    compadd -l -d shown -a -- values
  elif [[ $last == :files ]]; then
    _files
  fi
}
if [[ ${"$"}{funcstack[1]} == _citadel ]]; then
  _citadel "$@"
else
  compdef _citadel citadel
fi
`;

const fish = String.raw`# completion of citadel for fish:  citadel completion fish > ~/.config/fish/completions/citadel.fish
function __citadel_complete
    set -l words (commandline -opc)
    set -l current (string unescape -- (commandline -ct))
    $words[1] __complete $words[2..-1] "$current" 2>/dev/null | while read -l line
        switch $line
            case :files
                __fish_complete_path "$current"
            case ':*'
            case '*'
                printf '%s\n' $line
        end
    end
end
complete -c citadel -f -a '(__citadel_complete)'
`;

/** The script that a shell loads once. It asks `citadel __complete` for everything else. */
export const scripts: Readonly<Record<Shell, string>> = { bash, zsh, fish };
