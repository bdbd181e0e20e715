// The way to the firmware's bytecode in the DeviceScript VM, in virtual time. What panics there costs a board five
// seconds and all that was in memory: it is a failure.

import { VirtualClock } from "../../host/src/clock.js"
import { decodeFrame, encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { PACKET_COMMAND } from "../../host/src/link/jacdac-link.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { seededRandom } from "../faults/seeded-random.js"
import type { DeviceWire } from "./hostile-driver.js"

const SERVER_ID = "eaf8c6572e0b30ef"
const SERVICE_INDEX = 1
/** Longer than a device needs for six packets at 20 ms each. */
const SETTLE_MS = 130
const BOOT_MS = 1500

export class VmWire implements DeviceWire {
  onPacket: (packet: Uint8Array) => void = () => {}
  failure = ""
  readonly #clock = new VirtualClock(1000)
  readonly #machine: VirtualMachine

  private constructor(program: Uint8Array) {
    const random = seededRandom(1)
    this.#machine = new VirtualMachine({
      program,
      clock: this.#clock,
      randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    })
    this.#machine.onPanic.on((code) => this.#fail(`the program panicked: ${code}`))
    this.#machine.onLog.on((line) => {
      if (/exception|panic|out of memory|caught in the device/i.test(line))
        this.#fail(`the program says: ${line}`)
    })
    this.#machine.onFrame.on((frame) => {
      for (const packet of decodeFrame(frame))
        if (packet.serviceIndex === SERVICE_INDEX && packet.command === PACKET_COMMAND)
          this.onPacket(packet.payload)
    })
  }

  static async start(program = readFirmware("simulated")): Promise<VmWire> {
    const wire = new VmWire(program)
    await wire.#machine.start()
    await wire.#clock.advance(BOOT_MS)
    return wire
  }

  send(packet: Uint8Array): void {
    this.#machine.sendFrame(encodeCommand(SERVER_ID, SERVICE_INDEX, PACKET_COMMAND, packet))
  }

  settle(): Promise<void> {
    return this.#clock.advance(SETTLE_MS)
  }

  stop(): void {
    this.#machine.stop()
  }

  #fail(reason: string): void {
    if (this.failure === "") this.failure = reason
  }
}
