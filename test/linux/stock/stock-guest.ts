// "The Linux you sit at", for tests: Debian's unmodified amd64 kernel with its own modules, in QEMU, on this machine's
// own files: they are its root, over 9p, with what it changes kept in its memory. So Node, this package, i2c-tools and
// all else that is installed here run in it.

import { createHash } from "node:crypto"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type GuestCommandResult, LinuxGuest } from "../../../host/src/node/linux-guest/boot.js"
import { DebianArchive, unpackPackage } from "../../../host/src/node/linux-guest/debian-archive.js"
import {
  defaultGuestCache,
  findNewest,
  inWorkFolder,
  keep,
} from "../../../host/src/node/linux-guest/guest-cache.js"
import { GUEST_INIT } from "../../../host/src/node/linux-guest/guest-init.js"
import { type GuestFile, packInitramfs } from "../../../host/src/node/linux-guest/initramfs.js"
import {
  builtInModules,
  collectModules,
  findModules,
} from "../../../host/src/node/linux-guest/kernel-modules.js"
import type { GuestImage } from "../../../host/src/node/linux-guest/prepare.js"
import { isInstalled } from "../../../host/src/node/linux-guest/run-command.js"
import { unpackKernel } from "../../../host/src/node/linux-guest/unpacked-kernel.js"
import { makeOnce, takeTurn } from "../prepared-guest.js"

const RECIPE = {
  revision: 2,
  suite: "bookworm",
  architecture: "amd64",
  kernelPackage: "linux-image-amd64",
  /** What the machine itself needs; loaded when it boots. */
  bootModules: ["virtio_pci", "virtio_net", "9pnet_virtio", "9p", "overlay"],
  /** What modprobe finds there: what the command and the recipes in docs/linux.md load. */
  modules: [
    ...["vhci-hcd", "i2c-tiny-usb", "i2c-robotfuzz-osif", "i2c-dev", "chaoskey", "cdc-acm"],
    ...["lm75", "bmp280-i2c", "at24", "virtio-rng", "virtio_console"],
  ],
  init: GUEST_INIT,
} as const

const HASH = createHash("sha256").update(JSON.stringify(RECIPE)).digest("hex").slice(0, 12)
const SUFFIX = `_stock_${HASH}`
const MEMORY_MIB = 1024

/** The programs that the tests in the guest need, by Debian package. */
const PACKAGES: Readonly<Record<string, string>> = {
  "qemu-system-x86": "qemu-system-x86_64",
  usbip: "usbip",
  "i2c-tools": "i2cdetect",
  kmod: "modprobe",
  gpiod: "gpiomon",
}

/** What to install for the tests; empty when all is there. In CI, where everything has to be there, throws instead. */
export function skipReason(): string {
  const missing = Object.keys(PACKAGES).filter((name) => !isInstalled(PACKAGES[name] as string))
  const reason =
    process.arch !== "x64"
      ? "needs an x86-64 machine, whose programs the guest runs"
      : missing.length > 0
        ? `enable with: apt-get install -y --no-install-recommends ${missing.join(" ")}`
        : ""
  if (reason && process.env.CI) throw new Error(`In CI nothing may be missing. ${reason}`)
  return reason
}

/** The kernel and its first files: found prepared, or made out of Debian's packages. */
export function prepareStock(): Promise<GuestImage> {
  return makeOnce("stock", findStock, makeStock)
}

async function findStock(): Promise<GuestImage | undefined> {
  const found = await findNewest(defaultGuestCache(), SUFFIX)
  return found === undefined ? undefined : imageIn(defaultGuestCache(), found)
}

function makeStock(): Promise<GuestImage> {
  const cacheFolder = defaultGuestCache()
  return inWorkFolder(cacheFolder, async (work) => {
    const archive = await DebianArchive.open(join(work, "apt"), RECIPE)
    const depends = await archive.field(RECIPE.kernelPackage, "Depends")
    const kernelImage = depends.split(/[ ,]/)[0] ?? ""
    const release = kernelImage.replace("linux-image-", "")
    const files = await archive.download([kernelImage, "busybox-static"], join(work, "packages"))
    const unpacked = join(work, "unpacked")
    for (const file of files.values()) await unpackPackage(file, unpacked)
    const result = join(work, "result")
    await mkdir(result)
    const folders = ["dev", "proc", "sys", "tmp", "root", "bin", "lower", "changes", "host"]
    await writeFile(join(result, "initrd.gz"), packInitramfs(await guestFiles(unpacked, release), folders))
    await unpackKernel(join(unpacked, "boot", `vmlinuz-${release}`), join(result, "kernel"))
    const name = `${release}${SUFFIX}`
    await keep(result, join(cacheFolder, name))
    return imageIn(cacheFolder, name)
  })
}

