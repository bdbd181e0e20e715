// A user's project in a temporary folder: packages packed from this repository, installed as a user would.

import { execFile } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { plainEnvironment } from "../cli/command.js"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const run = promisify(execFile)

/** How long packing and installing may take. */
export const INSTALL_LIMIT_MS = 480_000

/** What `npm pack --json` says of a package. */
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

  /** Packs a folder of this repository; as it was built for this test run: without scripts, which would build again. */
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
    // a registry that is busy for a moment is asked again
    const patient = ["--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=5"]
    await run("npm", ["install", "--ignore-scripts", ...patient], { cwd: this.folder })
  }

  /** Runs a program of the project to its end; rejects when it fails or has not ended by itself after 2 min. */
  async run(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
    const options = { cwd: this.folder, timeout: 120_000, env: { ...plainEnvironment(), ...env } }
    return run(file, args, options)
  }

  async remove(): Promise<void> {
    await rm(this.#parent, { recursive: true, force: true })
  }
}
