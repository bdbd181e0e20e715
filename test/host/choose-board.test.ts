// Which board `auto` and `serial:NUMBER` are, and what is said when that cannot be told.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { chooseBoard, resolvePort, SeveralBoardsError } from "../../host/src/node/choose-board.js"
import { listBoard } from "../../host/src/node/simulated-boards.js"
import { FakeRoot, PICO_USB } from "../support/fake-root.js"

const { idVendor, idProduct } = PICO_USB
const PICO = { idVendor, idProduct }

let folder: string
let root: FakeRoot
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-choose-"))
  root = new FakeRoot(folder)
  for (const [name, value] of Object.entries(root.env)) vi.stubEnv(name, value)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

describe("serial:NUMBER", () => {
  it("is the port of the board with that serial number, in either case", async () => {
    await root.addUsbPort("ttyACM0", { ...PICO, serial: "E661AA" })
    const second = await root.addUsbPort("ttyACM1", { ...PICO, serial: "E661BB" })
    expect(await resolvePort("serial:E661BB")).toBe(second)
    expect(await resolvePort("serial:e661bb")).toBe(second)
    expect(await resolvePort("/dev/ttyACM7")).toBe("/dev/ttyACM7")
  })

  it("of no port says which there are", async () => {
    await expect(resolvePort("serial:1")).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: 'No port has the serial number "1".',
      hint: "Plug the board in; virtio-msg ports shows what is there.",
    })
    await root.addUsbPort("ttyACM0", { ...PICO, serial: "E661AA" })
    for (const port of ["serial:1", "serial:"])
      await expect(resolvePort(port)).rejects.toMatchObject({
        code: "NOT_FOUND",
        hint: "There are: E661AA. See them: virtio-msg ports",
      })
  })

  it("of two ports names both", async () => {
    const ports = [
      await root.addUsbPort("ttyACM0", { ...PICO, serial: "0001" }),
      await root.addUsbPort("ttyACM1", { ...PICO, serial: "0001" }),
    ]
    await expect(resolvePort("serial:0001")).rejects.toMatchObject({ code: "INVALID_ARGUMENT", ports })
  })
})

describe("auto", () => {
  it("with several boards names each, by a serial number that is its own and easy to type", async () => {
    await root.addUsbPort("ttyACM0", { ...PICO, serial: "E661AA" })
    const without = await root.addUsbPort("ttyACM1", PICO)
    const strange = await root.addUsbPort("ttyACM2", { ...PICO, serial: "a b'; rm" })
    const error = await chooseBoard().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(SeveralBoardsError)
    expect(error).toMatchObject({
      ports: ["serial:E661AA", without, strange],
      hint: `Say which: --port serial:E661AA or --port ${without} or --port ${strange}`,
    })
  })

  it("without a board never takes a simulated one, and names those that run", async () => {
    const unlist = listBoard("unix:/tmp/board.sock", "a simulated board")
    await expect(chooseBoard()).rejects.toMatchObject({
      code: "NOT_FOUND",
      hint:
        "Plug one in; virtio-msg ports shows what is there. The simulated board has to be asked for: --port sim, or " +
        "VIRTIO_MSG_PORT=sim; running already: --port unix:/tmp/board.sock",
    })
    unlist()
    await expect(chooseBoard()).rejects.toMatchObject({ hint: expect.not.stringContaining("running") })
  })
})
