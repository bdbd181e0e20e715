// The drop-in against npm's i2c-bus 5.2.3: the same names, the same types, the same arguments refused.

import * as dropIn from "@virtio-msg/i2c-bus"
import type * as originalTypes from "i2c-bus"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadOriginal } from "./original.js"

const original = loadOriginal()
const nothing = () => {}

function methodsOf(instance: object): string[] {
  return Object.getOwnPropertyNames(Object.getPrototypeOf(instance)).filter((name) => name !== "constructor")
}

let bus: dropIn.I2CBus

beforeAll(async () => {
  process.env.VIRTIO_MSG_PORT = "sim"
  await new Promise<void>((resolve, reject) => {
    bus = dropIn.open(1, (error) => (error ? reject(error) : resolve()))
  })
})

afterAll(() => new Promise<void>((resolve) => bus.close(() => resolve())))

describe("the drop-in has", () => {
  it("every function and method of i2c-bus, and no other", () => {
    const theirs = original.open(1, nothing)
    expect(methodsOf(bus).sort()).toEqual(methodsOf(theirs).sort())
    expect(methodsOf(bus.promisifiedBus()).sort()).toEqual(methodsOf(theirs.promisifiedBus()).sort())
    expect(Object.keys(dropIn).sort()).toEqual([...Object.keys(original), "default"].sort())
    expect(dropIn.default).toEqual({ ...dropIn, default: undefined })
  })

  it("the types of @types/i2c-bus", () => {
    // writeQuick is described there with a command that i2c-bus does not have, and writeI2cBlockSync as a number, where
    // i2c-bus returns the bus
    type Theirs = Omit<
      originalTypes.I2CBus,
      "writeQuick" | "writeQuickSync" | "writeI2cBlockSync" | "promisifiedBus"
    >
    type TheirsPromised = Omit<originalTypes.PromisifiedBus, "writeQuick" | "bus">
    const asTheirs: Theirs = bus
    const asTheirsPromised: TheirsPromised = bus.promisifiedBus()
    expect([asTheirs, asTheirsPromised]).toEqual([bus, bus.promisifiedBus()])
  })

  it("one PromisifiedBus for a Bus, and the way back", () => {
    expect(bus.promisifiedBus()).toBe(bus.promisifiedBus())
    expect(bus.promisifiedBus().bus()).toBe(bus)
  })
})

const b = Buffer.alloc(4)
// each call of i2c-bus with something wrong in it
const wrong: [method: string, ...args: unknown[]][] = [
  ["i2cFuncs"],
  ["scan"],
  ["scan", "3", nothing],
  ["scan", 128, nothing],
  ["scan", 3, 0x80, nothing],
  ["deviceId", -1, nothing],
  ["i2cRead", 0x48, 5, b, nothing],
  ["i2cRead", 0x48, -1, b, nothing],
  ["i2cRead", 0x48, 2, [1, 2], nothing],
  ["i2cWrite", 0x148, 2, b, nothing],
  ["i2cWrite", 0x48, 2.5, b, nothing],
  ["i2cWrite", 0x48, 2, b],
  ["readByte", 0x48, 0],
  ["readByte", 0x80, 0, nothing],
  ["readByte", 0x48, 256, nothing],
  ["readByte", "72", 0, nothing],
  ["readWord", 0x48, -1, nothing],
  ["readI2cBlock", 0x48, 0, 33, Buffer.alloc(64), nothing],
  ["readI2cBlock", 0x48, 0, 5, b, nothing],
  ["receiveByte", undefined, nothing],
  ["sendByte", 0x48, 256, nothing],
  ["writeByte", 0x48, 0, -1, nothing],
  ["writeByte", 0x48, 0, 1, "callback"],
  ["writeWord", 0x48, 0, 0x10000, nothing],
  ["writeQuick", 0x48, 2, nothing],
  ["writeI2cBlock", 0x48, 0, 33, Buffer.alloc(64), nothing],
  ["writeI2cBlock", 0x48, 300, 1, b, nothing],
]

describe("arguments", () => {
  it.each(wrong)("that i2c-bus refuses are refused at once: %s %j %j %j", (method, ...args) => {
    const call = (target: object) => Reflect.get(target, method).apply(target, args)
    expect(() => call(original.open(1, nothing))).toThrow(Error)
    expect(() => call(bus)).toThrow(/^(An? |The )[\w ]+ (is|has) /)
  })

  it("reject a promise where there is one", async () => {
    const promised = bus.promisifiedBus()
    await expect(promised.readByte(0x80, 0)).rejects.toThrow(
      "An I2C address is an integer from 0 to 127, not 128",
    )
    await expect(promised.i2cWrite(0x48, 5, b)).rejects.toThrow("The buffer has 4 bytes, fewer than 5")
    await expect(dropIn.openPromisified(-1)).rejects.toThrow("not -1")
  })

  it("of open are checked before anything is opened", () => {
    for (const open of [dropIn.open, original.open] as ((...args: unknown[]) => unknown)[]) {
      expect(() => open(1)).toThrow(/callback/)
      expect(() => open("1", nothing)).toThrow(/bus/)
      expect(() => open(0.5, {}, nothing)).toThrow(/bus/)
    }
    expect(() => dropIn.openSync(-1)).toThrow("The number of an I2C bus is an integer from 0 on, not -1")
  })
})

describe("the Sync methods", () => {
  it("refuse the arguments that the others refuse, in the same words, before anything is sent", () => {
    for (const [method, ...args] of wrong) {
      const withoutCallback = args.filter((arg) => arg !== nothing && arg !== "callback")
      const call = (name: string, more: unknown[]) => () =>
        Reflect.get(bus, name).apply(bus, [...withoutCallback, ...more])
      let words = ""
      try {
        call(method, [nothing])()
      } catch (error) {
        words = (error as Error).message
      }
      if (words && !words.includes("callback")) expect(call(`${method}Sync`, [])).toThrow(words)
    }
  })
})
