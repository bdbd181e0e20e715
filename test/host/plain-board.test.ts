// The simulated board's devices behind the plain profile, as `virtio-msg sim --listen plain:unix:PATH` serves them.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { BoardServer } from "../../host/src/node/board-server.js"
import { servePlainBoard } from "../../host/src/node/plain-board.js"
import { openBus } from "../../host/src/open-bus.js"

let folder: string
let server: BoardServer
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-plain-board-"))
  server = await servePlainBoard(`plain:unix:${path.join(folder, "board.sock")}`)
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

describe("the simulated board behind the plain profile", () => {
  it("tells of the edges of its lines", async () => {
    const bus = await openBus({ port: server.port })
    try {
      const chip = await bus.gpio()
      const watch = await chip.watch(["CLOCK"]) // which changes every 500 ms
      const edges: string[] = []
      for await (const { edge } of watch) if (edges.push(edge) === 2) break
      expect([...edges].sort()).toEqual(["falling", "rising"])
    } finally {
      await bus.close()
    }
  })
})
