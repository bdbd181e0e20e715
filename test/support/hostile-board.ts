// A board that wants to take over the terminal of its user. Its description of itself, the names of its GPIO lines and
// its log are full of control characters. It listens on a Unix socket, as `virtio-msg sim --listen` does.

import net from "node:net"
import { demoChips, SimulatedBus } from "../../firmware/src/chips/simulated-bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { systemClock } from "../../host/src/clock.js"
import { BoardStream } from "../../host/src/link/board-stream.js"
import { type DeviceEndpoint, makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { GpioDevice } from "../../shared-protocol/src/device/gpio.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { NativeBoard } from "../faults/native-board.js"
import { GpioTestLines } from "./gpio-test-lines.js"

const AREA_SIZE = 8192
/** Clears the screen, moves up, sets the title. Then the same with single bytes that are control characters, too. */
const OBEYED = "\u001b[2J\u001b[9A\u001b]0;owned\u0007\u009b2J\u0090q\u009c\u007f\r\b"
/** One byte for each character: they leave the board unchanged. */
const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))

export class HostileBoard {
  readonly port: string
  readonly #server: net.Server
  readonly #board: NativeBoard
  readonly #sockets = new Set<net.Socket>()

  private constructor(socketPath: string, server: net.Server, board: NativeBoard) {
    this.port = `unix:${socketPath}`
    this.#server = server
    this.#board = board
  }

  static async listen(socketPath: string): Promise<HostileBoard> {
    const board = new NativeBoard(systemClock, makeEndpoint)
    const server = net.createServer()
    const hostile = new HostileBoard(socketPath, server, board)
    server.on("connection", (socket) => hostile.#connect(socket))
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
    return hostile
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#board.stop()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #connect(socket: net.Socket): void {
    this.#sockets.add(socket)
    const stream = new BoardStream({
      sendFrame: (frame) => this.#board.sendFrame(frame),
      write: (bytes) => socket.write(bytes),
    })
    const off = this.#board.onFrame.on((frame) => stream.frame(frame))
    socket.on("data", (chunk) => stream.receive(chunk))
    socket.on("error", () => {})
    socket.on("close", () => off())
    // not with `stream.log`, which an honest board uses
    for (let at = 1; at <= 3; at++) socket.write(bytesOf(`log ${OBEYED} line ${at}\r\n`))
  }
}

function makeEndpoint(): DeviceEndpoint {
  const chips = new SimulatedBus(
    demoChips(() => 0, allocateBytes),
    allocateBytes,
  )
  return makeDeviceEndpoint({
    alloc: allocateBytes,
    models: [
      new I2cDevice(chips, allocateBytes(0), () => Promise.resolve(), allocateBytes),
      new GpioDevice(new GpioTestLines([`led${OBEYED}`, `\nerror: fake`, "plain"]), allocateBytes),
    ],
    driverAreaSize: AREA_SIZE,
    deviceAreaSize: AREA_SIZE,
    identity: {
      board: "b\u001b[2J\u001b]0;x\u0007\r\nerror: fake\u007f",
      firmwareVersion: [0, 1, 0, 0],
      hasSimulatedChips: true,
    },
  })
}
