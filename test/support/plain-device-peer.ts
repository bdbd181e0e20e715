// Our device code with the plain profile, in this process and on a clock. A PlainChannel connects to it.

import type { Clock } from "../../host/src/clock.js"
import { PlainDevice, type PlainDeviceOptions } from "../../host/src/plain/plain-device.js"
import type { PlainEvents, PlainPeer } from "../../host/src/plain/plain-peer.js"
import { MAX_AREA_SIZE } from "../../shared-protocol/src/mailbox/packet.js"

const WINDOW_BYTES = MAX_AREA_SIZE
/** The time that a frame takes, each way. */
const LATENCY_MS = 0.1
const POLL_MS = 5

/** Options of the device, and ways to change its frames. */
export interface PlainPeerOptions extends Omit<PlainDeviceOptions, "windowBytes"> {
  readonly out?: (frame: Uint8Array) => readonly Uint8Array[]
  /** The time that a frame of the device takes. LATENCY_MS when absent. */
  readonly latencyMs?: (frame: Uint8Array) => number
}

/** Give the result to a `PlainChannel`, or to `ChannelPort.overPlain`. */
export function plainDevicePeer(clock: Clock, options: PlainPeerOptions) {
  const bytes = new Uint8Array(WINDOW_BYTES)
  const window = {
    read(offset: number, lengthBytes: number) {
      const read = new Uint8Array(lengthBytes)
      read.set(bytes.subarray(offset, offset + lengthBytes))
      return read
    },
    write: (offset: number, written: Uint8Array) =>
      bytes.set(written.subarray(0, Math.max(0, WINDOW_BYTES - offset)), Math.min(offset, WINDOW_BYTES)),
  }
  let events: PlainEvents | undefined
  const device = new PlainDevice({ ...options, windowBytes: WINDOW_BYTES }, window, (frame) => {
    for (const each of options.out?.(frame) ?? [frame])
      clock.schedule(options.latencyMs?.(each) ?? LATENCY_MS, () => events?.onFrame(Uint8Array.from(each)))
  })
  const poll = () => {
    if (!events) return
    device.poll()
    clock.schedule(POLL_MS, poll)
  }
  const open = async (taking: PlainEvents): Promise<PlainPeer> => {
    events = taking
    device.connect()
    if (options.isPolling) poll()
    return {
      greeting: {
        revision: 1,
        maxMessageSize: options.maxMessageSize,
        transportFeatures: options.isStrict ? 1 : 0,
        windowBytes: WINDOW_BYTES,
        file: "in memory",
        isPolling: options.isPolling === true,
      },
      window,
      send: (frame) => clock.schedule(LATENCY_MS, () => device.take(Uint8Array.from(frame))),
      close: async () => {
        events = undefined
      },
    }
  }
  return { open, device }
}
