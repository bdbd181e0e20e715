# fish completion for virtio-msg: virtio-msg completion fish > ~/.config/fish/completions/virtio-msg.fish
function __virtio_msg_next
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] completion --line -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c virtio-msg -f -a '(__virtio_msg_next)'
