// The far end of a pseudo-terminal, in a process of its own so that its time is not the measured one's:
// serial-far-end.js echo|virtio-msg|firmata prints the terminal's path and serves until its stdin ends. Each answers at
// once, with native code: a chip and its bus would take the same time in all three.

import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { systemClock } from "../../host/src/clock.js"
import { BoardStream } from "../../host/src/link/board-stream.js"
import { openPty } from "../../host/src/node/pty.js"
import { makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { NativeBoard } from "../faults/native-board.js"

type Write = (bytes: Uint8Array) => void
/** Takes the bytes of a kind of far end; `write` answers. */
type Serve = (write: Write) => (chunk: Uint8Array) => void

const AREA_SIZE = 8192
const START_SYSEX = 0xf0
const END_SYSEX = 0xf7
const I2C_REQUEST = 0x76
const I2C_REPLY = 0x77
const REPORT_FIRMWARE = 0x79
const REPORT_VERSION = 0xf9

const echo: Serve = (write) => write

const virtioMsg: Serve = (write) => {
  const chips = new SimulatedBus(
    demoChips(() => 0, allocateBytes),
    allocateBytes,
  )
  const makeEndpoint = () =>
    makeDeviceEndpoint({
      alloc: allocateBytes,
      models: [new I2cDevice(chips, allocateBytes(0), () => Promise.resolve(), allocateBytes)],
      driverAreaSize: AREA_SIZE,
      deviceAreaSize: AREA_SIZE,
      identity: { board: "native", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
    })
  const board = new NativeBoard(systemClock, makeEndpoint, 0)
  const stream = new BoardStream({ sendFrame: (frame) => board.sendFrame(frame), write })
  board.onFrame.on((frame) => stream.frame(frame))
  return (chunk) => stream.receive(chunk)
}

/** As much of StandardFirmata as a client needs to read registers: the protocol's version, its own, I2C read once. */
const firmata: Serve = (write) => {
  let message: number[] = []
  return (chunk) => {
    for (const byte of chunk) {
      if (byte === REPORT_VERSION) write(Uint8Array.of(REPORT_VERSION, 2, 6))
      else if (byte === START_SYSEX) message = []
      else if (byte === END_SYSEX) {
        const answer = answerSysex(message)
        if (answer) write(Uint8Array.of(START_SYSEX, ...answer, END_SYSEX))
      } else message.push(byte)
    }
  }
}

/** A register holds its own number; each byte takes two of 7 bits. */
function answerSysex([command, ...rest]: readonly number[]): number[] | undefined {
  if (command === REPORT_FIRMWARE) return [REPORT_FIRMWARE, 2, 6]
  if (command !== I2C_REQUEST) return undefined
  const [address = 0, , low = 0, high = 0, countLow = 0, countHigh = 0] = rest
  const data = Array.from({ length: countLow | (countHigh << 7) }, () => [low & 0x7f, high])
  return [I2C_REPLY, address, 0, low, high, ...data.flat()]
}

const KINDS: Readonly<Record<string, Serve>> = { echo, "virtio-msg": virtioMsg, firmata }

const serve = KINDS[process.argv[2] ?? ""]
if (!serve) throw new Error(`One of ${Object.keys(KINDS).join(", ")}`)
const pty = await openPty()
pty.stream.on(
  "data",
  serve((bytes) => pty.stream.write(bytes)),
)
process.stdin.on("end", () => process.exit()).resume()
process.stdout.write(`${pty.path}\n`)
