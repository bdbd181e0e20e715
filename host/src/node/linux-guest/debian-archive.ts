// Packages of another architecture, from the Debian mirror that this machine's apt uses. They are fetched by an apt
// with folders of our own: it needs no root, and the machine's own packages stay as they are.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { missingDependency, systemFailed } from "../../errors.js"
import { CommandError, runCommand } from "./run-command.js"

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
const SOURCES_FOLDER = "/etc/apt/sources.list.d"

export interface ArchiveOptions {
  /** A release of Debian. */
  readonly suite: string
  readonly architecture: string
}

export class DebianArchive {
  readonly #options: readonly string[]

  private constructor(options: readonly string[]) {
    this.#options = options
  }

  /**
   * Fetches the package index into `folder`. `VIRTIO_MSG_DEBIAN_MIRROR` takes precedence over the mirror in
   * apt's configuration. Rejects with MISSING_DEPENDENCY when there is none, with SYSTEM_FAILED when it does
   * not answer.
   */
  static async open(folder: string, { suite, architecture }: ArchiveOptions): Promise<DebianArchive> {
    const mirror = process.env.VIRTIO_MSG_DEBIAN_MIRROR ?? (await findMirror())
    if (mirror === undefined)
      throw missingDependency("This machine's apt has no Debian mirror.", {
        hint: "Run it on Debian, or set VIRTIO_MSG_DEBIAN_MIRROR to the address of a mirror.",
      })
    for (const part of ["lists/partial", "cache/archives/partial", "state"])
      await mkdir(join(folder, part), { recursive: true })
    const sources = join(folder, "sources.list")
    await writeFile(sources, `deb [signed-by=${KEYRING}] ${mirror} ${suite} main\n`)
    const settings = {
      "Dir::State": join(folder, "state"),
      "Dir::State::Lists": join(folder, "lists"),
      "Dir::State::status": "/dev/null",
      "Dir::Cache": join(folder, "cache"),
      "Dir::Etc::SourceList": sources,
      "Dir::Etc::SourceParts": "/dev/null",
      "APT::Architecture": architecture,
      "APT::Architectures::": architecture,
      "Acquire::Languages": "none",
      "Acquire::Retries": "2",
      // an index that cannot be fetched is an error, not a warning
      "APT::Update::Error-Mode": "any",
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`])
    // the kernel's build tools run here, so these are of this machine's architecture
    options.push("-o", `APT::Architectures::=${await machineArchitecture()}`)
    // apt's own user may not be allowed to enter the folder
    if (process.getuid?.() === 0) options.push("-o", "APT::Sandbox::User=root")
    const archive = new DebianArchive(options)
    await archive.#apt("apt-get", ["-qq", "update"])
    return archive
  }

  /** The field of a package's record, such as `Depends`. Rejects with SYSTEM_FAILED. */
  async field(packageName: string, field: string): Promise<string> {
    const record = await this.#apt("apt-cache", ["show", "--no-all-versions", packageName])
    const value = new RegExp(`^${field}: (.*)$`, "m").exec(record)?.[1]
    if (value === undefined) throw systemFailed(`Debian's package ${packageName} has no ${field}.`)
    return value
  }

  /** Downloads packages; resolves with the paths of their files, by package name without architecture. */
  async download(packageNames: readonly string[], folder: string): Promise<Map<string, string>> {
    await mkdir(folder, { recursive: true })
    await this.#apt("apt-get", ["-qq", "download", ...packageNames], folder)
    const files = await readdir(folder)
    return new Map(
      packageNames.map((qualified) => {
        const name = qualified.split(":")[0] ?? qualified
        const file = files.find((candidate) => candidate.startsWith(`${name}_`))
        if (file === undefined) throw systemFailed(`apt-get did not download ${name}.`)
        return [name, join(folder, file)]
      }),
    )
  }

  async #apt(command: string, args: readonly string[], cwd?: string): Promise<string> {
    try {
      return await runCommand(command, [...this.#options, ...args], {
        ...(cwd === undefined ? {} : { cwd }),
        env: { ...process.env, LC_ALL: "C" },
      })
    } catch (cause) {
      const output = cause instanceof CommandError ? cause.output : String(cause)
      throw systemFailed(`Debian's package archive cannot be used: ${output}`, {
        hint: "Check the network and that apt-get update works here.",
        cause,
      })
    }
  }
}

export async function unpackPackage(file: string, folder: string): Promise<void> {
  await runCommand("dpkg-deb", ["-x", file, folder])
}

/** This machine's architecture in Debian's terms, such as `amd64`. */
export async function machineArchitecture(): Promise<string> {
  return (await runCommand("dpkg", ["--print-architecture"])).trim()
}

/** The Debian mirror in apt's own configuration; undefined when there is none. */
async function findMirror(): Promise<string | undefined> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1]
  if (codename === undefined) return undefined
  const names = await readdir(SOURCES_FOLDER).catch(() => [])
  const paths = ["/etc/apt/sources.list", ...names.sort().map((name) => join(SOURCES_FOLDER, name))]
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch(() => "")
    const found = path.endsWith(".sources") ? mirrorInStanzas(text, codename) : mirrorInLines(text, codename)
    if (found !== undefined) return found
  }
  return undefined
}

/** Reads the one-line format: `deb [options] address suite components`. */
export function mirrorInLines(text: string, codename: string): string | undefined {
  for (const line of text.split("\n")) {
    const [, address, suite, components] =
      /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (suite === codename && components?.split(/\s+/).includes("main")) return address
  }
  return undefined
}

/** Reads the deb822 format: stanzas of `Types`, `URIs`, `Suites`, `Components`. */
export function mirrorInStanzas(text: string, codename: string): string | undefined {
  for (const stanza of text.split(/\n\s*\n/)) {
    const words = (field: string) =>
      (new RegExp(`^${field}:(.*)$`, "im").exec(stanza)?.[1] ?? "").trim().split(/\s+/)
    const isIt =
      words("Types").includes("deb") &&
      words("Suites").includes(codename) &&
      words("Components").includes("main")
    if (isIt) return words("URIs")[0]
  }
  return undefined
}
