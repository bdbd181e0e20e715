// The order of test files. Those that take longest begin first, so that none of them still runs when all others are
// done. vitest itself knows how long a file takes only where it ran before.

import { existsSync } from "node:fs"
import path from "node:path"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const ROOT = path.join(import.meta.dirname, "../..")

/** Sorted by how long they take, but tests with guests stand between others: a guest needs a core for itself. */
const LONGEST = [
  "test/linux/message/message-guest.test.ts",
  "test/linux/stock/own-linux.test.ts",
  "test/i2c-bus/packages.test.ts",
  "test/web/browser/simulated.test.ts",
  "test/cli/unplug.test.ts",
  "test/docs/blocks.test.ts",
  "test/linux/bridge/kernel-bridge.test.ts",
  "test/linux/linux.test.ts",
  "test/fuzz/fuzz.test.ts",
  "test/linux/commands.test.ts",
  "test/host/flash/esp-rom.test.ts",
  "test/cli/help.test.ts",
  "test/linux/devices.test.ts",
  "test/host/bus-suite.test.ts",
  "test/web/browser/appearance.test.ts",
  "test/web/browser/looks.test.ts",
  "test/web/browser/serial.test.ts",
  "test/web/browser/tour.test.ts",
  "test/web/browser/live.test.ts",
  "test/cli/hostile-text.test.ts",
  "test/linux/watched-serve.test.ts",
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const gone = LONGEST.filter((file) => !existsSync(path.join(ROOT, file)))
    if (gone.length > 0) throw new Error(`test/support/longest-first.ts names what is not there: ${gone}`)
    const sorted = await super.sort(files)
    return sorted.sort((a, b) => place(a) - place(b))
  }
}

/** The place of a file in LONGEST. Files that are not in it come after it. */
function place({ moduleId }: TestSpecification): number {
  const at = LONGEST.indexOf(path.relative(ROOT, moduleId))
  return at < 0 ? LONGEST.length : at
}
