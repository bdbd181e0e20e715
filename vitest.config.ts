// How the tests run: vitest in Node, with v8 coverage; shared-protocol must stay nearly fully covered.

import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

/** They boot guests, which want both cores. */
const LINUX = "test/linux/**/*.test.ts"

/** They start a browser, which wants a core for itself. */
const BROWSER = "test/web/browser/**/*.test.ts"

/**
 * `npm run test:quick` leaves these to `npm test`: they start commands, packages and tools as processes, or wait for
 * real time; what most changes break shows in the others.
 */
const SLOW = [
  "test/{cli,wireshark}/**/*.test.ts",
  "test/{examples,package}.test.ts",
  "test/i2c-bus/*.test.ts",
  "test/host/{bus-suite,flash/esp-rom}.test.ts",
  "test/fuzz/fuzz.test.ts",
  "test/conformance/{c-device,command,hotplug,plain-device,simulated-board}.test.ts",
]
const isQuick = process.env.npm_lifecycle_event === "test:quick"

/** Tens of times what anything takes alone: a machine that also does other work must not fail a test. */
const limits = { testTimeout: 240_000, hookTimeout: 480_000, expect: { poll: { timeout: 60_000 } } }

export default defineConfig({
  test: {
    reporters: ["default"],
    // vitest leaves one core free, which of two is half; what runs on a core of its own says so below
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          ...limits,
          name: "plain",
          include: ["test/**/*.test.ts"],
          exclude: [LINUX, BROWSER, ...(isQuick ? SLOW : [])],
          sequence: { groupOrder: 0 },
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
          fileParallelism: false,
          sequence: { groupOrder: 1 },
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
          fileParallelism: false,
          sequence: { groupOrder: 2 },
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
