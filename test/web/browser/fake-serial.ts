// A Web Serial port for the page, with a board behind it: the bytes go out of the browser to the real virtual
// machine here, through the serial framing that a board's USB port speaks. Page and board live in one virtual time,
// so that nothing depends on how fast this computer is at the moment.

import type { Page } from "playwright-core"
import { VirtualClock } from "../../../host/src/clock.js"
import { BoardStream } from "../../../host/src/link/board-stream.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"

/** Time passes in steps of this length; bytes arrive at the end of one. */
const STEP_MS = 4

/**
 * Runs in the page before its own scripts: a port, and timers that wait for `passTime`, which takes the bytes that
 * the board sent and returns those that the page sent. Bytes are numbers, since only JSON crosses.
 */
const FAKE = `{
  let nowMs = 0, count = 0, sent = [], controller
  const timers = new Map()
  performance.now = () => nowMs
  window.setTimeout = (call, delayMs = 0) => {
    timers.set(++count, { call, dueMs: nowMs + delayMs })
    return count
  }
  window.clearTimeout = (id) => timers.delete(id)
  const { port1, port2 } = new MessageChannel()
  const turn = () => new Promise((done) => {
    port1.onmessage = done
    port2.postMessage(undefined)
  })
  window.passTime = async (durationMs, bytes) => {
    if (bytes.length > 0) controller?.enqueue(Uint8Array.from(bytes))
    const endMs = nowMs + durationMs
    const isNext = ([, timer]) => timer.dueMs <= endMs
    await turn()
    for (let due = [...timers].filter(isNext); due.length > 0; due = [...timers].filter(isNext)) {
      const [id, { call, dueMs }] = due.reduce((first, other) => (other[1].dueMs < first[1].dueMs ? other : first))
      timers.delete(id)
      nowMs = Math.max(nowMs, dueMs)
      call()
      await turn()
    }
    nowMs = endMs
    return sent.splice(0)
  }
  const port = {
    readable: null,
    writable: null,
    async open(options) {
      if (options.baudRate !== 1500000) throw new Error("the board speaks at 1500000 baud")
      this.readable = new ReadableStream({ start: (made) => { controller = made } })
      this.writable = new WritableStream({ write: (bytes) => { sent.push(...bytes) } })
    },
    async close() { controller = undefined },
  }
  // what the board sends from then on goes nowhere
  window.unplugBoard = () => {
    controller?.error(new DOMException("The device has been lost.", "NetworkError"))
    controller = undefined
  }
  Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port } })
}`

export class FakeSerial {
  readonly #clock = new VirtualClock()
  readonly machine = new VirtualMachine({ program: readFirmware("simulated"), clock: this.#clock })
  /** Bytes that the page sent. */
  readonly received: number[] = []

  /** On their way to the page. */
  #sent: number[] = []
  readonly #stream = new BoardStream({
    sendFrame: (frame) => this.machine.sendFrame(frame),
    write: (bytes) => this.#sent.push(...bytes),
  })
  #isRunning = true
  #running: Promise<void> | undefined

  /** Gives `page` a `navigator.serial` with the board on it, and switches the board on. */
  async plugInto(page: Page): Promise<void> {
    this.machine.onFrame.on((frame) => this.#stream.frame(frame))
    this.machine.onLog.on((line) => this.#stream.log(line))
    await page.addInitScript(FAKE)
    await this.machine.start()
  }

  /** Lets time pass from now on, in the loaded page and on the board alike. */
  run(page: Page): void {
    this.#running = this.#run(page)
  }

  /** Stops time, and switches the board off. */
  async stop(): Promise<void> {
    this.#isRunning = false
    await this.#running
    this.machine.stop()
  }

  async #run(page: Page): Promise<void> {
    while (this.#isRunning) {
      await this.#clock.advance(STEP_MS)
      const bytes = JSON.stringify(this.#sent.splice(0))
      const received = await page.evaluate<number[]>(`window.passTime(${STEP_MS}, ${bytes})`)
      this.received.push(...received)
      this.#stream.receive(Uint8Array.from(received))
    }
  }
}
