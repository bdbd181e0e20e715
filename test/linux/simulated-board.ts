// The simulated board that the Linux tests use: real bytecode in the DeviceScript VM, in real time, behind the
// adapter that `virtio-msg serve` uses.

import { Bus } from "../../host/src/bus/bus.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { BoardForwarder } from "../../host/src/node/board-forwarder.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { Trace } from "../../host/src/trace/trace.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"

export class SimulatedBoard {
  readonly machine = new VirtualMachine({ program: readFirmware("simulated") })
  readonly forwarder: BoardForwarder
  /** Requests that the board answered, and data packets each way. */
  requestCount = 0
  packetsOut = 0
  packetsIn = 0

  #opened: OpenedBus | undefined

  private constructor() {
    const trace = new Trace()
    trace.onPacket.on((direction, packet) => {
      if (((packet[0] ?? 0) & PACKET_DATA) === 0) return
      if (direction === "out") this.packetsOut++
      else this.packetsIn++
    })
    this.forwarder = new BoardForwarder(async () => {
      const link = new JacdacLink(new VmPort(this.machine))
      this.#opened = new OpenedBus(await Bus.open(link, { trace }))
      return this.#opened
    })
    this.forwarder.onOutcome.on(() => {
      this.requestCount++
    })
  }

  static async start(): Promise<SimulatedBoard> {
    const board = new SimulatedBoard()
    await board.forwarder.start()
    return board
  }

  resetCounts(): void {
    this.packetsOut = 0
    this.packetsIn = 0
  }

  /** Settles when the board has answered `count` more requests. */
  untilRequests(count: number): Promise<void> {
    const goal = this.requestCount + count
    return new Promise((resolve) => {
      const off = this.forwarder.onOutcome.on(() => {
        if (this.requestCount < goal) return
        off()
        resolve()
      })
    })
  }

  /** Settles when the bus is connected to the board, whatever happened to it. */
  async untilUp(): Promise<void> {
    await this.#opened?.bus.whenUp()
  }

  async stop(): Promise<void> {
    await this.forwarder.close()
  }
}
