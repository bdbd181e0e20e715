#compdef virtio-msg
# zsh completion for virtio-msg. Switch it on in ~/.zshrc, behind compinit: source <(virtio-msg completion zsh)
_virtio_msg() {
  local line files=
  local -a values open
  for line in "${(@f)$("${words[1]}" completion --line -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    local value=${line%%$'\t'*} about=${line#*$'\t'}
    if [[ -z $line ]]; then continue
    elif [[ $value == :files ]]; then files=1
    elif [[ $value == *[:/=] ]]; then open+=("${value//:/\\:}:$about")
    else values+=("${value//:/\\:}:$about")
    fi
  done
  (( $#values )) && _describe -t values value values
  (( $#open )) && _describe -t open value open -S ''
  [[ -n $files ]] && _files
}
if [[ ${funcstack[1]} == _virtio_msg ]]; then _virtio_msg "$@"; else compdef _virtio_msg virtio-msg; fi
