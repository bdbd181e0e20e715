// `demo` and `info`: what a person, and a program, learn of the bus.

import { readFile } from "node:fs/promises"
import { describe, expect, it } from "vitest"
import { stdoutOf, virtioMsg } from "./command.js"

const ESCAPE = "\u001b["

/** ST's five lines, as the demo types them and as they are answered. */
const FIVE_LINES = [
  /^ {3}\$ virtio-msg i2c detect -l\n {3}i2c-0\ti2c {7}\ti2c_virtio at virtio bus 0 {6}\tI2C adapter\n/m,
  /^ {3}\$ virtio-msg i2c detect\n {8}0 {2}1 [^$]*^ {3}50: 50 -- -- -- 54 -- 56 -- -- -- -- -- -- -- -- -- \n/m,
  /^ {3}\$ virtio-msg i2c get 0x54 14\n {3}0x66\n/m,
  /^ {3}\$ virtio-msg i2c set 0x54 14 0x25\n {3}1 packet to the M4 /m,
  /^ {3}\$ virtio-msg i2c get 0x54 14\n {3}0x25\n/m,
]

/** What has to come, in this order. */
const STEPS = [
  "1. The A7 finds the M4",
  "A7 --> M4  bus       HELLO",
  "A7 <-- M4  bus       HELLO",
  "The M4 is DeviceScript Simulator (WASM), firmware ",
  "2. Which devices are there?",
  "A7 --> M4  bus       GET_DEVICES",
  "A7 <-- M4  device 0  GET_DEVICE_INFO      virtio-i2c (34)",
  "3. The driver sets the I2C device up",
  "A7 <-- M4  device 0  SET_DEVICE_STATUS    0 (reset)",
  "A7 --> M4  device 0  SET_DEVICE_STATUS    ACKNOWLEDGE | DRIVER\n",
  "A7 <-- M4  device 0  GET_DEVICE_FEATURES  VIRTIO_I2C_F_ZERO_LENGTH_REQUEST, ",
  "A7 --> M4  device 0  SET_DRIVER_FEATURES  VIRTIO_I2C_F_ZERO_LENGTH_REQUEST, ",
  "A7 <-- M4  device 0  SET_DEVICE_STATUS    ACKNOWLEDGE | DRIVER | FEATURES_OK\n",
  "A7 --> M4  device 0  SET_VQUEUE           queue 0: ",
  "DRIVER_OK",
  "4. ST's five lines",
  "Done: 0x66 was read, 0x25 written and read back",
]

