// What a soak runs on: the device code natively, or the same code as bytecode in the DeviceScript VM, both behind a
// serial port with a bad cable.

import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { type DeviceEndpoint, makeDeviceEndpoint } from "../../shared-protocol/src/device/device-endpoint.js"
import { I2cDevice } from "../../shared-protocol/src/device/i2c.js"
import { Ledger } from "../faults/ledger.js"
import { NativeBoard } from "../faults/native-board.js"
import { openOver } from "../faults/open-over.js"
import { seededRandom } from "../faults/seeded-random.js"
import { withoutNet } from "../support/no-net.js"
import type { SoakRig } from "./soak.js"

/** What the firmware's window has. */
const AREA_SIZE = 8192
/** So that faults and calls draw from different numbers. */
const FAULT_SEED = 0x9e3779b9

export async function nativeRig(seed: number, requests: number): Promise<SoakRig> {
  const clock = new VirtualClock(1000)
  const ledger = new Ledger(requests, allocateBytes)
  const board = new NativeBoard(clock, () => makeEndpoint(ledger))
  return {
    clock,
    ...(await openOver(clock, seed ^ FAULT_SEED, board)),
    ledger,
    panics: [],
    stop: async () => board.stop(),
  }
}

/** `program` is the bytecode of firmware/test-src/main-ledger.ts. */
export async function vmRig(seed: number, program: Uint8Array): Promise<SoakRig> {
  const clock = new VirtualClock(1000)
  const panics: number[] = []
  const random = seededRandom(seed)
  const machine = new VirtualMachine({
    program,
    clock,
    randomBytes: (length) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
  })
  machine.onPanic.on((code) => panics.push(code))
  await machine.start()
  return {
    clock,
    ...(await openOver(clock, seed ^ FAULT_SEED, machine)),
    ledger: undefined,
    panics,
    stop: async () => machine.stop(),
  }
}

function makeEndpoint(ledger: Ledger): DeviceEndpoint {
  return withoutNet(
    makeDeviceEndpoint({
      alloc: allocateBytes,
      models: [new I2cDevice(ledger, allocateBytes(0), () => Promise.resolve())],
      driverAreaSize: AREA_SIZE,
      deviceAreaSize: AREA_SIZE,
      identity: { board: "native", firmwareVersion: [0, 1, 0, 0], hasSimulatedChips: true },
    }),
  )
}
