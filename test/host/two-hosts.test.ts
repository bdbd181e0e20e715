// Two hosts for one simulated board behind a socket: the second is told, and the first goes on. In real time, but nothing
// here depends on how long it takes.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BoardClient } from "../../host/src/deploy/board-client.js"
import { type BoardServer, serveBoard } from "../../host/src/node/board-server.js"
import { makeFramePort } from "../../host/src/node/open-link.js"
import { openBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

let folder: string
let machine: VirtualMachine
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-two-"))
  machine = new VirtualMachine({ program: readFirmware("simulated") })
  await machine.start()
})
afterEach(async () => {
  machine.stop()
  await rm(folder, { recursive: true })
})

describe.each([
  ["unix", () => `unix:${path.join(folder, "board.sock")}`],
  ["tcp", () => "tcp://127.0.0.1:0"],
])("a board behind %s:", (_name, listen) => {
  let server: BoardServer
  const notices: string[] = []
  beforeEach(async () => {
    notices.length = 0
    server = await serveBoard(machine, listen(), undefined, false, (sentence) => notices.push(sentence))
  })
  afterEach(() => server.close())

  it("tells a second host that another program uses it, and the first never notices", async () => {
    const first = await openBus({ port: server.port })
    try {
      let lost = 0
      first.bus.onLost.on(() => lost++)
      const i2c = await first.i2c()
      const refusal = {
        code: "CONNECT_FAILED",
        message: `Another program uses the board on ${server.port}.`,
        hint: "A board has one host at a time: end that program first.",
      }
      await expect(openBus({ port: server.port })).rejects.toMatchObject(refusal)
      await expect(BoardClient.open(makeFramePort(server.port))).rejects.toMatchObject(refusal)
      expect(notices).toEqual(Array(2).fill("A second host was refused: the board has one already."))
      expect(await i2c.readByte(0x54, 14)).toBe(0x66)
      expect({ lost, epochs: first.bus.epochCount }).toEqual({ lost: 0, epochs: 1 })
    } finally {
      await first.close()
    }
  })

  it("is free when its host has just gone", async () => {
    for (let turn = 0; turn < 3; turn++) {
      const bus = await openBus({ port: server.port })
      expect(await (await bus.i2c()).readByte(0x54, 14)).toBe(0x66)
      await bus.close()
    }
    expect(notices).toEqual([])
  })
})
