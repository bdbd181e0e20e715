// The same hostile driver against the firmware: the real bytecode in the DeviceScript VM, where what throws, runs too
// long or needs too much memory is a panic that costs five seconds and all that was in memory.

import {
  type HostileAction,
  hostileSequences,
  loadSequence,
  runHostile,
  saveSequence,
} from "../hostile-actions.js"
import { HostileDriver } from "../hostile-driver.js"
import type { FuzzTarget } from "../target.js"
import { VmWire } from "../vm-wire.js"

/** One board for all cases: what a case leaves behind must not harm the next. */
let wire: VmWire | undefined
let driver: HostileDriver | undefined

export const firmware: FuzzTarget<Iterable<HostileAction>> = {
  name: "firmware",
  about: "a hostile driver against the firmware's bytecode in the DeviceScript VM",
  cases: hostileSequences,
  async run(sequence) {
    if (!wire || !driver || wire.failure !== "") {
      wire?.stop()
      wire = await VmWire.start()
      driver = new HostileDriver(wire)
    }
    try {
      await runHostile(driver, sequence)
    } catch (error) {
      wire.stop()
      wire = undefined // the next case begins with a board that nothing happened to
      throw error
    }
  },
  save: saveSequence,
  load: loadSequence,
}
