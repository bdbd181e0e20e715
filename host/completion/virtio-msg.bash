# bash completion for virtio-msg. Switch it on in ~/.bashrc: source <(virtio-msg completion bash)
_virtio_msg() {
  local words=() current= value about mark part cut=
  read -r -a words <<< "${COMP_LINE:0:COMP_POINT}"
  case "${COMP_LINE:0:COMP_POINT}" in
    *[[:space:]]) ;;
    *)
      current=${words[${#words[@]}-1]}
      unset "words[${#words[@]}-1]"
      ;;
  esac
  for mark in : = @; do
    if [[ $COMP_WORDBREAKS == *"$mark"* && $current == *"$mark"* ]]; then
      part=${current%"$mark"*}$mark
      (( ${#part} > ${#cut} )) && cut=$part
    fi
  done
  COMPREPLY=()
  while IFS=$'\t' read -r value about; do
    if [[ $value == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "${current#"$cut"}")
    else
      [[ $value == *[:/=] ]] && compopt -o nospace 2>/dev/null
      COMPREPLY+=("${value#"$cut"}")
    fi
  done < <("${COMP_WORDS[0]}" completion --line -- "${words[@]:1}" "$current" 2>/dev/null)
}
complete -F _virtio_msg virtio-msg
