// The driver's end of a channel on the kernel's side of the bridge, played by the suite. The bus is the topology that
// the model published. The window was given with MAP_ADD. A new epoch is one of the bridge.

import { OutgoingArea } from "../../../../shared-protocol/src/mailbox/outgoing-area.js"
import {
  DEVICE_ADDED,
  DEVICE_REMOVED,
  decodeGetDevicesRequest,
  EVENT_DEVICE_SIZE,
  encodeEventDevice,
  encodeGetDevicesResponse,
  GET_DEVICES_BASE_SIZE,
} from "../../../../shared-protocol/src/messages/bus.js"
import { getToken, putToken, TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import { GET_DEVICES } from "../../../../shared-protocol/src/messages/ids.js"
import type { ChannelParameters } from "../../bus/channel.js"
import { DirectChannel } from "../../bus/direct-channel.js"
import { Window } from "../../bus/window.js"
import { allocateBytes, HostBytes } from "../../bytes.js"
import { VirtioMsgError } from "../../errors.js"
import { OTHER_IMPLEMENTATION } from "../../link/far-end.js"
import { toAddress } from "../suite-queue.js"
import type { KernelConversation } from "./kernel-conversation.js"

/** Of each of the two areas. */
const AREA_BYTES = 32768
/** Above 4 GiB, as a bus address may be. */
export const WINDOW_ADDRESS = 0x2_0000_0000n
const LAST_CHANNEL_EPOCH = 0xfffen
const GET_DEVICES_WINDOW = 0x10000

export class KernelChannel extends DirectChannel {
  readonly #kernel: KernelConversation
  readonly #offs: (() => void)[]
  #devices: readonly number[] = []
  #isOpen = false

  /** To the model that `kernel` talks to; `name` is what the user calls it. */
  constructor(name: string, kernel: KernelConversation) {
    super(name, OTHER_IMPLEMENTATION)
    this.#kernel = kernel
    this.#offs = [
      kernel.onTransport.on((frame) => {
        if (this.#isOpen) this.onMessage.emit(frame)
      }),
      kernel.onTopology.on((devices) => {
        if (this.#isOpen) this.#tellChanges(devices)
      }),
    ]
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  async connect(): Promise<ChannelParameters> {
    const kernel = this.#kernel
    const { window, caps, maxMessageSize } = kernel.kernel
    if (this.#isOpen) {
      this.#isOpen = false
      await kernel.beginEpoch()
    }
    this.#devices = await kernel.awaitTopology()
    window.fill(0, 0, 2 * AREA_BYTES)
    const status = await kernel.addWindow(WINDOW_ADDRESS, 0, 2 * AREA_BYTES)
    if (status !== 0)
      throw new VirtioMsgError("CONNECT_FAILED", `The model answers MAP_ADD of a window with ${status}.`)
    const area = (at: number) => new HostBytes(window.buffer, window.byteOffset + at, AREA_BYTES)
    const [driver, device] = [area(0), area(AREA_BYTES)]
    const deviceAddress = WINDOW_ADDRESS + BigInt(AREA_BYTES)
    const bases = { driver: toAddress(WINDOW_ADDRESS), device: toAddress(deviceAddress) }
    this.window = new Window(new OutgoingArea(driver), device, bases, {
      refresh() {},
      prefill: (offset, bytes) => device.set(bytes.subarray(0, Math.max(0, AREA_BYTES - offset)), offset),
      readOutgoing: (offset, lengthBytes) => driver.slice(offset, offset + lengthBytes),
    })
    this.#isOpen = true
    this.parameters = {
      revision: caps.revision,
      maxMessageSize,
      transportFeatures: Number(caps.transportFeatures),
      epoch: Number(kernel.epoch % LAST_CHANNEL_EPOCH) + 1,
      driverAreaSize: AREA_BYTES,
      deviceAreaSize: AREA_BYTES,
      board: "virtio-msg-bridge",
      firmwareVersion: [0, 0, 0, 0],
      hasSimulatedChips: true,
    }
    return this.parameters
  }

  post(frame: Uint8Array): void {
    if (!this.#isOpen) return
    this.flush()
    if (((frame[0] as number) & TYPE_BUS) === 0) this.#kernel.send(frame)
    else this.#answer(Uint8Array.from(frame))
  }

  /** Does nothing: the model sees it already. */
  flush(): void {
    const { outgoing } = this.window
    outgoing.dirtyFirst = 0
    outgoing.dirtyEnd = 0
    outgoing.indexCount = 0
  }

  async close(): Promise<void> {
    this.#isOpen = false
    for (const off of this.#offs) off()
  }

  /** The bridge has no GET_DEVICES, so this answers with what the model published. */
  #answer(frame: Uint8Array): void {
    if (frame[1] !== GET_DEVICES) return
    const decoded = decodeGetDevicesRequest(frame)
    if (!decoded.ok) return
    const { offset } = decoded.value
    const count = Math.min(decoded.value.count, GET_DEVICES_WINDOW - offset)
    const deviceNumbers = this.#devices.filter((each) => each >= offset && each < offset + count)
    const nextOffset = this.#devices.find((each) => each >= offset + count) ?? 0
    const response = allocateBytes(GET_DEVICES_BASE_SIZE + ((count + 7) >> 3))
    encodeGetDevicesResponse(response, { offset, nextOffset, count, deviceNumbers })
    putToken(response, getToken(frame))
    queueMicrotask(() => {
      if (this.#isOpen) this.onMessage.emit(response)
    })
  }

  #tellChanges(devices: readonly number[]): void {
    const before = this.#devices
    this.#devices = devices
    const tell = (deviceNumber: number, busState: number) => {
      const frame = allocateBytes(EVENT_DEVICE_SIZE)
      encodeEventDevice(frame, { deviceNumber, busState })
      this.onMessage.emit(frame)
    }
    for (const each of before) if (!devices.includes(each)) tell(each, DEVICE_REMOVED)
    for (const each of devices) if (!before.includes(each)) tell(each, DEVICE_ADDED)
  }
}
