// The firmware's end of a link that it opens itself: a TCP connection to its host, with mailbox packets behind length
// bytes (docs/bus.md "On TCP"). Unlike reports on Jacdac, what a socket takes is not throttled by the runtime.

import * as ds from "@devicescript/core"
import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { readSetting } from "./settings.js"
import { parseNumber } from "./shell/words.js"

/**
 * The runtime's own socket: it has one. @devicescript/net would fail when the host speaks first, or when there is no
 * room.
 */
type DsSockets = typeof ds & {
  /** Begins to connect. Throws while there is no network. */
  _socketOpen(host: string, port: number): number
  _socketClose(): number
  /** 0: taken. -1: no room at the moment. Anything else: not connected. */
  _socketWrite(bytes: Buffer): number
  /** Called for "open", "data", "close" and "error", each in a fiber of its own. */
  _socketOnEvent(event: string, argument?: Buffer): void
}

/** Where the host listens: HOST:PORT. */
const ADDRESS = "virtio.dial"
/** Between two attempts: doubled from the first to the last while nobody answers. */
const FIRST_PAUSE_MS = 250
const LAST_PAUSE_MS = 2000
/** The runtime does not always say that a connection failed. */
const CONNECT_MS = 15000
/** Each side sends an empty record so often. A peer that is silent for so many of our ticks is taken for gone. */
const TICK_MS = 2000
const SILENT_TICKS = 5
/** How soon a write is tried again when the runtime had no room for it. */
const ROOM_MS = 5
const NO_ROOM = -1
/**
 * So many packets and bytes are taken at once: as many packets as a host may have on their way. The runtime would
 * stop a program that works on without a wait.
 */
const MOST_PACKETS = 6
const MOST_BYTES = 1500
/** A host that has sent so much more than was taken is broken or hostile. */
const MOST_WAITING = 3072
/** A packet of the epoch that no session has. The endpoint's answer to it is the board's greeting. */
const PROBE = hex`00ffff0000`

/** Keeps `endpoint` connected to the host that the settings name; does not return. */
export async function runDialService(endpoint: DeviceEndpoint): Promise<void> {
  const sockets = ds as DsSockets
  const address = readSetting(ADDRESS)
  const colon = address.lastIndexOf(":")
  const host = address.slice(0, colon < 0 ? 0 : colon)
  const port = parseNumber(address.slice(colon + 1))
  const tick = Buffer.alloc(1)
  const fiber = ds.Fiber.self()
  let isOpen = false
  let isIdle = false
  let pauseMs = FIRST_PAUSE_MS
  let silentTicks = 0
  /** Bytes that have come and were not taken yet: the beginning of a record, or more than is taken at once. */
  let rest = Buffer.alloc(0)
  /** A fiber is about to take what is left. */
  let isTaking = false

  // events start fibers in their order; this one never waits, so that records stay in order
  sockets._socketOnEvent = (event, argument) => {
    if (event === "data") {
      // without memory for these bytes they are lost, and nobody knows any more where a record begins
      if (!isOpen || !argument || rest.length + argument.length > MOST_WAITING) hangUp()
      else {
        silentTicks = 0
        pauseMs = FIRST_PAUSE_MS
        rest = rest.length > 0 ? Buffer.concat(rest, argument) : argument
        if (!isTaking && takeSome()) {
          isTaking = true
          takeRest.start()
        }
      }
    } else if (event === "open") {
      isOpen = true
      silentTicks = 0
      rest = Buffer.alloc(0)
      endpoint.receive(PROBE as unknown as ByteBuf)
    } else isOpen = false
    wake()
  }
  endpoint.bus.onWake = () => {
    if (isOpen) wake() // not the fiber that waits for the connection
  }
  endpoint.bus.onFault = (thrown) => {
    console.log("error: caught in the device: ", thrown)
  }
  watchSilence.start()
  if (host === "" || !(port > 0)) console.log(`error: the setting ${ADDRESS} is no HOST:PORT: ${address}`)

  while (true) {
    if (!isOpen) await dial()
    else {
      await endpoint.bus.work()
      const packet = endpoint.nextPacket()
      if (packet === undefined) await idle()
      else await send(packet as unknown as Buffer)
    }
  }

  /** One attempt to connect, after a pause. */
  async function dial(): Promise<void> {
    await ds.sleep(pauseMs)
    pauseMs *= 2
    if (pauseMs > LAST_PAUSE_MS) pauseMs = LAST_PAUSE_MS
    try {
      sockets._socketOpen(host, port)
    } catch {
      return // no network yet
    }
    isIdle = true
    await ds.suspend<number>(CONNECT_MS)
    isIdle = false
    if (!isOpen) sockets._socketClose()
  }

  async function idle(): Promise<void> {
    isIdle = true
    await ds.suspend<number>()
    isIdle = false
  }

  async function send(packet: Buffer): Promise<void> {
    const record = Buffer.alloc(1 + packet.length)
    record[0] = packet.length
    record.blitAt(1, packet, 0, packet.length)
    while (isOpen) {
      const status = sockets._socketWrite(record)
      if (status === 0) return
      if (status === NO_ROOM) await ds.sleep(ROOM_MS)
      else hangUp()
    }
  }

  /** Takes whole records. Returns whether there are more, which have to wait. */
  function takeSome(): boolean {
    const bytes = rest
    const end = bytes.length
    let at = 0
    let packets = 0
    while (at < end && at + bytes[at] < end) {
      if (packets === MOST_PACKETS || at > MOST_BYTES) {
        rest = bytes.slice(at)
        return true
      }
      const length = bytes[at]
      if (length > 0) {
        packets++
        endpoint.receive(bytes.slice(at + 1, at + 1 + length) as unknown as ByteBuf)
      }
      at += 1 + length
    }
    rest = bytes.slice(at)
    return false
  }

  async function takeRest(): Promise<void> {
    let isMore = true
    while (isMore) {
      await ds.sleep(1)
      isMore = takeSome()
      wake()
    }
    isTaking = false
  }

  function hangUp(): void {
    isOpen = false
    sockets._socketClose()
  }

  function wake(): void {
    if (!isIdle) return
    isIdle = false
    if (fiber.suspended) fiber.resume(1) // else its time is up, so it runs anyway, and `resume` would throw
  }

  async function watchSilence(): Promise<void> {
    while (true) {
      await ds.sleep(TICK_MS)
      if (isOpen) {
        silentTicks++
        if (silentTicks > SILENT_TICKS) {
          hangUp()
          wake()
        } else sockets._socketWrite(tick)
      }
    }
  }
}
