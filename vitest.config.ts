// How the tests run: vitest in Node, with v8 coverage; shared-protocol must stay nearly fully covered.

import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import { LongestFirst } from "./test/support/longest-first.js"
import { togetherFiles } from "./test/support/own-process.js"
import { SkippedReporter } from "./test/support/skipped-reporter.js"

/** They boot guests. */
const LINUX = "test/linux/**/*.test.ts"

/** They start a browser. */
const BROWSER = "test/web/browser/**/*.test.ts"

/**
 * `npm run test:quick` leaves these to `npm test`: they start commands, packages and tools as processes, or wait for
 * real time; what most changes break shows in the others.
 */
const SLOW = [
  "test/{cli,soak,stranger,wireshark}/**/*.test.ts",
  "test/{examples,package,scripts}.test.ts",
  "test/docs/{blocks,docstring-examples}.test.ts",
  "test/i2c-bus/*.test.ts",
  "test/firmware/{firmware,heap}.test.ts",
  "test/fuzz/{fuzz,heap-under-attack}.test.ts",
  "test/host/{bus-suite,crash-points,dashboard-server,i2c-limits,two-hosts,flash/esp-rom}.test.ts",
  "test/conformance/{mutants/*,bridge/{process-model,wrong-models}}.test.ts",
  "test/conformance/{c-device,command,hotplug,plain-device,process-subject,qemu-msg,simulated-board}.test.ts",
  "test/web/typed-i2c.test.ts",
]
const TOGETHER = togetherFiles()
const isQuick = process.env.npm_lifecycle_event === "test:quick"

/** Tens of times what anything takes alone: a machine that also does other work must not fail a test. */
const limits = { testTimeout: 240_000, hookTimeout: 480_000, expect: { poll: { timeout: 60_000 } } }

export default defineConfig({
  test: {
    reporters: ["default", new SkippedReporter()],
    // two more than there are cores: guests, boards and browsers are often waited for
    maxWorkers: availableParallelism() + 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...limits,
          name: "plain",
          include: ["test/**/*.test.ts"],
          exclude: [LINUX, BROWSER, ...TOGETHER, ...(isQuick ? SLOW : [])],
        },
      },
      {
        test: {
          ...limits,
          name: "together",
          include: TOGETHER,
          exclude: isQuick ? SLOW : [],
          isolate: false,
        },
      },
      {
        test: {
          ...limits,
          // an emulated guest on a busy machine is many times slower, and the first one is made from packages
          testTimeout: 400_000,
          hookTimeout: 600_000,
          name: "linux",
          include: [LINUX],
        },
      },
      {
        test: {
          ...limits,
          // above Playwright's own limits, which say more
          testTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
          name: "browser",
          include: [BROWSER],
        },
      },
    ],
    coverage: {
      provider: "v8",
      include: [
        "shared-protocol/src/**/*.ts",
        "firmware/src/**/*.ts",
        "host/src/**/*.ts",
        "boards/src/**/*.ts",
      ],
      reporter: ["text-summary", "html"],
      thresholds: {
        "shared-protocol/src/**": { lines: 95 },
      },
    },
  },
})
