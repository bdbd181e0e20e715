// A device model in a process of its own, which is started for each row. The shim is between it and the kernel that
// the suite plays.

import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { missingDependency } from "../../errors.js"
import { TemporaryFolder } from "../../node/process-end.js"
import { TestedCommand } from "../tested-command.js"
import type { ModelSubject, RunningModel } from "./model-bench.js"
import type { PlayedKernel } from "./played-kernel.js"
import { ShimServer } from "./shim-server.js"

/** Where the shim's source is. Throws MISSING_DEPENDENCY. */
function shimSource(): string {
  // from host/src/conformance/bridge in the sources and from dist/host/src/conformance/bridge when compiled
  for (const folder of ["../../../bridge-shim", "../../../../../host/bridge-shim"]) {
    const file = fileURLToPath(new URL(`${folder}/bridge-shim.c`, import.meta.url))
    if (existsSync(file)) return file
  }
  throw missingDependency("The source of the shim is missing.", {
    hint: "In a checkout: git checkout -- host/bridge-shim. As a package of your project: npm ci",
  })
}

export interface ProcessModel extends ModelSubject {
  /** Removes what was compiled. */
  close(): void
}

/** Makes the command's models the subject. Throws MISSING_DEPENDENCY without a C compiler; CC may name one. */
export function processModel(command: readonly string[]): ProcessModel {
  const folder = new TemporaryFolder("virtio-msg-shim-")
  const library = path.join(folder.path, "bridge-shim.so")
  compile(library)
  return {
    name: command.join(" "),
    start: (kernel) => start(command, library, kernel),
    close: () => folder.remove(),
  }
}

function compile(library: string): void {
  const compiler = process.env.CC || "cc"
  const source = shimSource()
  try {
    execFileSync(compiler, ["-shared", "-fPIC", "-O2", "-o", library, source, "-lpthread"], { stdio: "pipe" })
  } catch (cause) {
    const said = String((cause as { stderr?: Uint8Array }).stderr ?? "")
      .trim()
      .split("\n")
      .at(-1)
    throw missingDependency(`${compiler} cannot compile ${source}. ${said ?? ""}`.trim(), {
      hint: "Install a C compiler: sudo apt-get install gcc libc6-dev",
      cause,
    })
  }
}

async function start(
  command: readonly string[],
  library: string,
  kernel: PlayedKernel,
): Promise<RunningModel> {
  const server = new ShimServer(kernel)
  let how = ""
  const tested = new TestedCommand(
    command,
    {
      LD_PRELOAD: [library, process.env.LD_PRELOAD].filter(Boolean).join(":"),
      VIRTIO_MSG_BRIDGE_SOCKET: server.socketPath,
      VIRTIO_MSG_BRIDGE_WINDOW: server.windowPath,
    },
    "virtio-msg conform --bridge-kernel -- ./my-model",
  )
  const ended = tested.ended.then(({ code, signal }) => {
    how = `It ended with ${signal ?? `exit code ${code}`}.${tested.lastWords}`
    kernel.onActivity.emit()
  })
  try {
    await tested.started
  } catch (error) {
    server.close()
    throw error
  }
  return {
    get isOver() {
      return how !== ""
    },
    get how() {
      return how === "" ? "It runs." : how
    },
    async stop() {
      tested.end()
      await ended
      server.close()
    },
  }
}