async function guestFiles(unpacked: string, release: string): Promise<GuestFile[]> {
  const folder = join(unpacked, "lib/modules", release)
  const builtInList = await readFile(join(folder, "modules.builtin"), "utf8")
  const isBuiltIn = builtInModules(builtInList)
  const candidates = await findModules(join(folder, "kernel"))
  const boot = await collectModules(RECIPE.bootModules, candidates, isBuiltIn)
  const later = await collectModules(RECIPE.modules, candidates, isBuiltIn)
  return [
    { path: "init", bytes: Buffer.from(RECIPE.init), isExecutable: true },
    { path: "bin/busybox", bytes: await readFile(join(unpacked, "bin/busybox")), isExecutable: true },
    ...boot.map(({ name, bytes }): GuestFile => ({ path: `modules/${name}.ko`, bytes })),
    { path: "modules/order", bytes: Buffer.from(boot.map(({ name }) => `${name}\n`).join("")) },
    ...later.map(({ name, bytes }): GuestFile => ({ path: `later/${name}.ko`, bytes })),
    { path: "later/modules.builtin", bytes: Buffer.from(builtInList) },
    { path: "later/modules.order", bytes: new Uint8Array(0) },
  ]
}

function imageIn(cacheFolder: string, name: string): GuestImage {
  const folder = join(cacheFolder, name)
  return {
    folder,
    kernelPath: join(folder, "kernel"),
    initrdPath: join(folder, "initrd.gz"),
    kernelRelease: name.slice(0, -SUFFIX.length),
  }
}

/** QEMU's user network: this machine's loopback, as the guest reaches it. */
export const THIS_MACHINE = "10.0.2.2"

function stockMachine(image: GuestImage, options: StockGuestOptions): LinuxGuest {
  const { extraFiles = [], kernelArguments = "", devices = [], processors = 2 } = options
  return new LinuxGuest({
    image,
    extraFiles,
    machine: {
      program: "qemu-system-x86_64",
      arguments: ({ kernelPath, initrdPath, consolePath }) => [
        ...["-nodefaults", "-no-reboot", "-machine", "q35", "-m", `${MEMORY_MIB}`, "-smp", `${processors}`],
        ...["-display", "none", "-monitor", "none"],
        ...["-chardev", `socket,id=console,path=${consolePath}`, "-serial", "chardev:console"],
        ...["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
        // without its ROM, which is a package of its own
        ...["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
        ...devices.flatMap((device) => ["-device", device]),
        ...["-kernel", kernelPath, "-initrd", initrdPath],
        ...[
          "-append",
          "console=ttyS0 quiet panic=-1 norandmaps mitigations=off no_timer_check cryptomgr.notests " +
            kernelArguments,
        ],
      ],
    },
  })
}

export interface StockGuestOptions {
  readonly machine?: LinuxGuest
  readonly extraFiles?: readonly GuestFile[]
  /** More of the kernel's command line. */
  readonly kernelArguments?: string
  /** QEMU's devices that it has besides. */
  readonly devices?: readonly string[]
  /** 2 when absent. Beside other work they wait for each other: one takes less of this computer's time. */
  readonly processors?: number
}

export class StockGuest {
  readonly #guest: LinuxGuest
  readonly #endTurn: () => void

  private constructor(guest: LinuxGuest, endTurn: () => void) {
    this.#guest = guest
    this.#endTurn = endTurn
  }

  /**
   * Boots `machine`, the stock one when absent, when no other one runs: most have two processors, which two of them
   * on a small computer would wait for. One that cannot be set up is switched off before this rejects. Of
   * `extraFiles`, `later/NAME.ko` is a module that modprobe finds, and `programs/NAME` a command, or a folder beside them.
   */
  static async boot(options: StockGuestOptions = {}): Promise<StockGuest> {
    const guest = options.machine ?? stockMachine(await prepareStock(), options)
    const endTurn = options.machine ? () => {} : await takeTurn("stock-guest")
    try {
      await guest.boot()
      const { code, output } = await guest.sh(SET_UP)
      if (code !== 0) throw new Error(`the guest cannot be set up: ${output}`)
      return new StockGuest(guest, endTurn)
    } catch (error) {
      await guest.shutdown()
      endTurn()
      throw error
    }
  }

  /** Runs a command of this machine's bash in the guest, as root. */
  sh(command: string): Promise<GuestCommandResult> {
    const quoted = command.replaceAll("'", "'\\''")
    return this.#guest.sh(`chroot /host /bin/bash -c '${quoted}'`)
  }

  /** As `sh`; throws unless the command succeeds. Resolves with what it printed. */
  async run(command: string): Promise<string> {
    const { code, output } = await this.sh(command)
    if (code !== 0) throw new Error(`${command}\nended with ${code}: ${output}`)
    return output
  }

  /** What the kernel has said since the last call. */
  async takeKernelLog(): Promise<string> {
    return (await this.#guest.sh("dmesg -c")).output
  }

  async shutdown(): Promise<void> {
    await this.#guest.shutdown()
    this.#endTurn()
  }
}

const SET_UP = `set -e
ip link set lo up; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /lower
mount -t tmpfs changes /changes; mkdir /changes/upper /changes/work
mount -t overlay root -o lowerdir=/lower,upperdir=/changes/upper,workdir=/changes/work /host
[ ! -d /programs ] || cp -r /programs/* /host/usr/bin/
for folder in proc sys dev; do mount --bind /$folder /host/$folder; done
mount -t tmpfs tmp /host/tmp; mkdir -p /host/lib/modules
mv /later /host/lib/modules/$(uname -r)
chroot /host /sbin/depmod
dmesg -c > /dev/null`
