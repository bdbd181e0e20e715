// A hostile driver against the device code, natively: four device types behind one endpoint. Once fast, and once on
// bytes that throw where a Uint8Array would be silent (as DeviceScript's do), so that nothing is touched outside.

import { allocateBytes } from "../../../host/src/bytes.js"
import type { Allocator } from "../../../shared-protocol/src/bytes.js"
import { strictBytes } from "../../firmware/strict-bytes.js"
import { driverClasses } from "../driver-classes.js"
import {
  type HostileAction,
  hostileSequences,
  loadSequence,
  runHostile,
  saveSequence,
} from "../hostile-actions.js"
import { HostileDriver } from "../hostile-driver.js"
import { NativeWire } from "../native-wire.js"
import type { FuzzTarget } from "../target.js"

function deviceTarget(name: string, about: string, alloc: Allocator): FuzzTarget<Iterable<HostileAction>> {
  return {
    name,
    about,
    cases: hostileSequences,
    classes: driverClasses,
    run: (sequence) => runHostile(new HostileDriver(new NativeWire(alloc)), sequence),
    save: saveSequence,
    load: loadSequence,
  }
}

export const device = deviceTarget(
  "device",
  "a hostile driver against the dispatcher and four device types, natively",
  allocateBytes,
)
export const deviceStrict = deviceTarget(
  "device-strict",
  "the same, on bytes that throw at every access outside (slow)",
  strictBytes,
)
