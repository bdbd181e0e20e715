// The command as the stock guest runs it. An emulated computer takes eight seconds to load the three hundred files of
// the build from this machine, and two to load the same code packed into a few files that are in its own memory.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { pathToFileURL } from "node:url"
import type { GuestFile } from "../../../host/src/node/linux-guest/initramfs.js"

const ROOT = path.join(import.meta.dirname, "../../..")
const MAIN = path.join(ROOT, "dist/host/src/cli/main.js")
/** Where the guest's root, which is this machine's, shows them. */
const FOLDER = "/usr/bin/packed-command"

// such a computer is slow at taking turns, too: without V8's helpers Node starts there in half the time
export const COMMAND = `node --single-threaded ${FOLDER}/main.js`

/** What `StockGuest.boot` needs for `COMMAND`: the built command, packed. Each module still believes to lie in dist. */
export async function packedCommand(): Promise<GuestFile[]> {
  const { build } = await import("vite") // as host/web/build.mjs has it
  const outDir = await mkdtemp(path.join(tmpdir(), "packed-command-"))
  try {
    await build({
      configFile: false,
      root: ROOT,
      logLevel: "warn",
      ssr: { noExternal: true },
      build: {
        ssr: MAIN,
        outDir,
        target: "esnext",
        // several builds at once may not take each other's files away
        emptyOutDir: false,
      },
      plugins: [
        {
          name: "own-place",
          transform: (code: string, id: string) =>
            code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href)),
        },
      ],
    })
    const names = (await readdir(outDir, { recursive: true })).filter((name) => name.endsWith(".js"))
    const files = names.map(async (name) => ({
      path: `programs/${path.basename(FOLDER)}/${name}`,
      bytes: await readFile(path.join(outDir, name)),
    }))
    return [
      ...(await Promise.all(files)),
      { path: `programs/${path.basename(FOLDER)}/package.json`, bytes: Buffer.from('{"type":"module"}') },
    ]
  } finally {
    await rm(outDir, { recursive: true })
  }
}
