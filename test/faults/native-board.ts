// The firmware's end of the link, natively: what firmware/src/mailbox-service.ts does around a device endpoint, with
// the runtime's allowance of 50 packets a second, and its announcements.

import type { Clock, Timer } from "../../host/src/clock.js"
import { Emitter } from "../../host/src/emitter.js"
import { ANNOUNCE_REPORT, decodeFrame, encodeReport } from "../../host/src/link/jacdac-frame.js"
import { PACKET_COMMAND, SERVICE_CLASS } from "../../host/src/link/jacdac-link.js"
import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import type { FrameBoard } from "./faulty-stream.js"

/** The board's own id, and that of its program, which follows from it. */
const BOARD_ID = "12abdd2289421234"
const SERVER_ID = "eaf8c6572e0b30ef"
/** How a frame to every control service is addressed. */
const ALL_CONTROL = "00000000aaaaaaaa"
const SERVICE_INDEX = 1
const WATCH_MS = 500
const QUIET_MS = 2000
const RESEND_TRIES = 8
/** A packet costs so much time, of which that of so many may be saved up. */
const PACKET_MS = 20
const BURST_PACKETS = 5

export class NativeBoard implements FrameBoard {
  readonly onFrame = new Emitter<[frame: Uint8Array]>()
  readonly onLog = new Emitter<[line: string]>()
  endpoint: DeviceEndpoint

  readonly #clock: Clock
  readonly #makeEndpoint: () => DeviceEndpoint
  readonly #packetMs: number
  #watch: Timer | undefined
  #isPumping = false
  #lastHeardMs = 0
  #resendTries = 0
  #paidUntilMs = 0

  /** `packetMs` is what a packet costs; 0: no throttle, as on a socket. */
  constructor(clock: Clock, makeEndpoint: () => DeviceEndpoint, packetMs = PACKET_MS) {
    this.#clock = clock
    this.#packetMs = packetMs
    this.#makeEndpoint = makeEndpoint
    this.endpoint = makeEndpoint()
    this.#boot()
  }

  sendFrame(frame: Uint8Array): void {
    for (const packet of decodeFrame(frame)) {
      if (packet.deviceId === ALL_CONTROL && packet.command === ANNOUNCE_REPORT)
        this.onFrame.emit(encodeReport(BOARD_ID, 0, ANNOUNCE_REPORT, new Uint8Array(4)))
      const isOurs = packet.deviceId === SERVER_ID && packet.serviceIndex === SERVICE_INDEX
      if (!packet.isCommand || !isOurs || packet.command !== PACKET_COMMAND) continue
      this.#lastHeardMs = this.#clock.now()
      this.#resendTries = 0
      this.endpoint.receive(packet.payload)
      void this.#pump()
    }
  }

  /** Switches the power off and on. */
  restart(): void {
    this.stop()
    this.endpoint = this.#makeEndpoint()
    this.#isPumping = false
    this.#boot()
  }

  stop(): void {
    this.#watch?.cancel()
  }

  #boot(): void {
    this.#lastHeardMs = this.#clock.now() - QUIET_MS
    this.#look()
  }

  /** The service's second fiber: announces while nobody talks, sends again what nobody acknowledged. */
  #look(): void {
    this.#watch = this.#clock.schedule(WATCH_MS, () => this.#look())
    const quietMs = this.#clock.now() - this.#lastHeardMs
    if (quietMs >= QUIET_MS) this.#announce()
    const { mailbox } = this.endpoint
    if (quietMs < WATCH_MS || mailbox.unacknowledgedOut() === 0 || this.#resendTries >= RESEND_TRIES) return
    this.#resendTries++
    mailbox.requestResend()
    void this.#pump()
  }

  #announce(): void {
    const classes = new Uint8Array(8)
    new DataView(classes.buffer).setUint32(4, SERVICE_CLASS, true)
    this.onFrame.emit(encodeReport(SERVER_ID, 0, ANNOUNCE_REPORT, classes))
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    const endpoint = this.endpoint
    for (;;) {
      await endpoint.bus.work()
      const packet = endpoint.nextPacket()
      if (!packet || endpoint !== this.endpoint) break
      const report = encodeReport(SERVER_ID, SERVICE_INDEX, PACKET_COMMAND, packet as unknown as Uint8Array)
      await this.#pay()
      if (endpoint !== this.endpoint) return
      this.onFrame.emit(report)
    }
    if (endpoint === this.endpoint) this.#isPumping = false
  }

  /** Waits until another packet may be sent. */
  async #pay(): Promise<void> {
    const nowMs = this.#clock.now()
    const savedMs = BURST_PACKETS * this.#packetMs
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs - savedMs) + this.#packetMs
    if (this.#paidUntilMs <= nowMs) return
    await new Promise<void>((resolve) => {
      this.#clock.schedule(this.#paidUntilMs - nowMs, resolve)
    })
  }
}
