// Mailbox packets as commands and reports of the firmware's Jacdac service (docs/bus.md "On Jacdac").
// What carries the frames is a FramePort: the VM in this process, or a byte stream to a board.

import { getU16, getU32 } from "../../../shared-protocol/src/bytes.js"
import {
  PACKET_HEADER_SIZE,
  PACKET_NO_EPOCH,
  PROBE_EPOCH,
} from "../../../shared-protocol/src/mailbox/packet.js"
import { type Clock, systemClock, type Timer } from "../clock.js"
import { connectFailed, linkClosed, notFound, VirtioMsgError } from "../errors.js"
import { hexDigits } from "../hex.js"
import { type FarEnd, farEndOf } from "./far-end.js"
import {
  ANNOUNCE_REPORT,
  CONTROL_SERVICE_INDEX,
  decodeFrame,
  deviceIdBytes,
  encodeBroadcast,
  encodeCommand,
  encodeCommandTo,
  type JacdacPacket,
} from "./jacdac-frame.js"
import type { CloseReason, Link, LinkEvents } from "./link.js"
import {
  decodeProgramName,
  GET_REGISTER,
  isDialling,
  MANAGER_CLASS,
  NAME_REGISTER,
} from "./program-manager.js"

/** The firmware's service class (firmware/services/virtiomsg.md). */
export const SERVICE_CLASS = 0x1a7f6d53
/** Command and report that carry a packet. */
export const PACKET_COMMAND = 0x80

/** Control command by which every device announces itself at once. */
const ANNOUNCE_COMMAND = 0
const CONTROL_CLASS = 0
/**
 * While somebody talks to a program, its services do not announce themselves. But their id follows from their board's
 * id: it is the board's id, exclusive-or these bytes, in the order on the wire. So they can be asked at once.
 */
const SERVER_ID_MASK = "f8531b75a74922db"
const READ_NAME = GET_REGISTER | NAME_REGISTER
/** The service index that our firmware has. */
const FIRMWARE_SERVICE_INDEX = 1
/** A packet of an epoch that no host uses: the firmware answers that it knows no such epoch. */
export const PROBE_PACKET: Uint8Array = Uint8Array.of(0, PROBE_EPOCH & 0xff, PROBE_EPOCH >> 8, 0, 0)

/** How long to look for a board: it announces itself twice a second, and boots in about a second. */
const DISCOVERY_MS = 4000
/** How much longer to look for the service of a board that is there. After a panic its program starts within 5 s. */
const PROGRAM_START_MS = 4000

/** A link whose packets are Jacdac frames. It looks for no service: whoever opens it does. */
export type FramePort = Link

interface Service {
  readonly deviceId: string
  /** The same as bytes. */
  readonly id: Uint8Array
  readonly serviceIndex: number
}

/**
 * A link to firmware whose packets travel as Jacdac frames: over a serial port, a socket, or into the VM.
 *
 * @example
 * ```ts
 * import { Bus, JacdacLink, readFirmware, VirtualMachine, VmPort } from "virtio-msg"
 *
 * const machine = new VirtualMachine({ program: readFirmware("simulated") })
 * const link = new JacdacLink(new VmPort(machine))
 * const bus = await Bus.open(link)
 * console.log(bus.name) // sim
 * await bus.close()
 * ```
 */
export class JacdacLink implements Link {
  readonly name: string
  readonly isSimulated: boolean
  readonly farEnd: FarEnd
  /** Frames with a wrong checksum or size. */
  damagedCount = 0

  readonly #port: FramePort
  readonly #clock: Clock
  #events: LinkEvents | undefined
  #service: Service | undefined
  #onService: ((service: Service) => void) | undefined
  /** Whether a board was heard whose service has not been found yet. */
  #isBoardThere = false
  /** The name of its program. It is asked for when the service is late; "" until it is known. */
  #programName = ""
  #isLate = false
  /** Ends the present attempt to open. */
  #giveUp: ((error: VirtioMsgError) => void) | undefined
  /** Ends the search for the service. */
  #searchLimit: Timer | undefined

  constructor(port: FramePort, clock: Clock = systemClock) {
    this.name = port.name
    this.isSimulated = port.isSimulated
    this.farEnd = farEndOf(port)
    this.#port = port
    this.#clock = clock
  }

