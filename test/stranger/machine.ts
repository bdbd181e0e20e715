// A computer on which nobody has installed anything: a minimal Debian, made by debootstrap in a folder, with Node.js put in.
// It shares this computer's kernel and network, and nothing else. Needs root.

import { spawn, spawnSync } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type { Typed } from "./typed.js"

const MIRROR = "http://deb.debian.org/debian"
const SUITE = "bookworm"

/** What enters it, mounts what the kernel offers, and ends whatever runs there when the first process ends. */
const UNSHARE = ["--mount", "--pid", "--fork", "--kill-child"]

/** Who lives there. */
export const USERS = ["root", "stranger"] as const
export type User = (typeof USERS)[number]

export class Machine {
  readonly #root: string

  private constructor(root: string) {
    this.#root = root
  }

  /** Takes half a minute, and 300 MB of the temporary folder. */
  static make(): Machine {
    const root = mkdtempSync(path.join(tmpdir(), "virtio-msg-machine-"))
    const machine = new Machine(root)
    chmodSync(root, 0o755) // others live there, too
    run("debootstrap", ["--variant=minbase", SUITE, root, MIRROR])
    run("chroot", [root, "useradd", "--create-home", "stranger"])
    // this computer's way to the network
    for (const file of ["/etc/resolv.conf", "/etc/hosts", process.env.NODE_EXTRA_CA_CERTS])
      if (file !== undefined && existsSync(file)) machine.#copy(realpathSync(file), file)
    return machine
  }

  /** Puts in `node` with this computer's npm, in place of what was there. */
  putNode(node: string): void {
    const npm = path.join(
      path.dirname(realpathSync(spawnSync("sh", ["-c", "command -v npm"]).stdout.toString().trim())),
      "..",
    )
    this.#copy(node, "/usr/local/bin/node")
    this.#copy(npm, "/usr/local/lib/node_modules/npm")
    for (const name of ["npm", "npx"]) {
      const link = path.join(this.#root, "usr/local/bin", name)
      rmSync(link, { force: true })
      symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, link)
    }
  }

  /** Gives `user` the checkout at `source`, as a clone would; returns the folder. */
  clone(source: string, user: User): string {
    const folder = `/srv/${user}/virtio-msg`
    rmSync(path.join(this.#root, folder), { recursive: true, force: true })
    this.#copy(source, folder)
    run("chroot", [this.#root, "chown", "-R", `${user}:`, `/srv/${user}`])
    return folder
  }

  /** Runs a command of bash's there to its end. */
  type(command: string, folder: string, user: User): Promise<Typed> {
    const home = user === "root" ? "/root" : `/home/${user}`
    const session = mkdtempSync(path.join(this.#root, "tmp/session-"))
    run("chroot", [this.#root, "chown", `${user}:`, `/tmp/${path.basename(session)}`])
    const env = {
      HOME: home,
      USER: user,
      LANG: "C.UTF-8",
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      T: `/tmp/${path.basename(session)}`,
      ...(process.env.NODE_EXTRA_CA_CERTS ? { NODE_EXTRA_CA_CERTS: process.env.NODE_EXTRA_CA_CERTS } : {}),
    }
    const enter =
      'mount -t proc proc "$0/proc" && mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" && ' +
      'mount -t tmpfs tmpfs "$0/dev/shm" && ' +
      'exec chroot --userspec="$1" "$0" sh -c \'cd "$1" && exec bash -c "$2"\' sh "$2" "$3"'
    const child = spawn("unshare", [...UNSHARE, "sh", "-c", enter, this.#root, `${user}:`, folder, command], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    })
    let output = ""
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString("utf8")
      })
    return new Promise((resolve, reject) => {
      child.once("error", reject)
      child.once("close", (code) => resolve({ code, output }))
    })
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true })
  }

  #copy(from: string, to: string): void {
    const target = path.join(this.#root, to)
    mkdirSync(path.dirname(target), { recursive: true })
    if (existsSync(target) && !lstatSync(target).isDirectory()) rmSync(target)
    cpSync(from, target, { recursive: true, verbatimSymlinks: true })
  }
}

/** Throws with what the program said when it fails. */
export function run(program: string, args: readonly string[]): string {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 26 })
  if (status === 0) return stdout
  throw new Error(`${[program, ...args].join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`)
}
