// The files of the repository, for the tests that read it. git lists them. It works without git, too: in a downloaded
// archive, or in a clone of another user, which git refuses to read.

import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import path from "node:path"

const ROOT = path.join(import.meta.dirname, "../..")

let known: readonly string[] | undefined

/** The files that git has or would take, and `isWanted` accepts: paths from the root, with slashes. */
export function repositoryFiles(isWanted: (file: string) => boolean = () => true): string[] {
  known ??= filesByGit() ?? filesByWalking()
  return known.filter(isWanted)
}

/** Undefined where there is no git, or no repository. */
export function filesByGit(root = ROOT): string[] | undefined {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 24 })
  if (status !== 0) return undefined
  // git still lists files that were removed when that is not committed yet
  return stdout.split("\0").filter((file) => file !== "" && existsSync(path.join(root, file)))
}

/** Every file that .gitignore does not name. */
export function filesByWalking(root = ROOT): string[] {
  const isIgnored = ignoredBy(readFileSync(path.join(root, ".gitignore"), "utf8"))
  const walk = (folder: string): string[] =>
    readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const file = folder === "" ? entry.name : `${folder}/${entry.name}`
      if (entry.name === ".git" || isIgnored(file)) return []
      return entry.isDirectory() ? walk(file) : [file]
    })
  return walk("")
}

/** Reads the lines that our .gitignore has as git does: names anywhere, paths from the root, `*` in a name. */
function ignoredBy(text: string): (file: string) => boolean {
  const patterns = text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const name = line.replace(/\/$/, "")
      const isFromRoot = name.includes("/")
      const source = name
        .replace(/^\//, "")
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("*", "[^/]*")
      return new RegExp(`${isFromRoot ? "^" : "(^|/)"}${source}$`)
    })
  return (file) => patterns.some((pattern) => pattern.test(file))
}
