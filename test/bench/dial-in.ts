// What a board would gain that dials in over WiFi: the firmware in the VM opens a TCP socket to this process, so
// that the runtime's throttle does not apply. In real time, since sockets know no other.

import { createServer, type Server, type Socket } from "node:net"
import { Bus } from "../../host/src/bus/bus.js"
import { systemClock } from "../../host/src/clock.js"
import type { Link, LinkEvents } from "../../host/src/link/link.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { compileProgram } from "./compile-program.js"

/** As in firmware/test-src/main-dial-in.ts. */
const PORT = 47654
const MEASURED_MS = 3000
export interface DialInCost {
  readonly title: string
  readonly perS: number
}

/** Transfers a second over the socket, with this computer's processor as the chip. */
export async function measureDialIn(): Promise<DialInCost[]> {
  const machine = new VirtualMachine({ program: compileProgram("main-dial-in") })
  const link = new DialInLink()
  try {
    await machine.start()
    const bus = new OpenedBus(await Bus.open(link))
    const i2c = await bus.i2c()
    const costs = [
      { title: "register reads, 1 in flight", perS: await rate(1, (at) => i2c.readBlock(0x54, at % 19, 2)) },
      {
        title: "register reads, 32 in flight",
        perS: await rate(32, (at) => i2c.readBlock(0x54, at % 19, 2)),
      },
      {
        title: "EEPROM reads of 256 bytes, 4 in flight",
        perS: await rate(4, () => i2c.readBlock(0x50, 0, 256)),
      },
    ]
    await bus.close()
    return costs
  } finally {
    await link.close()
    machine.stop()
  }
}

async function rate(inFlight: number, read: (at: number) => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  let done = 0
  const caller = async () => {
    while (performance.now() < startMs + MEASURED_MS) {
      await read(done)
      done++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  return (1000 * done) / (performance.now() - startMs)
}

/** A link that waits for the board to connect; packets are framed by a length byte. */
class DialInLink implements Link {
  readonly name = `tcp dial-in on ${PORT}`
  readonly isSimulated = true
  #server: Server | undefined
  #socket: Socket | undefined
  #received = Buffer.alloc(0)

  async open(events: LinkEvents): Promise<void> {
    const server = createServer()
    this.#server = server
    const accepted = new Promise<Socket>((resolve, reject) => {
      server.once("connection", resolve)
      server.once("error", reject)
      systemClock.schedule(10_000, () => reject(new Error("the program in the VM did not connect")))
    })
    server.listen(PORT, "127.0.0.1")
    const socket = await accepted
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on("error", () => {})
    await new Promise((resolve) => socket.once("data", resolve))
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      for (;;) {
        const length = this.#received[0]
        if (length === undefined || this.#received.length <= length) return
        const packet = Uint8Array.from(this.#received.subarray(1, 1 + length))
        this.#received = this.#received.subarray(1 + length)
        events.onPacket(packet)
      }
    })
  }

  send(packet: Uint8Array): void {
    this.#socket?.write(Buffer.concat([Buffer.from([packet.length]), packet]))
  }

  async close(): Promise<void> {
    this.#socket?.destroy()
    this.#server?.close()
  }
}
