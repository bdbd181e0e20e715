// A user's project in a temporary folder. Packages are packed from this repository and installed as a user would do it.

import { execFile } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { plainEnvironment } from "../cli/command.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const run = promisify(execFile)

/** The longest time for packing and installing. */
export const INSTALL_LIMIT_MS = 480_000

/** The output of `npm pack --json` for a package. */
export interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

export class InstalledProject {
  /** The project's own folder, inside a temporary one. */
  readonly folder: string
  readonly #parent: string

  private constructor(parent: string) {
    this.#parent = parent
    this.folder = path.join(parent, "project")
  }

  static async create(): Promise<InstalledProject> {
    const project = new InstalledProject(await mkdtemp(path.join(tmpdir(), "virtio-msg-project-")))
    await mkdir(project.folder)
    return project
  }

  /** Packs a folder of this repository as this test run built it. Runs no scripts: they would build again. */
  async pack(folder: string): Promise<Packed & { readonly tarball: string }> {
    const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", this.#parent]
    const { stdout } = await run("npm", args, { cwd: path.join(ROOT, folder) })
    const [packed]: Packed[] = JSON.parse(stdout)
    if (!packed) throw new Error(`npm pack printed ${stdout}`)
    return { ...packed, tarball: path.join(this.#parent, packed.filename) }
  }

  /** Installs what `manifest` asks for. */
  async install(manifest: object): Promise<void> {
    await writeFile(path.join(this.folder, "package.json"), JSON.stringify(manifest))
    // if the registry is busy, npm asks again
    const patient = ["--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=5"]
    await run("npm", ["install", "--ignore-scripts", ...patient], { cwd: this.folder })
  }

  /** Runs a program of the project to its end. Rejects when it fails, or has not ended after 2 min. */
  async run(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const options = { cwd: this.folder, timeout: 120_000, env: { ...plainEnvironment(), ...env } }
    return run(file, args, options)
  }

  async remove(): Promise<void> {
    await rm(this.#parent, { recursive: true, force: true })
  }
}