  async open(events: LinkEvents): Promise<void> {
    this.#events = events
    const closed = new Promise<never>((_, reject) => {
      this.#giveUp = reject
    })
    closed.catch(() => {})
    await this.#port.open({
      onPacket: (frame) => this.#takeFrame(frame),
      onClose: (reason) => {
        const isOpening = this.#service === undefined
        this.#service = undefined
        this.#giveUp?.(this.#closedEarly(reason))
        if (!isOpening) events.onClose(reason)
      },
      onLog: (line) => events.onLog?.(line),
    })
    try {
      this.#service = await Promise.race([this.#discover(), closed])
    } catch (error) {
      await this.#port.close()
      throw error
    } finally {
      this.#searchLimit?.cancel()
      this.#onService = undefined
      this.#giveUp = undefined
    }
  }

  send(packet: Uint8Array): void {
    if (!this.#service) return
    this.#port.send(encodeCommandTo(this.#service.id, this.#service.serviceIndex, PACKET_COMMAND, packet))
  }

  async close(): Promise<void> {
    this.#giveUp?.(linkClosed(`${this.name} was closed.`))
    this.#service = undefined
    await this.#port.close()
  }

  #discover(): Promise<Service> {
    return new Promise((resolve, reject) => {
      this.#searchLimit = this.#clock.schedule(DISCOVERY_MS, () => {
        if (!this.#isBoardThere) {
          reject(this.#noBoard())
          return
        }
        this.#isLate = true
        this.#searchLimit = this.#clock.schedule(PROGRAM_START_MS, () => reject(this.#noFirmware()))
      })
      this.#onService = resolve
      this.#port.send(encodeBroadcast(CONTROL_CLASS, ANNOUNCE_COMMAND, new Uint8Array(0)))
    })
  }

  #closedEarly(reason: CloseReason): VirtioMsgError {
    if (reason instanceof VirtioMsgError && reason.code === "CONNECT_FAILED") return reason
    return connectFailed(`${this.name} closed while it was being opened.`, {
      hint: this.isSimulated
        ? "Has the simulated board's process ended? Start it again, and try again."
        : "Is the cable in, and does no other program use the port?",
      cause: reason,
    })
  }

  #noBoard(): VirtioMsgError {
    return notFound(`No virtio-msg firmware answered on ${this.name} within ${DISCOVERY_MS / 1000} s.`, {
      hint: this.isSimulated
        ? "Is it a simulated board that listens there, and does its process run?"
        : "Is it a board with DeviceScript and our firmware? Unplug it, plug it in, try again.",
    })
  }

  #noFirmware(): VirtioMsgError {
    if (isDialling(this.#programName))
      return notFound(`The board on ${this.name} dials its host: it is not used over this port.`, {
        hint:
          "Listen where it was told to dial: --port tcp-listen://0.0.0.0:PORT,expose. To have it on its cable again, and " +
          `no more over WiFi: virtio-msg --port ${this.name} deploy`,
      })
    return notFound(`The board on ${this.name} does not run our firmware.`, {
      hint:
        `Put it there: virtio-msg --port ${this.name} deploy\n` +
        `If it is there, it ends as soon as it begins, and its log says why: virtio-msg --port ${this.name} logs`,
    })
  }

  #takeFrame(frame: Uint8Array): void {
    const packets = decodeFrame(frame)
    if (packets.length === 0) this.damagedCount++
    for (const packet of packets) {
      if (packet.isCommand) continue
      if (this.#onService) this.#lookForService(packet, this.#onService)
      else if (
        packet.deviceId === this.#service?.deviceId &&
        packet.serviceIndex === this.#service.serviceIndex &&
        packet.command === PACKET_COMMAND
      )
        this.#events?.onPacket(packet.payload)
      else if (
        packet.deviceId === this.#service?.deviceId &&
        packet.serviceIndex === CONTROL_SERVICE_INDEX &&
        packet.command === ANNOUNCE_REPORT
      )
        this.#events?.onAnnounce?.()
    }
  }

  /** The service is at the device that announces it, or that answers a probe. */
  #lookForService(packet: JacdacPacket, found: (service: Service) => void): void {
    if (packet.serviceIndex === CONTROL_SERVICE_INDEX && packet.command === ANNOUNCE_REPORT) {
      const serviceIndex = findService(packet.payload)
      if (serviceIndex > 0) {
        found(serviceAt(packet.deviceId, serviceIndex))
        return
      }
      this.#isBoardThere = true
      const managerIndex = findService(packet.payload, MANAGER_CLASS)
      if (this.#isLate && managerIndex > 0)
        this.#port.send(encodeCommand(packet.deviceId, managerIndex, READ_NAME, new Uint8Array(0)))
      this.#port.send(
        encodeCommand(serverIdOf(packet.deviceId), FIRMWARE_SERVICE_INDEX, PACKET_COMMAND, PROBE_PACKET),
      )
    } else if (packet.command === READ_NAME) this.#programName = decodeProgramName(packet.payload)
    else if (
      packet.serviceIndex === FIRMWARE_SERVICE_INDEX &&
      packet.command === PACKET_COMMAND &&
      isProbeAnswer(packet.payload)
    )
      found(serviceAt(packet.deviceId, FIRMWARE_SERVICE_INDEX))
  }
}

function serviceAt(deviceId: string, serviceIndex: number): Service {
  return { deviceId, id: deviceIdBytes(deviceId), serviceIndex }
}

/** The id under which the services of a board's program run. */
function serverIdOf(boardId: string): string {
  return Array.from({ length: 8 }, (_, i) => {
    const digits = 2 * i
    const byte =
      Number.parseInt(boardId.slice(digits, digits + 2), 16) ^
      Number.parseInt(SERVER_ID_MASK.slice(digits, digits + 2), 16)
    return hexDigits(byte, 2)
  }).join("")
}

/** Whether a packet is how firmware answers PROBE_PACKET. */
export function isProbeAnswer(payload: Uint8Array): boolean {
  return (
    payload.length === PACKET_HEADER_SIZE &&
    ((payload[0] as number) & PACKET_NO_EPOCH) !== 0 &&
    getU16(payload, 1) === PROBE_EPOCH
  )
}

/** An announcement is a list of service classes; the first word holds flags instead. 0: not among them. */
export function findService(announcement: Uint8Array, serviceClass = SERVICE_CLASS): number {
  for (let index = 1; 4 * index + 4 <= announcement.length; index++)
    if (getU32(announcement, 4 * index) === serviceClass) return index
  return 0
}