describe.concurrent("demo", () => {
  it("prints what the README shows of it", async () => {
    const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8")
    const shown = /^The demo shows .*\n\n(?:<!--.*-->\n+)?```\n([^`]+)```/m.exec(readme)?.[1]
    expect(shown).toContain("packet")
    expect(await stdoutOf("--port sim demo")).toContain(shown)
  })

  it("shows the whole flow, without escape codes in a pipe, also in CI", async () => {
    const { code, stdout, stderr } = await virtioMsg("--port sim demo", { CI: "1" })
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).not.toContain(ESCAPE)
    let at = 0
    for (const step of STEPS) {
      const found = stdout.indexOf(step, at)
      expect(found, `"${step}" is missing, or comes too early`).toBeGreaterThanOrEqual(at)
      at = found + step.length
    }
    expect(stdout).toMatch(
      /SET_VQUEUE +queue 0: \d+ descriptors, table at 1:0x[0-9a-f]{4}, available ring at 1:0x[0-9a-f]{4}, used ring at 2:0x[0-9a-f]{4}, enable/,
    )
    for (const line of FIVE_LINES) expect(stdout).toMatch(line)
  })

  it("takes colours when asked, and leaves them when told", async () => {
    expect((await virtioMsg("demo --port sim", { FORCE_COLOR: "1" })).stdout).toContain(`${ESCAPE}1m`)
    expect((await virtioMsg("demo --port sim", { FORCE_COLOR: "1", NO_COLOR: "1" })).stdout).not.toContain(
      ESCAPE,
    )
  })
})

describe.concurrent("info", () => {
  it("describes the bus and its devices", async () => {
    const hex4 = "0x[0-9a-f]{4}"
    expect(await stdoutOf("--port sim info")).toMatch(
      new RegExp(
        [
          "^Board      DeviceScript Simulator \\(WASM\\)",
          "Firmware   \\d+\\.\\d+\\.\\d+, simulated chips",
          "Port       sim, from --port",
          "Bus        virtio-msg revision 1, messages up to \\d+ bytes, (baseline|strict) configuration profile",
          "Window     \\d+ bytes driver-written \\(area 1\\), \\d+ device-written \\(area 2\\)",
          `Epoch      ${hex4}`,
          "",
          "Device 0   virtio-i2c \\(34\\)",
          "  Vendor   0x[0-9a-f]{8}",
          "(  UUID     [0-9a-f-]+\n)?  Status   ACKNOWLEDGE \\| DRIVER \\| DRIVER_OK \\| FEATURES_OK",
          "  Config   0 bytes",
          "  Feature  VIRTIO_I2C_F_ZERO_LENGTH_REQUEST \\(0\\), selected",
          "(  Feature  VIRTIO_\\w+ \\(\\d+\\), (selected|offered)\n)+" +
            `  Queue 0  \\d+ of at most \\d+ descriptors, table 1:${hex4}, available ring 1:${hex4}, used ring 2:${hex4}`,
          "",
          "Device 1   virtio-gpio \\(41\\)",
        ].join("\n"),
      ),
    )
  })

  it("prints the same as JSON", async () => {
    const report: unknown = JSON.parse(await stdoutOf("info --json --port sim"))
    const count = expect.any(Number)
    const place = (area: number) => expect.stringMatching(new RegExp(`^${area}:0x[0-9a-f]{4}$`))
    expect(report).toEqual({
      port: "sim",
      portFrom: "--port",
      board: "DeviceScript Simulator (WASM)",
      firmwareVersion: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      simulatedChips: true,
      bus: {
        revision: 1,
        maxMessageSize: count,
        transportFeatures: count,
        configProfile: expect.stringMatching(/^(baseline|strict)$/),
        driverAreaSize: count,
        deviceAreaSize: count,
        epoch: count,
      },
      devices: [
        {
          number: 0,
          deviceId: 34,
          type: "virtio-i2c",
          vendorId: count,
          uuid: null,
          configSize: 0,
          status: "ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK",
          features: expect.arrayContaining([
            { bit: 0, name: "VIRTIO_I2C_F_ZERO_LENGTH_REQUEST", selected: true },
            { bit: 32, name: "VIRTIO_F_VERSION_1", selected: true },
          ]),
          queues: [
            {
              index: 0,
              maxSize: count,
              size: count,
              enabled: true,
              descriptorTable: place(1),
              availableRing: place(1),
              usedRing: place(2),
            },
          ],
        },
        ...[
          { deviceId: 41, type: "virtio-gpio", configSize: 8, feature: "VIRTIO_GPIO_F_IRQ", queues: 2 },
          { deviceId: 4, type: "virtio-rng", configSize: 0, feature: "VIRTIO_F_VERSION_1", queues: 1 },
          {
            deviceId: 3,
            type: "virtio-console",
            configSize: 12,
            feature: "VIRTIO_CONSOLE_F_SIZE",
            queues: 2,
          },
        ].map(({ feature, queues, ...device }, at) =>
          expect.objectContaining({
            ...device,
            number: at + 1,
            status: "ACKNOWLEDGE | DRIVER | DRIVER_OK | FEATURES_OK",
            features: expect.arrayContaining([expect.objectContaining({ name: feature, selected: true })]),
            queues: Array.from({ length: queues }, () => expect.objectContaining({ enabled: true })),
          }),
        ),
      ],
    })
  })
})
