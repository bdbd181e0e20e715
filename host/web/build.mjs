// Builds the page into dist/web. Vite bundles our code. Beside it lie the files that the simulated board needs: our
// bytecode, and the code of the virtual machine, a module of its own that is fetched at its first use.
// Needs the compiled host and firmware in dist/.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

const root = fileURLToPath(new URL("../..", import.meta.url))
const output = path.join(root, "dist/web")
const program = path.join(root, "dist/firmware/simulated.devs")
const sourceRoots = ["host/web", "host/src", "shared-protocol/src"]

/** Whether the page is newer than everything from which it is built. */
function isFresh() {
  let built
  try {
    built = statSync(path.join(output, "vm/devicescript-vm.js")).mtimeMs // written last
  } catch {
    return false
  }
  const sources = sourceRoots.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  )
  return [program, ...sources].every((file) => statSync(file).mtimeMs <= built)
}

async function build() {
  const { build: buildPage } = await import("vite") // the bundler comes with vitest
  await buildPage({
    configFile: false,
    root: path.join(root, "host/web"),
    base: "./", // relative paths: any web server can host the folder at any place
    logLevel: "warn",
    build: {
      outDir: output,
      emptyOutDir: true,
      target: "es2022",
      cssCodeSplit: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  })
  mkdirSync(path.join(output, "firmware"), { recursive: true })
  copyFileSync(program, path.join(output, "firmware/simulated.devs"))
  const { runtimeModule } = await import(path.join(root, "dist/host/src/node/dashboard/page-files.js"))
  mkdirSync(path.join(output, "vm"), { recursive: true })
  writeFileSync(path.join(output, "vm/devicescript-vm.js"), runtimeModule())
  const [page, machine] = compressedSizes()
  console.error(`dist/web ${page} bytes compressed, and ${machine} of virtual machine`)
}

/** The bytes that a web server that compresses would send: for the page with its firmware, and for the VM. */
function compressedSizes() {
  const sizes = [0, 0]
  for (const entry of readdirSync(output, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const isMachine = entry.parentPath.endsWith("vm")
      sizes[isMachine ? 1 : 0] += gzipSync(readFileSync(path.join(entry.parentPath, entry.name))).length
    }
  return sizes
}

if (!isFresh()) await build()
