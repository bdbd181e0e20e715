// The benchmark as a command: its options, and what it prints.

import { parseArgs } from "node:util"
import { measureChip, measureScans } from "./chip.js"
import { compare } from "./comparison.js"
import { measureDeviceSides } from "./device-side.js"
import { measureDialIn } from "./dial-in.js"
import { measureHost } from "./host-cpu.js"
import { measureChipPart, measureLatency } from "./latency.js"
import { measureOurs, measureSustained } from "./ours.js"
import { type Results, report } from "./report.js"
import { measureRings } from "./ring-choices.js"
import { measureSerialAlone } from "./serial-cpu.js"
import { measureHeap, measureSizes } from "./sizes.js"

const HELP = `npm run bench -- [--json] [--counts-only]

Measures with the real firmware in the DeviceScript VM, in virtual time, and computes what others would cost.
  --json         print the results as JSON
  --counts-only  leave out what depends on this computer's speed, and what has to be compiled first
  --help         print this

Example:
  $ npm run --silent bench -- --json > bench.json

docs/performance.md says how to read it. With a Linux guest: npm run bench:linux.`

const EXIT_OK = 0
const EXIT_USAGE = 2

export interface Output {
  print(text: string): void
  note(text: string): void
}

/** Runs the benchmark as `args` say; resolves with the exit code. */
export async function bench(args: readonly string[], output: Output): Promise<number> {
  let options: { json?: boolean; "counts-only"?: boolean; help?: boolean }
  try {
    options = parseArgs({
      args: [...args],
      options: { json: { type: "boolean" }, "counts-only": { type: "boolean" }, help: { type: "boolean" } },
    }).values
  } catch (error) {
    output.note(`error: ${(error as Error).message}`)
    output.note("hint: See npm run bench -- --help")
    return EXIT_USAGE
  }
  if (options.help) {
    output.print(HELP)
    return EXIT_OK
  }
  const ours = await measureOurs()
  const counts: Results = {
    ours,
    sustained: await measureSustained(),
    latency: await measureLatency(),
    chipParts: [await measureChipPart("four devices"), await measureChipPart("I2C alone")],
    chip: await measureChip(),
    scans: await measureScans(),
    comparison: compare(ours),
    rings: await measureRings(),
    sizes: measureSizes(),
  }
  const results: Results = options["counts-only"]
    ? counts
    : {
        ...counts,
        sizes: [...counts.sizes, await measureHeap()],
        dialIn: await measureDialIn(),
        host: await measureHost(),
        serial: await measureSerialAlone(),
        deviceSides: await measureDeviceSides(),
      }
  output.print(options.json ? JSON.stringify(results, null, 2) : report(results))
  return EXIT_OK
}
