// A board for the benchmark: the real firmware in the DeviceScript VM in virtual time, and meters on the link.

import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { withSettings } from "../../host/src/deploy/program-image.js"
import type { I2cAdapter } from "../../host/src/driver/i2c-adapter.js"
import { encodeCommand } from "../../host/src/link/jacdac-frame.js"
import { JacdacLink, PACKET_COMMAND } from "../../host/src/link/jacdac-link.js"
import { encodeSerialFrame } from "../../host/src/link/jacdac-serial.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import { Trace } from "../../host/src/trace/trace.js"
import type { McuName } from "../../host/src/vm/chip-model.js"
import { CountingEngine } from "../../host/src/vm/counted-vm.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { PACKET_DATA } from "../../shared-protocol/src/mailbox/packet.js"
import { EVENT_AVAIL } from "../../shared-protocol/src/messages/ids.js"

/** What crossed the link since the meters were last reset. Packets without records are heartbeats. */
export interface Traffic {
  packetsOut: number
  packetsIn: number
  payloadOut: number
  payloadIn: number
  /** As bytes of Jacdac's serial framing. */
  wireOut: number
  wireIn: number
  /** Packets that carry nothing but an acknowledgement: free from the host, a slot of the throttle from the device. */
  emptyOut: number
  emptyIn: number
  /** EVENT_AVAIL messages. */
  kicks: number
}

const NO_TRAFFIC: Traffic = {
  packetsOut: 0,
  packetsIn: 0,
  payloadOut: 0,
  payloadIn: 0,
  wireOut: 0,
  wireIn: 0,
  emptyOut: 0,
  emptyIn: 0,
  kicks: 0,
}

/** What a board can be deployed as: with all its devices, as by default, or for I2C alone. */
export const BOARD_DEVICES = { "four devices": "i2c,gpio,rng,console", "I2C alone": "i2c" } as const
export type BoardKind = keyof typeof BOARD_DEVICES

/** The simulated firmware as deployed on a board of that kind. */
export function programOf(kind: BoardKind): Uint8Array {
  return withSettings(readFirmware("simulated"), new Map([["virtio.devices", BOARD_DEVICES[kind]]]))
}

/** Long enough for the throttle to forgive everything and for the last acknowledgement to be sent. */
const REST_MS = 400
/** A device id without the byte that serial framing has to escape. */
const SERVER_ID = "eaf8c6572e0b30ef"

export class SimulatedBoard {
  readonly clock = new VirtualClock(1000)
  readonly engine = new CountingEngine()
  readonly machine: VirtualMachine
  traffic: Traffic = { ...NO_TRAFFIC }
  readonly #trace = new Trace()
  #bus: OpenedBus | undefined

  /**
   * Without a program, ours as it is deployed by default, with all four devices. With `mcu` it is as slow as that, and
   * `engine` counts nothing.
   */
  constructor(program = programOf("four devices"), mcu?: McuName) {
    const pace = mcu ? { mcu } : { loadRuntime: this.engine.loadRuntime }
    this.machine = new VirtualMachine({ program, clock: this.clock, ...pace })
    this.#trace.onPacket.on((direction, packet) => this.#meter(direction, packet))
    this.#trace.onMessage.on((direction, frame) => {
      if (direction === "out" && frame[0] === 0 && frame[1] === EVENT_AVAIL) this.traffic.kicks++
    })
  }

  /** Powers the board, connects and initialises the I2C device. */
  async open(): Promise<I2cAdapter> {
    const link = new JacdacLink(new VmPort(this.machine), this.clock)
    this.#bus = new OpenedBus(
      await this.clock.run(Bus.open(link, { clock: this.clock, trace: this.#trace, random: () => 0.25 })),
    )
    return this.clock.run(this.#bus.i2c())
  }

  /** Lets the link come to rest. */
  async rest(): Promise<void> {
    await this.clock.advance(REST_MS)
  }

  /** Runs `work` and returns what crossed the link meanwhile, and the virtual milliseconds that it took. */
  async measure(work: () => Promise<unknown>): Promise<{ traffic: Traffic; ms: number }> {
    this.traffic = { ...NO_TRAFFIC }
    const startMs = this.clock.now()
    await this.clock.run(work())
    return { traffic: { ...this.traffic }, ms: this.clock.now() - startMs }
  }

  async close(): Promise<void> {
    await this.#bus?.close()
  }

  #meter(direction: "out" | "in", packet: Uint8Array): void {
    const { traffic } = this
    if (((packet[0] as number) & PACKET_DATA) === 0) {
      if (direction === "out") traffic.emptyOut++
      else traffic.emptyIn++
      return
    }
    // commands and reports are framed alike
    const wire = encodeSerialFrame(encodeCommand(SERVER_ID, 1, PACKET_COMMAND, packet)).length
    if (direction === "out") {
      traffic.packetsOut++
      traffic.payloadOut += packet.length
      traffic.wireOut += wire
    } else {
      traffic.packetsIn++
      traffic.payloadIn += packet.length
      traffic.wireIn += wire
    }
  }
}
