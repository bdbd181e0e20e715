// What a board gains that dials in over WiFi: the firmware for that, in the VM, opens a TCP socket to this process, where
// the runtime's throttle does not apply. In real time, since sockets know no other.

import { withSettings } from "../../host/src/deploy/program-image.js"
import { openBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"

const MEASURED_MS = 3000
export interface DialInCost {
  readonly title: string
  readonly perS: number
}

/** Transfers a second over the socket, with this computer's processor as the chip. */
export async function measureDialIn(): Promise<DialInCost[]> {
  let machine: VirtualMachine | undefined
  try {
    const bus = await openBus({
      port: "tcp-listen://127.0.0.1:0",
      onChoice: (notice) => {
        const [address = ""] = /127\.0\.0\.1:\d+/.exec(notice) ?? []
        const settings = new Map([["virtio.dial", address]])
        machine = new VirtualMachine({ program: withSettings(readFirmware("simulated-dial"), settings) })
        void machine.start()
      },
    })
    const i2c = await bus.i2c()
    const costs = [
      { title: "register reads, 1 in flight", perS: await rate(1, (at) => i2c.readBlock(0x54, at % 19, 2)) },
      {
        title: "register reads, 32 in flight",
        perS: await rate(32, (at) => i2c.readBlock(0x54, at % 19, 2)),
      },
      {
        title: "EEPROM reads of 256 bytes, 4 in flight",
        perS: await rate(4, () => i2c.readBlock(0x50, 0, 256)),
      },
    ]
    await bus.close()
    return costs
  } finally {
    machine?.stop()
  }
}

async function rate(inFlight: number, read: (at: number) => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  let done = 0
  const caller = async () => {
    while (performance.now() < startMs + MEASURED_MS) {
      await read(done)
      done++
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  return (1000 * done) / (performance.now() - startMs)
}
