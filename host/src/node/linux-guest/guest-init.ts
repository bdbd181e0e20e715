// The guest's first program, and the words between it and the host on the console.
//
//   guest: `@@ready UPTIME RELEASE MACHINE` once, when it takes commands; nothing echoes
//   host:  the lines of a shell command, as they are, then `@@run ID`; guest: its output, then `@@end ID CODE`
//   host:  `@@shell ID`; guest: an interactive shell until it ends, then `@@end ID CODE`
//   host:  `@@off`: the guest switches itself off

/** What the guest calls the virtio port for virtio-msg frames, if there is one. */
export const FRAMES_PORT_NAME = "virtio-msg"
/** Printed when the guest takes commands. */
export const GUEST_READY = "@@ready"
/** The console's line discipline takes no lines that are longer. */
export const MAX_LINE_LENGTH = 4000

/**
 * Loads the modules, then takes commands. While the entropy driver is loaded, Linux may wait for first random bytes. A
 * board that is away gives none, so after 5 s the guest goes on without.
 */
export const GUEST_INIT = `#!/bin/busybox sh
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root TERM=linux PS1='a7:\\w# '
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
dmesg -n 1
hostname a7
load() {
  insmod "/modules/$1.ko" || echo "init: the module $1 does not load"
}
while read -r module; do
  case $module in
    virtio-rng)
      ( load "$module"; : > /tmp/entropy ) &
      n=0
      until [ -e /tmp/entropy ] || [ $n -ge 100 ]; do n=$((n + 1)); sleep 0.05; done ;;
    *) load "$module" ;;
  esac
done < /modules/order
for port in /sys/class/virtio-ports/*; do
  read -r name 2> /dev/null < "$port/name" && [ "$name" = ${FRAMES_PORT_NAME} ] &&
    virtio-msg-relay "/dev/\${port##*/}" > /dev/null 2>&1 &
done
stty -echo -onlcr
read -r uptime rest < /proc/uptime
echo "${GUEST_READY} $uptime $(uname -rm)"
command=
while IFS= read -r line; do
  case $line in
    '@@run '*)
      ( eval "$command" ) < /dev/null
      echo "@@end \${line#* } $?"
      command= ;;
    '@@shell '*)
      stty sane
      ( cd /root && exec setsid cttyhack sh )
      code=$?
      stty -echo -onlcr
      echo "@@end \${line#* } $code" ;;
    '@@off')
      poweroff -f ;;
    *)
      command="$command$line
" ;;
  esac
done
`
