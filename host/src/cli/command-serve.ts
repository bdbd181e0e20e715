// `virtio-msg serve`: gives the board's I2C bus, and what else it has, to a QEMU guest: vhost-user backends.

import type { Command } from "commander"
import {
  GUEST_DEVICE_TYPES,
  type GuestDeviceType,
} from "../../../shared-protocol/src/device-types/catalogue.js"
import { BoardForwarder } from "../node/board-forwarder.js"
import { GuestDevices } from "../node/guest-devices.js"
import { deviceArguments, qemuI2cArguments } from "../node/linux-guest/qemu.js"
import { VhostUserBackend } from "../node/vhost-user/backend.js"
import { VirtioI2cDevice } from "../node/vhost-user/i2c-device.js"
import { openBus } from "../open-bus.js"
import { helpExamples, note, portOf, print } from "./context.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

/** The memory in the printed QEMU arguments; any amount works. */
const EXAMPLE_MEMORY_MIB = 256

interface ServeOptions extends Partial<Record<GuestDeviceType, string>> {
  readonly socket: string
  readonly pci?: true
}

export function define(command: Command): void {
  command
    .requiredOption("-s, --socket <path>", "the Unix socket that QEMU listens on")
    .option("--gpio <path>", "serve the GPIO chip, too, on this socket")
    .option("--rng <path>", "serve the random bytes, too, on this socket")
    .option("--console <path>", "serve the console, too, on this socket")
    .option("--pci", "print the arguments for a guest with a PCI bus")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim serve --socket /tmp/i2c.sock")}\n` +
        "It prints the arguments that QEMU needs. Whichever of the two starts again finds the other.",
    )
    .action(async (options: ServeOptions, command: Command) => {
      const forwarder = new BoardForwarder(() =>
        openBus({ port: portOf(command), onChoice: note, trace: processTrace }),
      )
      const device = new VirtioI2cDevice(forwarder)
      const devices = new GuestDevices()
      const backend = new VhostUserBackend({ socketPath: options.socket, device })
      const stopped = untilStopped() // before anybody is told that we are up
      const endOffer = await offerProcessTrace("serve")
      try {
        await forwarder.start()
        forwarder.onBoard.on((isThere) => note(isThere ? "The board is back." : "The board is gone."))
        forwarder.onRefused.on((error) => note(`error: A request of the guest failed. ${error.message}`))
        backend.onConnection.on((isConnected) =>
          note(isConnected ? "QEMU is connected." : "QEMU is gone; waiting for it."),
        )
        backend.onError.on((error) => note(`error: ${error.message}`))
        await backend.start()
        const wanted = new Map(
          GUEST_DEVICE_TYPES.flatMap((each): [GuestDeviceType, string][] => {
            const path = options[each]
            return path === undefined ? [] : [[each, path]]
          }),
        )
        await devices.start(
          forwarder.bus,
          [...wanted.keys()],
          (each) => wanted.get(each) ?? "",
          (error) => note(`error: ${error.message}`),
        )
        note("Add these arguments to your guest's QEMU command line:")
        const bus = options.pci ? "pci" : "mmio"
        const i2c = qemuI2cArguments({ socketPath: options.socket, memoryMib: EXAMPLE_MEMORY_MIB, bus })
        print([...i2c, ...[...wanted].flatMap(([each, path]) => deviceArguments(each, path, bus))].join(" "))
        await stopped
      } finally {
        backend.close()
        devices.close()
        await forwarder.close()
        await endOffer()
      }
    })
}
