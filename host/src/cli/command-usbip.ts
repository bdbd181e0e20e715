// `virtio-msg usbip`: the board as USB devices that another Linux attaches over the network.

import { type Command, Option } from "commander"
import { BoardForwarder } from "../node/board-forwarder.js"
import { BoardGadgets, parseGadgetKinds } from "../node/usbip/board-gadgets.js"
import { ADAPTERS, type AdapterKind } from "../node/usbip/kernel-drivers.js"
import { UsbipServer } from "../node/usbip/usbip-server.js"
import { openBus } from "../open-bus.js"
import { helpExamples, note, portOf, print } from "./context.js"
import { offerProcessTrace } from "./offer-process-trace.js"
import { processTrace } from "./process-trace.js"
import { untilStopped } from "./until-stopped.js"

interface UsbipOptions {
  readonly listen: string
  readonly devices: string
  readonly adapter: AdapterKind
}

export function define(command: Command): void {
  command
    .option(
      "-l, --listen <where>",
      "tcp://127.0.0.1:PORT; an address that others reach wants ,expose behind it",
      "tcp://127.0.0.1:3240",
    )
    .option("--devices <list>", "some of i2c,rng,console", "i2c")
    .addOption(
      new Option("--adapter <kind>", "the I2C adapter to be, as the other Linux has a driver for")
        .choices(Object.keys(ADAPTERS))
        .default("i2c-tiny-usb"),
    )
    .addHelpText(
      "after",
      `${helpExamples(
        "virtio-msg --port sim usbip --listen tcp://127.0.0.1:3240 &",
        "sudo modprobe -a vhci-hcd i2c-tiny-usb i2c-dev",
        "sudo usbip attach -r 127.0.0.1 -b 1-1",
      )}\n\nFor the Linux you sit at, attach does all of this by itself: virtio-msg attach --help`,
    )
    .action(async (options: UsbipOptions, command: Command) => {
      const kinds = parseGadgetKinds(options.devices)
      const forwarder = new BoardForwarder(() =>
        openBus({ port: portOf(command), onChoice: note, trace: processTrace }),
      )
      const stopped = untilStopped() // before anybody learns that we are up
      const endOffer = await offerProcessTrace("usbip")
      let board: BoardGadgets | undefined
      let server: UsbipServer | undefined
      try {
        await forwarder.start()
        forwarder.onBoard.on((isThere) => note(isThere ? "The board is back." : "The board is gone."))
        board = await BoardGadgets.of(forwarder, kinds, { adapter: options.adapter, onNote: note })
        server = new UsbipServer([...board.gadgets.values()])
        server.onRefused.on((sentence) => note(`error: ${sentence}`))
        server.onImport.on(({ name }, isImported) =>
          note(isImported ? `A client has imported ${name}.` : `The client of ${name} is gone.`),
        )
        const where = await server.listen(options.listen)
        // scripts read this line to learn the port
        print(where)
        const { hostname, port } = new URL(where)
        const tcpPort = port === "3240" ? "" : ` --tcp-port ${port}`
        for (const { busId, device } of server.devices)
          note(`${device.name}: sudo usbip${tcpPort} attach -r ${hostname} -b ${busId}`)
        await stopped
      } finally {
        await server?.close()
        board?.close()
        await forwarder.close()
        await endOffer()
      }
    })
}
