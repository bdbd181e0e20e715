// `virtio-msg rng`: the microcontroller's random bytes on standard output.

import type { Command } from "commander"
import { toHex } from "../bytes.js"
import { VirtioMsgError } from "../errors.js"
import { helpExamples, print, withBus } from "./context.js"

export function define(command: Command): void {
  command
    .requiredOption("-b, --bytes <count>", "how many, 0 or more")
    .option("--hex", "as hexadecimal digits in a line, instead of raw")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim rng --bytes 16 --hex")}\n` +
        "Raw bytes belong into a file or a pipe: virtio-msg rng --bytes 1000 > random.bin\n" +
        "How good they are depends on the chip; an RP2040's are weak (docs/devices.md).",
    )
    .action(async (options: { bytes: string; hex?: true }, command: Command) => {
      const count = /^\d+$/.test(options.bytes) ? Number(options.bytes) : Number.NaN
      if (!Number.isSafeInteger(count))
        throw new VirtioMsgError("INVALID_ARGUMENT", `"${options.bytes}" is no number of bytes.`)
      await withBus(command, async (bus) => {
        const rng = await bus.rng()
        let digits = ""
        for await (const bytes of rng.stream(count)) {
          if (options.hex) digits += toHex(bytes)
          else await write(bytes)
        }
        if (options.hex) print(digits)
      })
    })
}

/** Settles when standard output has taken the bytes: a slow reader slows the board. */
function write(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}
