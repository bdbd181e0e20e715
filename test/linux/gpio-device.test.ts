// The virtio-gpio device that a guest sees, before a board's own: what it forwards, what it refuses, interrupts,
// and what a board that was away gets back (virtio 1.4 5.18).

import { describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { VirtioGpioDevice } from "../../host/src/node/vhost-user/gpio-device.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import * as p from "../../shared-protocol/src/index.js"
import { GpioTestLines } from "../support/gpio-test-lines.js"
import { MemoryLink } from "../support/memory-link.js"
import { GivenChains } from "./given-chains.js"

const REQUESTS = p.GPIO_REQUEST_QUEUE
const EVENTS = p.GPIO_EVENT_QUEUE
const { GPIO_DIRECTION_IN, GPIO_DIRECTION_NONE, GPIO_DIRECTION_OUT } = p
const [OUT, IN, SENSE] = [0, 1, 2] as const
const VALID = [p.GPIO_IRQ_STATUS_VALID]
const INVALID = [p.GPIO_IRQ_STATUS_INVALID]

async function setUp() {
  const clock = new VirtualClock(1000)
  const lines = new GpioTestLines()
  const board = new p.GpioDevice(lines, allocateBytes)
  const link = new MemoryLink(clock, { types: [board] })
  const opened = new OpenedBus(await clock.run(Bus.open(link, { clock })))
  const chip = await clock.run(opened.gpio())
  const device = await clock.run(VirtioGpioDevice.of(chip))
  const chains = new GivenChains()
  let asked = 0
  /** A request; the guest's answer. */
  const ask = async (type: number, line: number, value = 0): Promise<number[] | undefined> => {
    device.handle(REQUESTS, [chains.make([type, 0, line, 0, value, 0, 0, 0], 2)])
    await clock.advance(20)
    return chains.answerTo(asked++)
  }
  /** Unmasks a line; the number of the chain. */
  const unmask = async (line: number): Promise<number> => {
    device.handle(EVENTS, [chains.make([line & 0xff, line >> 8], 1)])
    await clock.advance(20)
    return asked++
  }
  const sense = async (line: number, level: number) => {
    lines.sensed[line] = level
    board.sample()
    await clock.advance(20)
  }
  const raw = async (queue: number, readable: readonly number[], room: number) => {
    device.handle(queue, [chains.make(readable, room)])
    await clock.advance(20)
    return chains.answerTo(asked++)
  }
  return { clock, lines, board, link, opened, chip, device, chains, ask, unmask, sense, raw }
}

describe("what the guest's driver reads first", () => {
  it("is the board's configuration space, two queues, and that there are interrupts", async () => {
    const { device } = await setUp()
    expect(device.features).toBe(BigInt(p.GPIO_FEATURE_IRQ))
    expect(device.queueCount).toBe(2)
    expect([...device.config]).toEqual([4, 0, 0, 0, 14, 0, 0, 0]) // "out", "in", "sense", ""
  })

  it("is the board's names, if there is room for them", async () => {
    const { raw } = await setUp()
    const names = await raw(REQUESTS, [p.GPIO_GET_LINE_NAMES, 0, 0, 0, 0, 0, 0, 0], 15)
    expect(String.fromCharCode(...(names ?? []))).toBe("\0out\0in\0sense\0\0")
    expect(await raw(REQUESTS, [p.GPIO_GET_LINE_NAMES, 0, 0, 0, 0, 0, 0, 0], 14)).toEqual([1, 0])
  })
})

describe("a request", () => {
  it("is the board's to answer, also when it refuses", async () => {
    const { ask, lines } = await setUp()
    expect(await ask(p.GPIO_SET_VALUE, OUT, 1)).toEqual([0, 0])
    expect(await ask(p.GPIO_SET_DIRECTION, OUT, GPIO_DIRECTION_OUT)).toEqual([0, 0])
    expect(await ask(p.GPIO_GET_VALUE, IN)).toEqual([0, 1])
    expect(await ask(p.GPIO_GET_DIRECTION, OUT)).toEqual([0, GPIO_DIRECTION_OUT])
    expect(await ask(p.GPIO_SET_DIRECTION, SENSE, GPIO_DIRECTION_OUT)).toEqual([1, 0])
    expect(await ask(p.GPIO_GET_VALUE, 4)).toEqual([1, 0])
    expect(await ask(77, OUT)).toEqual([1, 0])
    expect(lines.directions[OUT]).toBe(GPIO_DIRECTION_OUT)
  })

  it("of a hostile guest is refused here: too short, too long, without room for its answer", async () => {
    const { raw, link } = await setUp()
    const before = link.endpoint.bus.devices[0]?.queues.rings[REQUESTS]?.pending()
    expect(await raw(REQUESTS, [], 2)).toEqual([1, 0])
    expect(await raw(REQUESTS, [4, 0, 0, 0, 0, 0, 0], 2)).toEqual([1, 0])
    expect(await raw(REQUESTS, [4, 0, 0, 0, 0, 0, 0, 0, 0], 2)).toEqual([1, 0])
    expect(await raw(REQUESTS, [4, 0, 0, 0, 0, 0, 0, 0], 1)).toEqual([1])
    expect(await raw(REQUESTS, [4, 0, 0, 0, 0, 0, 0, 0], 0)).toEqual([])
    expect(link.endpoint.bus.devices[0]?.queues.rings[REQUESTS]?.pending()).toBe(before)
  })

  it("fails when the board does not answer, and nothing is left over", async () => {
    const { clock, ask, opened, device, chains } = await setUp()
    await clock.run(opened.close())
    expect(await ask(p.GPIO_GET_VALUE, IN)).toEqual([1, 0])
    device.reset()
    expect(chains.completions).toHaveLength(1)
  })
})

describe("an interrupt", () => {
  it("comes once for each unmasking, with the edges between them latched into one", async () => {
    const { ask, unmask, sense, chains } = await setUp()
    await ask(p.GPIO_SET_DIRECTION, IN, GPIO_DIRECTION_IN)
    expect(await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_BOTH)).toEqual([0, 0])
    const first = await unmask(IN)
    expect(chains.answerTo(first)).toBeUndefined()
    await sense(IN, 1)
    expect(chains.answerTo(first)).toEqual(VALID)
    await sense(IN, 0)
    await sense(IN, 1)
    const second = await unmask(IN)
    expect(chains.answerTo(second)).toEqual(VALID)
    expect(chains.answerTo(await unmask(IN))).toBeUndefined()
  })

  it("of a level comes as long as the level is there when it is unmasked", async () => {
    const { ask, unmask, sense, chains } = await setUp()
    expect(await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_LEVEL_HIGH)).toEqual([0, 0])
    const low = await unmask(IN)
    expect(chains.answerTo(low)).toBeUndefined()
    await sense(IN, 1)
    expect(chains.answerTo(low)).toEqual(VALID)
    expect(chains.answerTo(await unmask(IN))).toEqual(VALID)
    await sense(IN, 0)
    expect(chains.answerTo(await unmask(IN))).toBeUndefined()
  })

  it("that is disabled gives its chain back", async () => {
    const { ask, unmask, chains } = await setUp()
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)
    const waiting = await unmask(IN)
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_NONE)
    expect(chains.answerTo(waiting)).toEqual(INVALID)
  })

  it("of a hostile guest is given back: no line, no interrupt, a chain of another form", async () => {
    const { unmask, raw, chains } = await setUp()
    expect(chains.answerTo(await unmask(9))).toEqual(INVALID)
    expect(chains.answerTo(await unmask(IN))).toEqual(INVALID)
    expect(await raw(EVENTS, [1], 1)).toEqual(INVALID)
    expect(await raw(EVENTS, [1, 0, 0], 1)).toEqual(INVALID)
    expect(await raw(EVENTS, [1, 0], 0)).toEqual([])
  })

  it("that is unmasked twice gives the first chain back, and comes by the second", async () => {
    const { ask, unmask, sense, chains } = await setUp()
    await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)
    const first = await unmask(IN)
    const second = await unmask(IN)
    expect(chains.answerTo(first)).toEqual(INVALID)
    expect(chains.answerTo(second)).toBeUndefined()
    await sense(IN, 1)
    expect(chains.answerTo(second)).toEqual(VALID)
  })
})

