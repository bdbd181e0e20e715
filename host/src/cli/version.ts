// Which version of the package this is.

import { readFileSync } from "node:fs"

export function packageVersion(): string {
  const manifest = new URL("../../../../package.json", import.meta.url)
  return JSON.parse(readFileSync(manifest, "utf8")).version
}

/** Our name in files that we write. */
export function application(): string {
  return `virtio-msg ${packageVersion()}`
}
