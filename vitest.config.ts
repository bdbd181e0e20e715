// How the tests run: vitest in Node, with v8 coverage; shared-protocol must stay nearly fully covered.

import { defineConfig } from "vitest/config"

/** They run the DeviceScript compiler, which writes to one fixed place: one after the other, before the rest. */
const COMPILING = [
  "test/bench/chip-model.test.ts",
  "test/firmware/faults.test.ts",
  "test/firmware/firmware.test.ts",
  "test/fuzz/heap-under-attack.test.ts",
  "test/i2c-bus/packages.test.ts",
  "test/shared-protocol/vectors.test.ts",
  "test/soak/soak-vm.test.ts",
]

/** They boot guests, which want both cores. */
const LINUX = "test/linux/**/*.test.ts"

/** They start a browser, which wants a core for itself. */
const BROWSER = "test/web/browser/**/*.test.ts"

/** Tens of times what anything takes alone: a machine that also does other work must not fail a test. */
const limits = { testTimeout: 240_000, hookTimeout: 480_000, expect: { poll: { timeout: 60_000 } } }

export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          ...limits,
          name: "compiled",
          include: COMPILING,
          fileParallelism: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...limits,
          name: "plain",
          include: ["test/**/*.test.ts"],
          exclude: [...COMPILING, LINUX, BROWSER],
          sequence: { groupOrder: 1 },
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
          sequence: { groupOrder: 2 },
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
          sequence: { groupOrder: 3 },
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
