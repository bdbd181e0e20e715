// All that can be fuzzed.

import { anyTarget, type FuzzTarget } from "../target.js"
import { decoders } from "./decoders.js"
import { device, deviceStrict } from "./device.js"
import { firmware } from "./firmware.js"
import { host } from "./host.js"
import { jacdac } from "./jacdac.js"
import { mailbox } from "./mailbox.js"
import { usbip } from "./usbip.js"
import { usedRing } from "./used-ring.js"

export const TARGETS: readonly FuzzTarget[] = [
  anyTarget(decoders),
  anyTarget(mailbox),
  anyTarget(jacdac),
  anyTarget(usbip),
  anyTarget(usedRing),
  anyTarget(device),
  anyTarget(deviceStrict),
  anyTarget(firmware),
  anyTarget(host),
]
