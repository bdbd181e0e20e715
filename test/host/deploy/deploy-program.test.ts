// A program goes to the real runtime by its own deployment protocol, over the serial framing, and stays there.

import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { Bus } from "../../../host/src/bus/bus.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { BoardClient } from "../../../host/src/deploy/board-client.js"
import { deployProgram, isSameProgram, readHeldProgram } from "../../../host/src/deploy/deploy-program.js"
import { fnv1a } from "../../../host/src/deploy/device-config.js"
import { withSettings } from "../../../host/src/deploy/program-image.js"
import { BoardStream } from "../../../host/src/link/board-stream.js"
import { JacdacLink } from "../../../host/src/link/jacdac-link.js"
import { type ByteStream, type ByteStreamEvents, StreamPort } from "../../../host/src/link/stream-port.js"
import { OpenedBus } from "../../../host/src/open-bus.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"
import { picoHash } from "../../support/played-manager.js"

/** A board with a USB plug: the runtime behind the serial framing, whose frames a test may lose. */
class PluggedBoard {
  readonly clock = new VirtualClock(1)
  /** Every how many frames, either way, one is lost; 0 for none. */
  loseEvery = 0
  frameCount = 0
  #flash: Uint8Array | undefined
  #machine = this.#makeMachine()
  #pull: (() => void) | undefined

  #makeMachine() {
    const flash = {
      load: () => this.#flash,
      save: (contents: Uint8Array) => {
        this.#flash = contents
      },
    }
    return new VirtualMachine({ clock: this.clock, flash })
  }

  /** Takes the power away and gives it back; only flash stays. */
  async powerCycle(): Promise<void> {
    this.unplug()
    this.#machine.stop()
    this.#machine = this.#makeMachine()
    await this.#machine.start()
  }

  unplug(): void {
    this.#pull?.()
  }

  port(): StreamPort {
    const machine = this.#machine
    let board: BoardStream | undefined
    let offs: (() => void)[] = []
    const stream: ByteStream = {
      name: "plug",
      isSimulated: true,
      paceMs: 2,
      open: async (events: ByteStreamEvents) => {
        board = new BoardStream({
          sendFrame: (frame) => this.#passes() && machine.sendFrame(frame),
          write: (bytes) => this.clock.schedule(0, () => events.onData(bytes)),
        })
        offs = [
          machine.onFrame.on((frame) => {
            if (this.#passes()) board?.frame(frame)
          }),
          machine.onLog.on((line) => board?.log(line)),
        ]
        this.#pull = () => {
          for (const off of offs) off()
          this.#pull = undefined
          events.onClose(new Error("the cable is gone"))
        }
      },
      write: (bytes) => board?.receive(bytes),
      close: async () => {
        for (const off of offs) off()
      },
    }
    return new StreamPort(stream, this.clock)
  }

  #passes(): boolean {
    this.frameCount++
    return this.loseEvery === 0 || this.frameCount % this.loseEvery !== 0
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise)
  }

  /** Says HELLO to our firmware and reads ST's RAM chip. */
  async readChip(): Promise<number | undefined> {
    const bus = new OpenedBus(
      await this.run(Bus.open(new JacdacLink(this.port(), this.clock), { clock: this.clock })),
    )
    const i2c = await this.run(bus.i2c())
    const [data] = await this.run(i2c.transfer(0x54, [{ write: [14] }, { read: 1 }]))
    await bus.close()
    return data?.[0]
  }
}

async function blankBoard(): Promise<{ board: PluggedBoard; client: BoardClient }> {
  const board = new PluggedBoard()
  await board.powerCycle()
  return { board, client: await board.run(BoardClient.open(board.port(), board.clock)) }
}

const program = withSettings(readFirmware("simulated"), new Map<string, number | string>([["i2c.kHz", 400]]))

