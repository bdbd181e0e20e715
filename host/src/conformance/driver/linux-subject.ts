// A guest's Linux as the driver under test. It is booted once and meets one scenario after another. Its module is
// loaded anew for each, so that nothing of the scenario before is left.

import { delay, systemClock } from "../../clock.js"
import { VirtioMsgError } from "../../errors.js"
import { hex } from "../../hex.js"
import type { LinuxGuest } from "../../node/linux-guest/boot.js"
import type { GuestPort } from "../../node/linux-guest/guest-port.js"
import { LINUX_MODULES } from "../../node/linux-guest/linux-module.js"
import { lastWords } from "../tested-command.js"
import { CHIP_ADDRESS, CHIP_REGISTER, CHIP_VALUE } from "./device-types.js"
import { atMost, type DriverOutcome, type DriverSubject, play } from "./driver-runs.js"
import { type Scenario, ScriptedBus } from "./scripted-bus.js"
import { memoryOf } from "./seen-chain.js"

/** A guest that has not answered for so long hangs. Our module's own waits take a few seconds. */
const RUN_LIMIT_MS = 120_000

/** Modules that are not ours stay as they are: a driver that is built into the kernel cannot be loaded anew. */
const RELOAD = `n=0
until ( : < /dev/virtio-msg-plain ) 2> /dev/null || [ ! -e /dev/virtio-msg-plain ]; do
  n=$((n + 1)); [ $n -gt 500 ] && break; sleep 0.02
done
if [ -d /sys/module/virtio_msg_plain ]; then
  rmmod ${[...LINUX_MODULES].reverse().join(" ")}
  ${LINUX_MODULES.map((name) => `insmod /modules/${name}.ko`).join("; ")}
fi`

/**
 * Waits until the devices were probed, and reads the register. Tries again if that fails, since a device may want a
 * reset.
 */
const WORK = `state() { cat /sys/bus/pci/drivers/virtio_msg_plain/*/bus_state 2> /dev/null; }
n=0
until [ "$(state)" = online ] || [ $n -ge 200 ]; do n=$((n + 1)); sleep 0.02; done
n=0
while [ "$(state)" = scanning ] && [ $n -lt 600 ]; do n=$((n + 1)); sleep 0.02; done
for try in 1 2 3; do
  value=$(i2cget -y 0 ${CHIP_ADDRESS} ${CHIP_REGISTER} 2>&1) && [ "$value" = ${hex(CHIP_VALUE)} ] && exit 0
  sleep 0.2
done
echo "i2cget: $value"
exit 1`

/**
 * Has the guest meet scenarios, one at a time. `reboot` is called when it hangs, which is then the result of that
 * scenario, and gives the guest for the next one.
 */
export function linuxSubject(
  guest: LinuxGuest,
  port: GuestPort,
  reboot: () => Promise<LinuxGuest>,
): DriverSubject {
  let current = guest
  return atMost(1, async (scenario) => {
    const run = await runOnce(current, port, scenario)
    if (run.outcome.isKilled) current = await reboot()
    return run
  })
}

async function runOnce(guest: LinuxGuest, port: GuestPort, scenario: Scenario) {
  const { window } = port
  const bus = new ScriptedBus(scenario, memoryOf(window), systemClock, (frame) => port.send(frame))
  const begin = () =>
    port.begin(bus.parameters, {
      onFrame: (frame) => bus.take(frame),
      onConnect: () => {
        for (const device of bus.devices) device.reset()
      },
    })
  bus.onNewParameters = begin
  try {
    await guest.sh(RELOAD)
    window.write(0, new Uint8Array(window.lengthBytes))
    begin()
    return await play(bus, async () => {
      const outcome = await work(guest)
      await delay(systemClock, scenario.watchMs ?? 0)
      return outcome
    })
  } finally {
    port.end()
  }
}

async function work(guest: LinuxGuest): Promise<DriverOutcome> {
  try {
    const { code, output } = await guest.sh(WORK, { timeoutMs: RUN_LIMIT_MS })
    const how = `It ended with exit code ${code}.${lastWords(output)}`
    return { isDone: code === 0, isKilled: false, how }
  } catch (error) {
    if (!(error instanceof VirtioMsgError)) throw error
    return { isDone: false, isKilled: true, how: error.message.split("\n")[0] ?? "" }
  }
}
