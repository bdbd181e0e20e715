// A Web Serial port for the page, with a board behind it: the bytes go out of the browser to the real virtual
// machine here, through the serial framing that a board's USB port speaks.

import type { Page } from "playwright-core"
import { BoardStream } from "../../../host/src/link/board-stream.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"

/** What the page calls: bytes as numbers, since only JSON crosses. */
const TO_BOARD = "sendToBoard"
const FROM_BOARD = "takeFromBoard"

/** Runs in the page before its own scripts. */
const FAKE = `
  let controller
  const port = {
    readable: null,
    writable: null,
    async open(options) {
      if (options.baudRate !== 1500000) throw new Error("the board speaks at 1500000 baud")
      this.readable = new ReadableStream({ start: (made) => { controller = made } })
      this.writable = new WritableStream({ write: (bytes) => window.${TO_BOARD}([...bytes]) })
    },
    async close() { controller = undefined },
  }
  window.${FROM_BOARD} = (bytes) => controller?.enqueue(Uint8Array.from(bytes))
  window.unplugBoard = () => controller?.error(new DOMException("The device has been lost.", "NetworkError"))
  Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port } })
`

export class FakeSerial {
  readonly machine = new VirtualMachine({ program: readFirmware("simulated") })
  /** Bytes that the page sent. */
  received: number[] = []

  /** Gives \`page\` a \`navigator.serial\` with the board on it, and switches the board on. */
  async plugInto(page: Page): Promise<void> {
    const stream = new BoardStream({
      sendFrame: (frame) => this.machine.sendFrame(frame),
      write: (bytes) => {
        page.evaluate(`window.${FROM_BOARD}(${JSON.stringify(Array.from(bytes))})`).catch(() => {}) // it was closed
      },
    })
    this.machine.onFrame.on((frame) => stream.frame(frame))
    this.machine.onLog.on((line) => stream.log(line))
    await page.exposeFunction(TO_BOARD, (bytes: number[]) => {
      this.received.push(...bytes)
      stream.receive(Uint8Array.from(bytes))
    })
    await page.addInitScript(FAKE)
    await this.machine.start()
  }
}
