// The virtio-gpio device (virtio 1.4 5.18): requests, and interrupts that are unmasked by buffers.

import { beforeEach, describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { VirtualClock } from "../../../host/src/clock.js"
import * as p from "../../../shared-protocol/src/index.js"
import { GpioTestLines } from "../../support/gpio-test-lines.js"
import { RawDevice } from "../../support/raw-queue.js"

const OUT = 0
const IN = 1
const SENSE = 2
const UNNAMED = 3

let clock: VirtualClock
let lines: GpioTestLines
let gpio: p.GpioDevice
let raw: RawDevice

async function open(features = p.GPIO_FEATURE_IRQ): Promise<void> {
  clock = new VirtualClock(1000)
  lines = new GpioTestLines()
  gpio = new p.GpioDevice(lines, allocateBytes)
  raw = await RawDevice.open(clock, gpio, {
    wanted: [features],
    required: [],
    queueSizes: [p.GPIO_REQUEST_QUEUE_SIZE, p.GPIO_EVENT_QUEUE_SIZE],
  })
}

beforeEach(() => open())

function message(type: number, line: number, value: number): number[] {
  return [type & 0xff, type >> 8, line & 0xff, line >> 8, value & 0xff, (value >> 8) & 0xff, 0, 0]
}

/** Sends a request; the response's status and value. */
async function ask(type: number, line: number, value = 0): Promise<number[] | undefined> {
  raw.offer(0, message(type, line, value), p.GPIO_RESPONSE_SIZE)
  return (await raw.kick(0))[0]?.bytes
}

/** Unmasks a line; the status that came back at once, if one did. */
async function unmask(line: number): Promise<number | undefined> {
  raw.offer(1, [line & 0xff, line >> 8], 1)
  return (await raw.kick(1))[0]?.bytes[0]
}

/** Lets the device look at its lines; the statuses of the interrupts that it told. */
async function sample(): Promise<number[]> {
  gpio.sample()
  await clock.advance(100)
  return raw.takeUsed(1).map(({ bytes }) => bytes[0] as number)
}

const OK = [p.GPIO_STATUS_OK, 0]
const ERROR = [p.GPIO_STATUS_ERROR, 0]

describe("GPIO's requests", () => {
  it("say how many lines there are and what they are called", async () => {
    const config = await clock.run(raw.device.readConfig(0, 8))
    const names = "out\0in\0sense\0\0"
    expect([...config]).toEqual([4, 0, 0, 0, names.length, 0, 0, 0])
    raw.offer(0, message(p.GPIO_GET_LINE_NAMES, 0, 0), 1 + names.length)
    const [used] = await raw.kick(0)
    expect(used?.bytes[0]).toBe(p.GPIO_STATUS_OK)
    expect(String.fromCharCode(...(used?.bytes ?? []).slice(1))).toBe(names)
  })

  it("set the value of an output before it drives, and read it back", async () => {
    expect(await ask(p.GPIO_SET_VALUE, OUT, 1)).toEqual(OK)
    expect(await ask(p.GPIO_GET_DIRECTION, OUT)).toEqual([0, p.GPIO_DIRECTION_NONE])
    expect(await ask(p.GPIO_SET_DIRECTION, OUT, p.GPIO_DIRECTION_OUT)).toEqual(OK)
    expect(await ask(p.GPIO_GET_DIRECTION, OUT)).toEqual([0, p.GPIO_DIRECTION_OUT])
    expect(await ask(p.GPIO_GET_VALUE, OUT)).toEqual([0, 1])
    expect(await ask(p.GPIO_GET_VALUE, IN)).toEqual([0, 1])
    expect(await ask(p.GPIO_SET_DIRECTION, OUT, p.GPIO_DIRECTION_NONE)).toEqual(OK)
    expect(lines.driven[OUT]).toBe(0)
  })

  it("are refused when they make no sense, and the lines stay as they are", async () => {
    const before = JSON.stringify(lines)
    expect(await ask(p.GPIO_SET_VALUE, OUT, 2)).toEqual(ERROR)
    expect(await ask(p.GPIO_SET_VALUE, OUT, 0x101)).toEqual(ERROR)
    expect(await ask(p.GPIO_SET_DIRECTION, OUT, 3)).toEqual(ERROR)
    expect(await ask(p.GPIO_SET_DIRECTION, SENSE, p.GPIO_DIRECTION_OUT)).toEqual(ERROR)
    expect(await ask(p.GPIO_GET_VALUE, 4)).toEqual(ERROR)
    expect(await ask(p.GPIO_GET_VALUE, 0xffff)).toEqual(ERROR)
    expect(await ask(7, OUT)).toEqual(ERROR)
    expect(await ask(0, OUT)).toEqual(ERROR)
    for (const type of [5, 6, 7, 9]) expect(await ask(p.GPIO_SET_IRQ_TYPE, IN, type)).toEqual(ERROR)
    expect(JSON.stringify(lines)).toBe(before)
  })

  it("R1: mean the same however they are cut into descriptors", async () => {
    const request = message(p.GPIO_GET_DIRECTION, OUT, 0)
    lines.directions[OUT] = p.GPIO_DIRECTION_OUT
    raw.offer(0, request.slice(0, 3), request.slice(3, 4), request.slice(4), 1, 1)
    expect((await raw.kick(0)).map(({ bytes }) => bytes)).toEqual([[0, p.GPIO_DIRECTION_OUT]])
    raw.offer(0, message(p.GPIO_GET_LINE_NAMES, 0, 0), 4, 20)
    const [names] = await raw.kick(0)
    expect(String.fromCharCode(...(names?.bytes ?? []).slice(1))).toBe("out\0in\0sense\0\0")
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_LEVEL_LOW)
    raw.offer(1, [IN], [0], 1)
    expect((await raw.kick(1)).map(({ bytes }) => bytes)).toEqual([[p.GPIO_IRQ_STATUS_VALID]])
  })

  it("of another form get an error, and those without room for a status stop the device", async () => {
    raw.offer(0, [1, 0, 0], 2)
    raw.offer(0, message(p.GPIO_GET_VALUE, OUT, 0), 1)
    raw.offer(0, message(p.GPIO_GET_LINE_NAMES, 0, 0), 2)
    expect((await raw.kick(0)).map(({ bytes }) => bytes)).toEqual([ERROR, [1], ERROR])
    raw.offer(0, message(p.GPIO_GET_VALUE, OUT, 0))
    expect(await raw.kick(0)).toEqual([])
    expect(raw.failure).toBe("Device 0 asks to be reset (DEVICE_NEEDS_RESET).")
  })
})

