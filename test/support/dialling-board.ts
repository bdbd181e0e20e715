// A board that dials in: the real VM with its real sockets, which runs the firmware for dialling in. And a cable
// between the board and its host: a TCP connection that can be cut or go silent.

import net from "node:net"
import type { Clock } from "../../host/src/clock.js"
import { withSettings } from "../../host/src/deploy/program-image.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

export class DiallingBoard {
  readonly machine: VirtualMachine
  /** The codes of its program's panics. */
  readonly panics: number[] = []

  private constructor(machine: VirtualMachine) {
    this.machine = machine
    machine.onPanic.on((code) => this.panics.push(code))
  }

  /** Boots a board whose settings have the address to dial. */
  static async boot(address: string, clock?: Clock): Promise<DiallingBoard> {
    const program = withSettings(readFirmware("simulated-dial"), new Map([["virtio.dial", address]]))
    const board = new DiallingBoard(new VirtualMachine({ program, ...(clock ? { clock } : {}) }))
    await board.machine.start()
    return board
  }

  stop(): void {
    this.machine.stop()
  }
}

export class DialCable {
  /** The address that the board dials. */
  readonly address: string
  /** How many connections went through. */
  count = 0
  readonly #server: net.Server
  readonly #ends = new Set<net.Socket>()

  private constructor(server: net.Server, hostPort: () => number) {
    this.#server = server
    this.address = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
    server.on("connection", (board) => {
      const host = net.createConnection(hostPort(), "127.0.0.1")
      for (const [end, other] of [
        [board, host],
        [host, board],
      ] as const) {
        this.#ends.add(end)
        end.setNoDelay(true)
        end.on("error", () => {})
        end.on("data", (chunk) => other.write(chunk))
        end.on("close", () => {
          this.#ends.delete(end)
          other.destroy()
        })
      }
      host.once("connect", () => {
        this.count++
      })
    })
  }

  /** `hostPort` is called for each connection. */
  static async lay(hostPort: () => number): Promise<DialCable> {
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return new DialCable(server, hostPort)
  }

  /** Ends the present connection. The board may dial again. */
  cut(): void {
    for (const end of this.#ends) end.destroy()
  }

  async takeUp(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await closed
  }
}
