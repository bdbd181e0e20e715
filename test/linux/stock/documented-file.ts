// The files that docs/linux.md tells people to write: blocks whose first line is a comment with the file's path.

import { readFileSync } from "node:fs"
import path from "node:path"

const GUIDE = path.join(import.meta.dirname, "../../../docs/linux.md")

/** The file's text. Throws when the guide has none of that path. */
export function documentedFile(filePath: string): string {
  const blocks = [...readFileSync(GUIDE, "utf8").matchAll(/^```\n# (\S+)\n(.*?)^```$/gms)]
  const found = blocks.find(([, name]) => name === filePath)?.[2]
  if (found === undefined) throw new Error(`docs/linux.md has no ${filePath}`)
  return found
}
