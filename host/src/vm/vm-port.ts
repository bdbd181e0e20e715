// The simulated board in this process, as something that Jacdac frames can be sent to.

import type { FramePort } from "../link/jacdac-link.js"
import type { LinkEvents } from "../link/link.js"
import type { Machine } from "./machine.js"

/**
 * A simulated board in this process, for a `JacdacLink`. Opening it switches the board on.
 *
 * @example
 * ```ts
 * import { Bus, JacdacLink, readFirmware, VirtualMachine, VmPort } from "virtio-msg"
 *
 * const machine = new VirtualMachine({ program: readFirmware("simulated") })
 * const link = new JacdacLink(new VmPort(machine, "mine"))
 * const bus = await Bus.open(link)
 * console.log(bus.name) // mine
 * await bus.close()
 * ```
 */
export class VmPort implements FramePort {
  readonly name: string
  readonly isSimulated = true
  readonly #machine: Machine
  #off: (() => void)[] = []

  constructor(machine: Machine, name = "sim") {
    this.#machine = machine
    this.name = name
  }

  async open(events: LinkEvents): Promise<void> {
    this.#off = [
      this.#machine.onFrame.on((frame) => events.onPacket(frame)),
      this.#machine.onLog.on((line) => events.onLog?.(line)),
    ]
    await this.#machine.start()
  }

  send(frame: Uint8Array): void {
    this.#machine.sendFrame(frame)
  }

  async close(): Promise<void> {
    for (const off of this.#off) off()
    this.#machine.stop()
  }
}
