// `virtio-msg detach`: undoes `attach` and `usbip attach`: the kernel loses the board's devices.

import type { Command } from "commander"
import { notFound, VirtioMsgError } from "../errors.js"
import { attribute, awaitFree, detachPort, ownPorts } from "../node/usbip/vhci.js"
import { helpExamples, print, printJson } from "./context.js"

const LIMIT_MS = 10_000

export function define(command: Command): void {
  command
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg detach")}\nAs root, like attach. The processes that served the devices end by themselves.`,
    )
    .action(async (options: { json?: true }) => {
      const detached: { name: string; busId: string }[] = []
      const ports = await ownPorts()
      if (ports.length === 0)
        throw notFound("No board is attached to this Linux.", {
          hint: "Attach one: sudo virtio-msg attach",
        })
      for (const { number, busId = "" } of ports) {
        const name = await attribute(busId, "product")
        await detachPort(number)
        detached.push({ name: name ?? busId, busId })
        if (!options.json) print(`detached ${name ?? busId} (USB ${busId})`)
      }
      if (options.json) printJson(detached)
      if (
        !(await awaitFree(
          ports.map(({ number }) => number),
          LIMIT_MS,
        ))
      )
        throw new VirtioMsgError("TIMEOUT", "The kernel has not let go of the devices yet.", {
          hint: "It waits for a program that has the adapter open; end it. Which one? sudo fuser -v /dev/i2c-*",
        })
    })
}