describe("GPIO's interrupts", () => {
  it("come for the edges that were asked for, once for each buffer", async () => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)
    expect(await unmask(IN)).toBeUndefined()
    lines.sensed[IN] = 1
    expect(await sample()).toEqual([p.GPIO_IRQ_STATUS_VALID])
    expect(await unmask(IN)).toBeUndefined()
    lines.sensed[IN] = 0
    expect(await sample()).toEqual([])
    lines.sensed[IN] = 1
    expect(await sample()).toEqual([p.GPIO_IRQ_STATUS_VALID])
    expect(gpio.interruptCount).toBe(2)
  })

  it.each([
    [p.GPIO_IRQ_EDGE_FALLING, [0, 1]],
    [p.GPIO_IRQ_EDGE_BOTH, [1, 1]],
    [p.GPIO_IRQ_EDGE_RISING, [1, 0]],
  ])("of type %i see a pulse as %j", async (type, expected) => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, type)
    const seen: number[] = []
    await unmask(IN)
    for (const level of [1, 0]) {
      lines.sensed[IN] = level
      const told = (await sample()).length
      seen.push(told)
      if (told > 0) await unmask(IN)
    }
    expect(seen).toEqual(expected)
  })

  it("are latched while masked, if they are edges, and told at the next unmasking", async () => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)
    lines.sensed[IN] = 1
    expect(await sample()).toEqual([])
    lines.sensed[IN] = 0
    await sample()
    expect(gpio.mergedCount).toBe(1) // one interrupt stands for both
    expect(await unmask(IN)).toBe(p.GPIO_IRQ_STATUS_VALID)
    expect(await unmask(IN)).toBeUndefined()
  })

  it("are not latched, if they are levels: only the level at the unmasking counts", async () => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_LEVEL_HIGH)
    lines.sensed[IN] = 1
    await sample()
    lines.sensed[IN] = 0
    await sample()
    expect(await unmask(IN)).toBeUndefined()
    lines.sensed[IN] = 1
    expect(await sample()).toEqual([p.GPIO_IRQ_STATUS_VALID])
    expect(await unmask(IN)).toBe(p.GPIO_IRQ_STATUS_VALID) // still high: again, and again
    expect(await unmask(IN)).toBe(p.GPIO_IRQ_STATUS_VALID)
  })

  it("of the low level come while the line is low", async () => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_LEVEL_LOW)
    expect(await unmask(IN)).toBe(p.GPIO_IRQ_STATUS_VALID)
    lines.sensed[IN] = 1
    expect(await unmask(IN)).toBeUndefined()
  })

  it("that are disabled give their buffer back as INVALID, and what was latched is forgotten", async () => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)
    await unmask(IN)
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_NONE)
    expect(raw.takeUsed(1).map(({ bytes }) => bytes)).toEqual([[p.GPIO_IRQ_STATUS_INVALID]])
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)
    lines.sensed[IN] = 1
    await sample()
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_NONE)
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)
    expect(await unmask(IN)).toBeUndefined()
    expect(gpio.isWatching()).toBe(true)
    await ask(p.GPIO_SET_DIRECTION, IN, p.GPIO_DIRECTION_NONE)
    expect(gpio.isWatching()).toBe(false)
    expect(raw.takeUsed(1).map(({ bytes }) => bytes)).toEqual([[p.GPIO_IRQ_STATUS_INVALID]])
  })

  it("that are disabled and enabled in one kick give their buffer back all the same", async () => {
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)
    await unmask(IN)
    raw.offer(0, message(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_NONE), 2)
    raw.offer(0, message(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH), 2)
    expect((await raw.kick(0)).map(({ bytes }) => bytes)).toEqual([OK, OK])
    expect(raw.takeUsed(1).map(({ bytes }) => bytes)).toEqual([[p.GPIO_IRQ_STATUS_INVALID]])
  })

  it("are refused for a line that is not enabled, is unmasked already, or is none", async () => {
    expect(await unmask(IN)).toBe(p.GPIO_IRQ_STATUS_INVALID)
    expect(await unmask(99)).toBe(p.GPIO_IRQ_STATUS_INVALID)
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)
    expect(await unmask(IN)).toBeUndefined()
    expect(await unmask(IN)).toBe(p.GPIO_IRQ_STATUS_INVALID)
    expect(await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)).toEqual(ERROR) // by way of NONE only
    await ask(p.GPIO_SET_DIRECTION, OUT, p.GPIO_DIRECTION_OUT)
    expect(await ask(p.GPIO_SET_IRQ_TYPE, OUT, p.GPIO_IRQ_EDGE_RISING)).toEqual(ERROR)
    expect(await ask(p.GPIO_SET_DIRECTION, IN, p.GPIO_DIRECTION_OUT)).toEqual(ERROR)
  })

  it("of several lines come in any order, each with its own buffer", async () => {
    for (const line of [IN, SENSE, UNNAMED]) {
      await ask(p.GPIO_SET_IRQ_TYPE, line, p.GPIO_IRQ_EDGE_RISING)
      await unmask(line)
    }
    lines.sensed[UNNAMED] = 1
    gpio.sample()
    await clock.advance(100)
    expect(raw.takeUsed(1).map(({ head }) => head)).toEqual([4])
    lines.sensed[IN] = 1
    lines.sensed[SENSE] = 1
    gpio.sample()
    await clock.advance(100)
    expect(raw.takeUsed(1).map(({ head }) => head)).toEqual([0, 2])
  })

  it("see a pulse on a wired line even when both its edges are set in one kick", async () => {
    await ask(p.GPIO_SET_DIRECTION, OUT, p.GPIO_DIRECTION_OUT)
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)
    await unmask(IN)
    raw.offer(0, message(p.GPIO_SET_VALUE, OUT, 1), 2)
    raw.offer(0, message(p.GPIO_SET_VALUE, OUT, 0), 2)
    await raw.kick(0)
    expect(raw.takeUsed(1).map(({ bytes }) => bytes)).toEqual([[p.GPIO_IRQ_STATUS_VALID]])
  })

  it("do not exist for a driver that did not negotiate them", async () => {
    await open(0)
    expect(await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)).toEqual(ERROR)
    expect(gpio.isWatching()).toBe(false)
  })

  it("are forgotten at a reset, with all that was driven", async () => {
    await ask(p.GPIO_SET_VALUE, OUT, 1)
    await ask(p.GPIO_SET_DIRECTION, OUT, p.GPIO_DIRECTION_OUT)
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_LEVEL_HIGH)
    await unmask(SENSE)
    await clock.run(raw.device.reset())
    expect(lines.directions).toEqual([0, 0, 0, 0])
    expect(gpio.isWatching()).toBe(false)
    gpio.sample()
    await clock.advance(100)
    expect(raw.link.endpoint.bus.devices[0]?.status).toBe(0)
  })
})
