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
import {
  type Answer,
  HASH_REGISTER,
  PIPE_OPENED,
  PlayedManager,
  SHA256_REGISTER,
  SIZE_REGISTER,
} from "../../support/played-manager.js"

const pico = BOARDS.find(({ id }) => id === "pico")

let folder: string
let machine: PlayedManager
let server: BoardServer
let flash: Uint8Array | undefined

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-deploy-"))
  const settings = new Map<string, number | string>([["productId", pico?.productId ?? 0]])
  flash = undefined
  machine = new PlayedManager({
    program: withSettings(readFirmware("simulated"), settings),
    flash: {
      load: () => flash,
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

/** The port goes away with the power, and comes back. */
async function unplugAndPlugIn(): Promise<void> {
  await server.close()
  await machine.restart()
  server = await serveBoard(machine, server.port)
}

describe("deployFirmware to a board that says it is a Pico", () => {
  it("takes the Pico's pins by itself, and writes them into the program in its flash", async () => {
    const deployment = await deployFirmware({ port: server.port, build: "hardware", khz: 400 })
    expect(deployment.board).toBe(pico)
    expect(deployment.pins).toEqual({ i2c: { sda: 4, scl: 5, khz: 400 }, gpio: [] })
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
    const before = flash
    await expect(
      deployFirmware({ port: server.port, build: "hardware", sda: 4, scl: 7 }),
    ).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: "GPIO 4 is on controller I2C0, GPIO 7 on I2C1.",
      hint: "Usual on this board: --sda 4 --scl 5",
    })
    expect(flash).toBe(before)
  })
})

describe("deployFirmware believes a board", () => {
  const deploy = () => deployFirmware({ port: server.port, build: "simulated", devices: ["i2c"] })

  it.each([
    ["whose hash was taken before its last page was in flash, as a Pico's is", false],
    ["as that, of a runtime that knows no SHA-256", true],
  ])("%s, and does not write again what is there", async (_, isOlder) => {
    machine.hashAsPico()
    if (isOlder) machine.answers.set(SHA256_REGISTER, () => "unknown")
    expect((await deploy()).wasThere).toBe(false)
    expect((await deploy()).wasThere).toBe(true)
  })

  const asked = (what: string, answer: string) =>
    `Asked for the ${what} of its program, the board on ${server.port} ${answer}.`
  it.each<[string, number, Answer, () => string]>([
    [
      "a size of 3 bytes",
      SIZE_REGISTER,
      () => new Uint8Array(3),
      () => asked("size", "answers 3 bytes, not 4"),
    ],
    ["no size", SIZE_REGISTER, () => "unknown", () => asked("size", "knows no answer")],
    [
      "a size of 4 GiB",
      SIZE_REGISTER,
      () => new Uint8Array(4).fill(255),
      () => `The board on ${server.port} holds something else than was sent.`,
    ],
    ["an empty hash", HASH_REGISTER, () => new Uint8Array(0), () => asked("hash", "answers 0 bytes, not 4")],
    [
      "31 bytes of SHA-256",
      SHA256_REGISTER,
      () => new Uint8Array(31),
      () => asked("SHA-256", "answers 31 bytes, not 32"),
    ],
    [
      "zeros for a SHA-256",
      SHA256_REGISTER,
      () => new Uint8Array(32),
      () => `The board on ${server.port} holds something else than was sent.`,
    ],
  ])("never where it answers %s; the next deployment repairs it", async (_, register, answer, message) => {
    machine.answers.set(register, answer)
    await expect(deploy()).rejects.toMatchObject({ code: "DEVICE_FAILED", message: message() })
    machine.answers.clear()
    expect((await deploy()).hello?.hasSimulatedChips).toBe(true)
  })

  const written = () => withSettings(readFirmware("simulated"), new Map([["virtio.devices", "i2c"]])).length
  it.each<[string, number, Answer, string, () => string, string]>([
    [
      "opens no pipe, as where its flash has no room",
      PIPE_OPENED,
      () => "silence",
      "DEVICE_FAILED",
      () =>
        `The board on ${server.port} did not begin to take a program of ${written()} bytes. It may hold no program now.`,
      "Deploy again. If it happens again, its flash has no room: give it the runtime, virtio-msg flash --board BOARD",
    ],
    [
      "opens pipe 0",
      PIPE_OPENED,
      () => new Uint8Array(2),
      "DEVICE_FAILED",
      () => `The board on ${server.port} takes no program. It may hold no program now.`,
      "Unplug it, plug it in, try again.",
    ],
    [
      "opens a pipe that it does not have",
      PIPE_OPENED,
      () => Uint8Array.of(0xff, 0x01),
      "DEVICE_FAILED",
      () => `The board on ${server.port} holds no program, though it took one.`,
      "It may have started again meanwhile, and lost what it had not written yet. Deploy again.",
    ],
    [
      "never says its size",
      SIZE_REGISTER,
      () => "silence",
      "TIMEOUT",
      () => `The board on ${server.port} does not answer any more.`,
      "End the simulated board, and start it again.",
    ],
  ])(
    "never where it %s; the next deployment repairs it",
    async (_, register, answer, code, message, hint) => {
      machine.answers.set(register, answer)
      await expect(deploy()).rejects.toMatchObject({ code, message: message(), hint })
      machine.answers.clear()
      expect((await deploy()).hello?.hasSimulatedChips).toBe(true)
    },
  )

  it("that answers everything twice", async () => {
    for (const register of [SIZE_REGISTER, HASH_REGISTER, SHA256_REGISTER, PIPE_OPENED])
      machine.answers.set(register, () => "twice")
    expect((await deploy()).wasThere).toBe(false)
    expect((await deploy()).wasThere).toBe(true)
  })

  it("that is gone while it is asked only when it is back and was asked again", async () => {
    const deployed = deployFirmware({
      port: server.port,
      build: "simulated",
      onProgress: (sent, total) => {
        if (sent === total) machine.answers.set(SIZE_REGISTER, losePower)
      },
    })
    const losePower: Answer = (real) => {
      machine.answers.clear()
      flash = undefined // nothing was written yet: the program that it had before is there
      void unplugAndPlugIn()
      return real
    }
    await expect(deployed).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: `The board on ${server.port} holds something else than was sent.`,
    })
    expect((await deploy()).hello?.hasSimulatedChips).toBe(true)
  })

  it("never whose cable was pulled in the middle, and says what to do; the next deployment repairs it", async () => {
    let replugged: Promise<void> | undefined
    const pulled = deployFirmware({
      port: server.port,
      build: "simulated",
      onProgress: (sent, total) => {
        if (sent >= total / 2) replugged ??= unplugAndPlugIn()
      },
    })
    await expect(pulled).rejects.toMatchObject({
      code: "LINK_CLOSED",
      message: `${server.port} is gone. It holds no program now: writing was not finished.`,
      hint: "Start the simulated board again, if its process has ended. Then deploy again.",
    })
    await replugged
    expect((await deploy()).hello?.hasSimulatedChips).toBe(true)
  })

  it("that started again in the middle of the deployment to hold nothing; the next one repairs it", async () => {
    let restarted: Promise<void> | undefined
    const broken = deployFirmware({
      port: server.port,
      build: "simulated",
      onProgress: (sent, total) => {
        // behind a bridge chip, whose port stays
        if (sent >= total / 2) restarted ??= machine.restart()
      },
    })
    await expect(broken).rejects.toMatchObject({
      code: "DEVICE_FAILED",
      message: `The board on ${server.port} holds no program, though it took one.`,
    })
    await restarted
    expect((await deploy()).hello?.hasSimulatedChips).toBe(true)
  })
})