describe("deploying over the wire", () => {
  it("puts a program on a blank board, which then answers HELLO, also after its power was off", async () => {
    const { board, client } = await blankBoard()
    expect(await board.run(readHeldProgram(client))).toEqual({ size: 0, hash: 0, name: "" })
    const progress: number[] = []
    await board.run(deployProgram(client, program, (sent, total) => progress.push(sent / total)))
    expect(progress[0]).toBe(0)
    expect(progress.at(-1)).toBe(1)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    const held = await board.run(readHeldProgram(client))
    expect(isSameProgram(held, program)).toBe(true)
    expect(isSameProgram(held, readFirmware("hardware"))).toBe(false)
    await client.close()
    expect(await board.readChip()).toBe(0x66)

    await board.powerCycle()
    expect(await board.readChip()).toBe(0x66)
  })

  it("survives every seventh frame being lost, acknowledgements among them", async () => {
    const { board, client } = await blankBoard()
    const sent = board.frameCount
    board.loseEvery = 7
    await board.run(deployProgram(client, program))
    // each loss costs a repetition, so clearly more than a packet and its acknowledgement went over the wire
    expect(board.frameCount - sent).toBeGreaterThan((2 * program.length) / 224)
    const held = await board.run(readHeldProgram(client))
    expect(isSameProgram(held, program)).toBe(true)
    await client.close()
  })

  it("ends with LINK_CLOSED when the cable is pulled, and the board waits for a program afterwards", async () => {
    const { board, client } = await blankBoard()
    let packets = 0
    const deployed = deployProgram(client, program, () => {
      if (++packets === 20) board.unplug()
    })
    await expect(board.run(deployed)).rejects.toMatchObject({ code: "LINK_CLOSED", message: "plug is gone." })
    await board.powerCycle()
    await expect(board.readChip()).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "The board on plug does not run our firmware.",
    })
    const again = await board.run(BoardClient.open(board.port(), board.clock))
    await board.run(deployProgram(again, program))
    await again.close()
    expect(await board.readChip()).toBe(0x66)
    expect(board.clock.pendingCount).toBeLessThan(20) // the VM's own
  })

  it("ends with TIMEOUT when the board falls silent", async () => {
    const { board, client } = await blankBoard()
    let packets = 0
    const deployed = deployProgram(client, program, () => {
      if (++packets === 20) board.loseEvery = 1
    })
    await expect(board.run(deployed)).rejects.toMatchObject({ code: "TIMEOUT" })
    await client.close()
  })
})

describe("whether a board holds a program", () => {
  const sha256 = createHash("sha256").update(program).digest()
  const hash = fnv1a(program)
  const held = { size: program.length, sha256, hash, name: "" }

  it("is a matter of SHA-256, whatever the hash says", () => {
    expect(isSameProgram({ ...held, hash: picoHash(program) }, program)).toBe(true)
    expect(isSameProgram({ ...held, hash: 0 }, program)).toBe(true)
    expect(isSameProgram({ ...held, sha256: new Uint8Array(32) }, program)).toBe(false)
    expect(isSameProgram({ ...held, size: program.length - 32 }, program)).toBe(false)
  })

  it("is a matter of the hash where the runtime has no SHA-256, taken of all or before the last page", () => {
    // of a length that begins a page of the Pico's flash: a program may happen to end with one
    const part = program.slice(0, 40_000)
    const older = { size: part.length, sha256: undefined, hash: fnv1a(part), name: "" }
    expect(picoHash(part)).not.toBe(older.hash)
    expect(isSameProgram(older, part)).toBe(true)
    expect(isSameProgram({ ...older, hash: picoHash(part) }, part)).toBe(true)
    const twoPages = part.slice().fill(0xff, part.length - 512)
    expect(isSameProgram({ ...older, hash: fnv1a(twoPages) }, part)).toBe(false)
  })
})

describe("a board's own services", () => {
  it("say what the board is", async () => {
    const { board, client } = await blankBoard()
    expect(await board.run(client.identify())).toMatchObject({
      deviceId: "12abdd2289421234",
      description: "DeviceScript Simulator (WASM)",
    })
    await client.close()
  })

  it("are not found on a port where nobody answers", async () => {
    const clock = new VirtualClock(1)
    const silent: ByteStream = {
      name: "silent",
      isSimulated: true,
      paceMs: 0,
      open: async () => {},
      write: () => {},
      close: async () => {},
    }
    await expect(clock.run(BoardClient.open(new StreamPort(silent, clock), clock))).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "No board with the DeviceScript runtime answered on silent within 4 s.",
    })
    expect(clock.pendingCount).toBe(0)
  })
})
