// Wrong GPIO, entropy and console devices, one fault each: exactly the rows concerned fail.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { ChannelPort } from "../../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../../host/src/conformance/check-device.js"
import { TABLE } from "../../../host/src/conformance/table.js"
import * as p from "../../../shared-protocol/src/index.js"
import { ConsoleTestProgram } from "../../support/console-test-program.js"
import { GpioTestLines } from "../../support/gpio-test-lines.js"
import { MemoryLink } from "../../support/memory-link.js"

const rows = TABLE.filter(
  ({ deviceId, device }) => device && deviceId !== undefined && deviceId !== p.VIRTIO_ID_I2C,
)

/** The rows that fail for a device of this type. */
async function failuresOf(type: p.DeviceModel): Promise<string[]> {
  const clock = new VirtualClock(1000)
  const port = await clock.run(ChannelPort.overLink(new MemoryLink(clock, { types: [type] }), { clock }))
  const { results } = await clock.run(checkDevice(port, { rows }), 3_600_000)
  await port.close()
  return results.filter(({ status }) => status === "fail").map(({ row }) => row.id)
}

/** A GPIO device whose responses go through `change`, with the request that they answer. */
function gpioThat(change: (request: number[], response: number[]) => number[] | undefined, names?: string[]) {
  const device = new p.GpioDevice(new GpioTestLines(names), allocateBytes)
  const serve = device.serve.bind(device)
  device.serve = async (queueIndex, ring) => {
    const push = ring.push.bind(ring)
    ring.push = (head, length) => {
      const request = Array.from(
        { length: 8 },
        (_, at) => ring.driverArea[(ring.offsets[0] as number) + at] as number,
      )
      const at = ring.offsets[ring.count - 1] as number
      const response = Array.from({ length }, (_, i) => ring.deviceArea.bytes[at + i] as number)
      const changed = change(request, response) ?? response
      for (const [i, byte] of changed.entries()) ring.deviceArea.put8(at + i, byte)
      push(head, changed.length)
    }
    const problem = await serve(queueIndex, ring)
    ring.push = push
    return problem
  }
  return device
}

const source: p.EntropySource = {
  fill(into, offset, length) {
    for (let at = 0; at < length; at++) into[offset + at] = Math.floor(Math.random() * 256)
  },
}
const newRng = (change: (rng: p.RngDevice) => void) => {
  const rng = new p.RngDevice(source, allocateBytes(0))
  change(rng)
  return rng
}
const newConsole = (cols: number) => new p.ConsoleDevice(new ConsoleTestProgram(), allocateBytes, cols, 24)

describe("a device that", () => {
  it.each<[string, p.DeviceModel, string[]]>([
    ["is a right GPIO chip", gpioThat(() => undefined), []],
    ["is a right source", newRng(() => {}), []],
    ["is a right console", newConsole(80), []],
    [
      "pads its configuration with something",
      Object.assign(
        gpioThat(() => undefined),
        { config: configOf(4, 1, 14) },
      ),
      ["P1"],
    ],
    ["gives two lines one name", gpioThat(() => undefined, ["a", "b", "a"]), ["P2"]],
    [
      "has a direction of its own",
      gpioThat(([type], response) =>
        type === p.GPIO_GET_DIRECTION && response[0] === 0 ? [0, 3] : undefined,
      ),
      ["P3"],
    ],
    [
      "tells a short length",
      gpioThat(([type, , line], response) =>
        type === p.GPIO_GET_DIRECTION && line === 0 ? response.slice(0, 1) : undefined,
      ),
      ["P4"],
    ],
    [
      "knows every line",
      gpioThat(([type, , line]) => (type === p.GPIO_GET_DIRECTION && (line ?? 0) >= 4 ? [0, 0] : undefined)),
      ["P5"],
    ],
    ["takes any message", gpioThat(([type]) => (type === 0xff ? [0, 0] : undefined)), ["P6"]],
    [
      "enables interrupts that were not negotiated",
      gpioThat(([type]) => (type === p.GPIO_SET_IRQ_TYPE ? [0, 0] : undefined)),
      ["P8"],
    ],
    [
      "gives a buffer back empty",
      newRng((rng) => {
        rng.serve = async (_queueIndex, ring) => {
          for (let head = ring.pop(); head >= 0; head = ring.pop()) ring.push(head, 0)
          return ""
        }
      }),
      ["E1", "E3"],
    ],
    ["has a second queue", newRng((rng) => Object.assign(rng, { queueMaxSizes: [8, 8] })), ["E2"]],
    [
      "always throws the same",
      new p.RngDevice({ fill: (into, offset, length) => into.fillAt(offset, length, 4) }, allocateBytes(0)),
      ["E3"],
    ],
    ["has one queue", Object.assign(newConsole(80), { queueMaxSizes: [8] }), ["C1"]],
    ["has no column", newConsole(0), ["C2"]],
  ])("%s", async (_what, type, expected) => {
    expect(await failuresOf(type)).toEqual(expected)
  })
})

function configOf(count: number, padding: number, namesBytes: number): Uint8Array {
  const config = allocateBytes(p.GPIO_CONFIG_SIZE)
  p.putU16(config, 0, count)
  p.putU16(config, 2, padding)
  p.putU32(config, 4, namesBytes)
  return config
}
