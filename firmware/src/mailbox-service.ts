// The firmware's end of the link: a Jacdac service whose commands and reports are mailbox packets.
// Received synchronously, sent by one fiber (docs/bus.md "On Jacdac").

import * as ds from "@devicescript/core"
import type { DeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"

/** What the runtime calls and offers for servers written by hand; not in its public declarations. */
type DsServer = typeof ds & {
  _onServerPacket(packet: ds.Packet): void
  _serverSend(serviceIndex: number, packet: ds.Packet): Promise<void>
}

/** Index 0 is Jacdac's control service. */
const SERVICE_INDEX = 1
const SERVICE_CLASS = 0x1a7f6d53
const PACKET_COMMAND = 0x80
/** Jacdac wants to hear of a device every 500 ms while it looks for it. */
const WATCH_MS = 500
/** How often the firmware sends unacknowledged packets again by itself, while it hears nothing. */
const RESEND_TRIES = 8
/**
 * Announcements cost packets of the same budget as data (50 a second), so they stop while a host talks to us,
 * and begin again when it has been quiet this long.
 */
const QUIET_MS = 2000
/**
 * The runtime lets a program send a packet every 20 ms, and up to five at once after a rest. A packet that comes
 * earlier is held back, and what happens in the meantime has to wait for the next one. So a packet is only put
 * together when it can leave.
 */
const SLOT_MS = 20
const BURST_MS = 5 * SLOT_MS

/** Runs `endpoint` behind the Jacdac service; does not return. */
export async function runMailboxService(endpoint: DeviceEndpoint): Promise<void> {
  const server = ds as DsServer
  const report = ds.VirtioMsg.spec.lookup("packet").response
  let lastHeardMs = -QUIET_MS
  let resendTries = 0
  let isIdle = false
  /** The time to send that the runtime grants us, as the runtime counts it: each packet takes SLOT_MS of it. */
  let creditMs = BURST_MS
  let creditAsOfMs = ds.millis()
  const fiber = ds.Fiber.self()

  // the runtime starts a fiber for every packet. This one never waits, so packets stay in order and fibers stay few
  server._onServerPacket = (packet) => {
    if (packet.serviceIndex !== SERVICE_INDEX || packet.serviceCommand !== PACKET_COMMAND) return
    lastHeardMs = ds.millis()
    resendTries = 0
    endpoint.receive(packet.payload)
    wake()
  }

  endpoint.bus.onWake = wake
  // printed with its stack, and only once, since a host could make it happen again and again
  endpoint.bus.onFault = (thrown) => {
    console.log("error: caught in the device: ", thrown)
  }
  watchQuiet.start()

  const bus = endpoint.bus
  while (true) {
    if (bus.isAnyRung || bus.isAnyPacedRung) await bus.work()
    const nowMs = ds.millis()
    creditMs += nowMs - creditAsOfMs
    creditAsOfMs = nowMs
    if (creditMs > BURST_MS) creditMs = BURST_MS
    if (creditMs < SLOT_MS) {
      // queues are served meanwhile: a packet from the host wakes this fiber early
      isIdle = true
      await ds.suspend<number>(SLOT_MS - creditMs)
      isIdle = false
    } else {
      const packet = endpoint.nextPacket()
      if (packet === undefined) {
        isIdle = true
        await ds.suspend<number>()
      } else {
        creditMs -= SLOT_MS
        await server._serverSend(SERVICE_INDEX, report.encode(packet as unknown as Buffer))
      }
    }
  }

  function wake(): void {
    if (!isIdle) return
    isIdle = false
    if (fiber.suspended) fiber.resume(1) // else its time is up, so it runs anyway, and `resume` would throw
  }

  async function watchQuiet(): Promise<void> {
    const announce = ds.Control.spec.lookup("announce").response
    let restarts = 1
    while (true) {
      const quietMs = ds.millis() - lastHeardMs
      if (quietMs >= QUIET_MS) {
        if (restarts < 15) restarts++
        creditMs -= SLOT_MS
        await server._serverSend(0, announce.encode([restarts | 0x100, 0, 0, SERVICE_CLASS]))
      }
      // a host that waits for nothing does not ask for what was lost
      if (quietMs >= WATCH_MS && endpoint.mailbox.unacknowledgedOut() > 0 && resendTries < RESEND_TRIES) {
        resendTries++
        endpoint.mailbox.requestResend()
        wake()
      }
      await ds.sleep(WATCH_MS)
    }
  }
}
