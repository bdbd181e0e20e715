// Our own device code in this process, without a VM and without a mailbox. Both sides see the same two areas of
// memory. A message is handed over in the same turn of the event loop. This is the port `sim-native`, for tests and
// for people who write kernels.

import type { ByteBuf } from "../../../shared-protocol/src/bytes.js"
import { DeviceBus } from "../../../shared-protocol/src/device/device-bus.js"
import type { DeviceChannel } from "../../../shared-protocol/src/device/device-channel.js"
import type { DeviceModel } from "../../../shared-protocol/src/device/device-model.js"
import type { MessageHandler } from "../../../shared-protocol/src/mailbox/mailbox.js"
import { OutgoingArea } from "../../../shared-protocol/src/mailbox/outgoing-area.js"
import type { ChannelParameters } from "../bus/channel.js"
import { DirectChannel } from "../bus/direct-channel.js"
import { busClosed, deviceRestarted } from "../bus/failures.js"
import { Window } from "../bus/window.js"
import { allocateBytes, type HostBytes, ownedCopyOf } from "../bytes.js"
import { SIMULATED_BOARD } from "../link/far-end.js"
import { workLoop } from "../plain/work-loop.js"

/** Each of the two areas: as much as any bus has. */
const AREA_BYTES = 32768
/** What the text recommends at most. */
const MAX_MESSAGE_BYTES = 264
const LAST_EPOCH = 0xfffe
const BOARD = "native device code"
const IDENTITY = { board: BOARD, firmwareVersion: [0, 0, 0, 0], hasSimulatedChips: true }

/** The device's end. What it writes is seen by the driver at once. */
class NativeDevice implements DeviceChannel {
  readonly bus: DeviceBus
  readonly incoming = allocateBytes(AREA_BYTES)
  /** Every chain is walked anew, since nobody notes what the driver wrote. */
  readonly incomingNotes = undefined
  readonly outgoing = new OutgoingArea(allocateBytes(AREA_BYTES))
  onMessage: MessageHandler = () => {}
  epoch = 0
  readonly nextOut = 0
  readonly #send: (frame: HostBytes) => void
  readonly #serve = workLoop(async () => {
    await this.bus.work()
    forgetChanges(this.outgoing)
  })

  constructor(models: readonly DeviceModel[], send: (frame: HostBytes) => void) {
    this.#send = send
    const options = { models, alloc: allocateBytes, identity: IDENTITY, maxMessageSize: MAX_MESSAGE_BYTES }
    this.bus = new DeviceBus(options, this)
    this.bus.onWake = () => this.work()
  }

  hasPending(): boolean {
    return false
  }

  post(message: ByteBuf): void {
    forgetChanges(this.outgoing)
    this.#send(ownedCopyOf(message))
  }

  /** Serves what was announced. */
  work(): void {
    void this.#serve()
  }
}

/** Does nothing: the other side sees the same bytes. */
function forgetChanges(area: OutgoingArea): void {
  area.dirtyFirst = 0
  area.dirtyEnd = 0
  area.indexCount = 0
}

export class NativeChannel extends DirectChannel {
  readonly #device: NativeDevice
  readonly #onClose: () => void
  #isUp = false
  #isClosed = false

  /** To these devices. `onClose` is called once, when the channel is closed. */
  constructor(name: string, models: readonly DeviceModel[], onClose: () => void = () => {}) {
    super(name, SIMULATED_BOARD)
    this.#onClose = onClose
    this.#device = new NativeDevice(models, (frame) => this.#handOver(() => this.onMessage.emit(frame)))
  }

  get isOpen(): boolean {
    return this.parameters !== undefined && !this.#isClosed
  }

  async connect(): Promise<ChannelParameters> {
    if (this.#isClosed) throw busClosed()
    const device = this.#device
    device.epoch = (device.epoch % LAST_EPOCH) + 1
    device.bus.reset()
    device.outgoing.clear()
    device.incoming.fill(0)
    this.window = new Window(new OutgoingArea(device.incoming), device.outgoing.bytes as HostBytes)
    this.#isUp = true
    this.parameters = {
      revision: 1,
      maxMessageSize: MAX_MESSAGE_BYTES,
      transportFeatures: 0,
      epoch: device.epoch,
      driverAreaSize: AREA_BYTES,
      deviceAreaSize: AREA_BYTES,
      board: BOARD,
      firmwareVersion: IDENTITY.firmwareVersion,
      hasSimulatedChips: IDENTITY.hasSimulatedChips,
    }
    return this.parameters
  }

  post(frame: Uint8Array): void {
    this.flush()
    const copy = ownedCopyOf(frame)
    this.#handOver(() => {
      this.#device.onMessage(copy, 0, copy.length)
      this.#device.work()
    })
  }

  flush(): void {
    forgetChanges(this.window.outgoing)
  }

  /** The device starts again, as a board does. The epoch is over. */
  restart(): void {
    this.#isUp = false
    this.onLost.emit(deviceRestarted(this))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isUp = false
    this.#onClose()
  }

  /** Runs after the present turn, if the epoch is still the same. */
  #handOver(action: () => void): void {
    const { epoch } = this.#device
    queueMicrotask(() => {
      if (this.#isUp && epoch === this.#device.epoch) action()
    })
  }
}
