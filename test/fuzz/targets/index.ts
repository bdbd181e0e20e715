// All that can be fuzzed.

import { anyTarget, type FuzzTarget } from "../target.js"
import { bridge } from "./bridge.js"
import { decoders } from "./decoders.js"
import { device, deviceStrict } from "./device.js"
import { dialIn } from "./dial-in.js"
import { firmware } from "./firmware.js"
import { espImage, uf2 } from "./firmware-files.js"
import { host } from "./host.js"
import { http } from "./http.js"
import { jacdac } from "./jacdac.js"
import { mailbox } from "./mailbox.js"
import { pcapng } from "./pcapng.js"
import { rings } from "./rings.js"
import { traceSocket } from "./trace-socket.js"
import { usbip } from "./usbip.js"
import { usedRing } from "./used-ring.js"
import { vhostUser } from "./vhost-user.js"

export const TARGETS: readonly FuzzTarget[] = [
  anyTarget(decoders),
  anyTarget(mailbox),
  anyTarget(jacdac),
  anyTarget(usbip),
  anyTarget(usedRing),
  anyTarget(rings),
  anyTarget(device),
  anyTarget(deviceStrict),
  anyTarget(firmware),
  anyTarget(host),
  anyTarget(http),
  anyTarget(traceSocket),
  anyTarget(dialIn),
  anyTarget(vhostUser),
  anyTarget(bridge),
  anyTarget(uf2),
  anyTarget(espImage),
  anyTarget(pcapng),
]
