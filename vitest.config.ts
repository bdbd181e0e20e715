// How the tests run: vitest in Node, with v8 coverage; shared-protocol must stay nearly fully covered.

import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
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