describe("a board that was away", () => {
  it("gets back values, directions and interrupts in that order, and a waiting chain its interrupt", async () => {
    const { clock, ask, unmask, sense, lines, link, opened, device, chains } = await setUp()
    await ask(p.GPIO_SET_VALUE, OUT, 1)
    await ask(p.GPIO_SET_DIRECTION, OUT, GPIO_DIRECTION_OUT)
    await ask(p.GPIO_SET_IRQ_TYPE, SENSE, p.GPIO_IRQ_EDGE_RISING)
    const waiting = await unmask(SENSE)
    const back = new Promise<void>((resolve) => opened.bus.onUp.on(resolve))
    link.restart()
    await clock.run(ask(p.GPIO_GET_VALUE, IN)) // whoever asks hears of the restart
    await clock.run(back)
    expect(lines.directions[OUT]).toBe(GPIO_DIRECTION_NONE)
    await clock.run(device.restore())
    await clock.advance(20)
    expect([lines.directions[OUT], lines.driven[OUT]]).toEqual([GPIO_DIRECTION_OUT, 1])
    expect(chains.answerTo(waiting)).toBeUndefined()
    await sense(SENSE, 1)
    expect(chains.answerTo(waiting)).toEqual(VALID)
  })

  it("gets back nothing of a line that was given back", async () => {
    const { clock, ask, lines, device } = await setUp()
    await ask(p.GPIO_SET_VALUE, OUT, 1)
    await ask(p.GPIO_SET_DIRECTION, OUT, GPIO_DIRECTION_OUT)
    await ask(p.GPIO_SET_DIRECTION, OUT, GPIO_DIRECTION_NONE)
    await clock.run(device.restore())
    expect([lines.directions[OUT], lines.driven[OUT]]).toEqual([GPIO_DIRECTION_NONE, 0])
  })
})

it("a reset of the guest's device gives all lines back, and completes nothing of before", async () => {
  const { clock, ask, unmask, sense, lines, device, chains } = await setUp()
  await ask(p.GPIO_SET_DIRECTION, OUT, GPIO_DIRECTION_OUT)
  await ask(p.GPIO_SET_IRQ_TYPE, IN, p.GPIO_IRQ_EDGE_RISING)
  const waiting = await unmask(IN)
  device.reset()
  await clock.advance(200)
  expect(lines.directions[OUT]).toBe(GPIO_DIRECTION_NONE)
  await sense(IN, 1)
  expect(chains.answerTo(waiting)).toBeUndefined()
})
