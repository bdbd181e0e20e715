// The first program of the guest, and what it and the host say to each other over the console.
//
//   guest: `@@ready UPTIME RELEASE MACHINE` once, when it takes commands; nothing echoes
//   host:  the lines of a shell command, as they are, then `@@run ID`; guest: its output, then `@@end ID CODE`
//   host:  `@@shell ID`; guest: an interactive shell until it ends, then `@@end ID CODE`
//   host:  `@@off`: the guest switches itself off

/** Printed when the guest takes commands. */
export const GUEST_READY = "@@ready"
/** The console's line discipline takes no longer lines. */
export const MAX_LINE_LENGTH = 4000

export const GUEST_INIT = `#!/bin/busybox sh
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root TERM=linux PS1='a7:\\w# '
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
dmesg -n 1
hostname a7
while read -r module; do
  insmod "/modules/$module.ko" || echo "init: the module $module does not load"
done < /modules/order
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
