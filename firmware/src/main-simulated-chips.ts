// The firmware with simulated chips, and more of them outside the VM: `virtio-msg sim --chip FILE@ADDRESS`.

import * as ds from "@devicescript/core"
import type { ByteBuf } from "../../shared-protocol/src/bytes.js"
import { allocate } from "./endpoint.js"
import { runMailboxService } from "./mailbox-service.js"
import { OutsideBus } from "./outside-bus.js"
import { readSetting } from "./settings.js"
import { makeSimulatedEndpoint } from "./simulated-endpoint.js"

/** What the runtime calls and offers for servers written by hand; not in its public declarations. */
type DsServer = typeof ds & {
  _onServerPacket(packet: ds.Packet): void
  _serverSend(serviceIndex: number, packet: ds.Packet): Promise<void>
}

const SERVICE_INDEX = 1
const CHIP_COMMAND = 0x81
/** Addresses of chips outside, in hexadecimal with commas between. */
const CHIPS = "virtio.chips"

let outside: OutsideBus | undefined
const endpoint = makeSimulatedEndpoint(ds._dcfgString("devName"), (inside) => {
  outside = new OutsideBus(inside, readSetting(CHIPS), allocate)
  return outside
})

/** Takes the answers from the packets of the mailbox's service, as soon as that runs. */
async function listen(): Promise<void> {
  await ds.sleep(1)
  const server = ds as DsServer
  const packetOf = ds.VirtioChips.spec.lookup("transfer").response
  const takePacket = server._onServerPacket
  server._onServerPacket = (packet) => {
    const bus = outside
    if (bus !== undefined && packet.serviceIndex === SERVICE_INDEX && packet.serviceCommand === CHIP_COMMAND)
      bus.take(packet.payload as unknown as ByteBuf, packet.payload.length)
    else takePacket(packet)
  }
  if (outside !== undefined)
    outside.send = async (bytes) => {
      await server._serverSend(SERVICE_INDEX, packetOf.encode(bytes as unknown as Buffer))
    }
}

listen.start()
await runMailboxService(endpoint)
