// Deploying to boards that say what they are: the runtime in the VM, told by a setting that it is a Pico.

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BOARDS } from "../../../boards/src/index.js"
import { readSettings, withSettings } from "../../../host/src/deploy/program-image.js"
import { type BoardServer, serveBoard } from "../../../host/src/node/board-server.js"
import { deployFirmware } from "../../../host/src/node/deploy-firmware.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"

const pico = BOARDS.find(({ id }) => id === "pico")

let folder: string
let machine: VirtualMachine
let server: BoardServer
let flash: Uint8Array | undefined

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-deploy-"))
  const settings = new Map<string, number | string>([["productId", pico?.productId ?? 0]])
  machine = new VirtualMachine({
    program: withSettings(readFirmware("simulated"), settings),
    flash: {
      load: () => undefined,
      save: (contents) => {
        flash = contents
      },
    },
  })
  await machine.start()
  server = await serveBoard(machine, `unix:${path.join(folder, "board.sock")}`)
})
afterEach(async () => {
  await server.close()
  machine.stop()
  await rm(folder, { recursive: true })
})

describe("deployFirmware to a board that says it is a Pico", () => {
  it("takes the Pico's pins by itself, and writes them into the program in its flash", async () => {
    const deployment = await deployFirmware({ port: server.port, build: "hardware", khz: 400 })
    expect(deployment.board).toBe(pico)
    expect(deployment.i2c).toEqual({ sda: 4, scl: 5, khz: 400 })
    expect(deployment.hello?.hasSimulatedChips).toBe(false)
    const begin = Buffer.from(flash ?? []).indexOf("DevS")
    const settings = readSettings((flash ?? new Uint8Array(0)).subarray(begin))
    expect(Object.fromEntries(settings)).toMatchObject({ "i2c.pinSDA": 4, "i2c.pinSCL": 5, "i2c.kHz": 400 })
  })

  it("refuses to take it for another board", async () => {
    const asked = deployFirmware({ port: server.port, build: "hardware", boardId: "esp32c3_supermini" })
    await expect(asked).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: `The board on ${server.port} is pico (Raspberry Pi Pico), not esp32c3_supermini.`,
    })
  })

  it("refuses pins that this board's chip cannot use, and leaves its program alone", async () => {
    flash = undefined
    await expect(
      deployFirmware({ port: server.port, build: "hardware", sda: 4, scl: 7 }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "GPIO 4 is on controller I2C0, GPIO 7 on I2C1.",
      hint: "Usual on this board: --sda 4 --scl 5",
    })
    expect(flash).toBeUndefined()
  })
})
