// `virtio-msg rng`: the microcontroller's random bytes on standard output.

import { type Command, Option } from "commander"
import { invalidArgument } from "../errors.js"
import { hexBytes } from "../hex.js"
import { helpExamples, print, printBytes, printJson, withBus } from "./context.js"
import { Progress } from "./progress.js"

export function define(command: Command): void {
  command
    .requiredOption("-b, --bytes <count>", "how many, 0 or more")
    .addOption(new Option("--hex", "as hexadecimal digits in a line, instead of raw").conflicts("json"))
    .option("--json", "as JSON: the hexadecimal digits")
    .addHelpText(
      "after",
      `${helpExamples("virtio-msg --port sim rng --bytes 16 --hex")}\n` +
        "Raw bytes belong into a file or a pipe: virtio-msg rng --bytes 1000 > random.bin\n" +
        "How good they are depends on the chip; an RP2040's are weak (docs/devices.md).",
    )
    .action(async (options: { bytes: string; hex?: true; json?: true }, command: Command) => {
      const count = /^\d+$/.test(options.bytes) ? Number(options.bytes) : Number.NaN
      if (!Number.isSafeInteger(count)) throw invalidArgument(`"${options.bytes}" is no number of bytes.`)
      await withBus(command, async (bus) => {
        const rng = await bus.rng()
        const progress = new Progress("Reading", true)
        let digits = ""
        let done = 0
        for await (const bytes of rng.stream(count)) {
          done += bytes.length
          progress.show(done, count)
          if (options.hex || options.json) digits += hexBytes(bytes)
          else await printBytes(bytes)
        }
        progress.clear()
        if (options.json) printJson({ bytes: digits })
        else if (options.hex) print(digits)
      })
    })
}
