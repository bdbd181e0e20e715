// The firmware with mistakes in it, which no program of ours may have: a controller that throws, and a mailbox that
// throws in the middle of a packet (test/firmware/faults.test.ts).

import * as ds from "@devicescript/core"
import type { ByteBuf, OwnedBytes } from "../../shared-protocol/src/bytes.js"
import { makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import type { I2cController } from "../../shared-protocol/src/device/i2c-controller.js"
import { PING } from "../../shared-protocol/src/messages/ids.js"
import { demoChips, SimulatedBus } from "../src/chips/simulated-bus.js"
import { allocate } from "../src/endpoint.js"
import { runMailboxService } from "../src/mailbox-service.js"

const AREA_SIZE = 8192
/** Transfers to these addresses throw: at once, or after a wait. */
const THROWS = 0x11
const THROWS_LATER = 0x12

/** Chips, and two addresses that throw. */
class ThrowingBus implements I2cController {
  data: OwnedBytes
  private readonly chips: SimulatedBus

  constructor(chips: SimulatedBus) {
    this.chips = chips
    this.data = chips.data
  }

  async transfer(
    address: number,
    write: ByteBuf,
    writeOffset: number,
    writeLength: number,
    readLength: number,
  ): Promise<number> {
    if (address === THROWS_LATER) await ds.sleep(5)
    if (address === THROWS || address === THROWS_LATER) throw new Error("a mistake in a controller")
    const result = await this.chips.transfer(address, write, writeOffset, writeLength, readLength)
    this.data = this.chips.data
    return result
  }
}

async function pause(): Promise<void> {
  await ds.sleep(1)
}

const chips = new SimulatedBus(
  demoChips(() => ds.millis(), allocate),
  allocate,
)
const endpoint = makeDeviceEndpoint({
  alloc: allocate,
  models: [new I2cDevice(new ThrowingBus(chips), allocate(0), pause)],
  driverAreaSize: AREA_SIZE,
  deviceAreaSize: AREA_SIZE,
  identity: { board: "throws", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
})
const take = endpoint.mailbox.onMessage
endpoint.mailbox.onMessage = (packet, offset, length) => {
  if (packet[offset] & 2 && packet[offset + 1] === PING) {
    // as the runtime does it: there are no bytes behind the end of a buffer
    packet[packet.length] = 0
  }
  take(packet, offset, length)
}
await runMailboxService(endpoint)
