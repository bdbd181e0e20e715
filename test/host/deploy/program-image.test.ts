// Settings in a program, read back by the real DeviceScript compiler's format and by the real VM.

import { describe, expect, it } from "vitest"
import { Bus } from "../../../host/src/bus/bus.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { decodeDeviceConfig, encodeDeviceConfig, fnv1a } from "../../../host/src/deploy/device-config.js"
import {
  IMAGE_ALIGNMENT,
  readSettings,
  whyNoProgram,
  withSettings,
} from "../../../host/src/deploy/program-image.js"
import { JacdacLink } from "../../../host/src/link/jacdac-link.js"
import { OpenedBus } from "../../../host/src/open-bus.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../../host/src/vm/vm-port.js"
import { fc } from "../../support/seeded-fast-check.js"

const name = fc.string({ unit: fc.constantFrom(..."abcxyz.@0"), minLength: 1, maxLength: 15 })
const value = fc.oneof(fc.string({ maxLength: 300 }), fc.integer({ min: -0x80000000, max: 0xffffffff }))
const config = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 60 })

describe("the device configuration", () => {
  it("comes back as it was written", () => {
    fc.assert(
      fc.property(config, (entries) => {
        const settings = new Map(entries)
        expect(decodeDeviceConfig(encodeDeviceConfig(settings))).toEqual(settings)
      }),
    )
  })

  it("is found by the runtime's way of looking: by its hash's jump table, then upwards", () => {
    fc.assert(
      fc.property(config, (entries) => {
        const table = Buffer.from(encodeDeviceConfig(new Map(entries)))
        for (const [key] of entries) expect(lookUp(table, key)).toBe(true)
        expect(lookUp(table, "not.there")).toBe(false)
      }),
    )
  })

  it("is refused when it is damaged, and never throws", () => {
    const table = encodeDeviceConfig(
      new Map<string, number | string>([
        ["a", 1],
        ["b", "text"],
      ]),
    )
    expect(decodeDeviceConfig(table.subarray(0, 100))).toBeUndefined()
    fc.assert(
      fc.property(fc.nat(table.length - 1), fc.nat(255), (at, byte) => {
        const damaged = table.slice()
        damaged[at] = byte
        decodeDeviceConfig(damaged)
      }),
    )
  })

  it("takes no name that is too long and no number that does not fit", () => {
    const encode = (key: string, entry: number | string) => () => encodeDeviceConfig(new Map([[key, entry]]))
    expect(encode("sixteen.letters.", 1)).toThrow("1 to 15 bytes")
    expect(encode("", 1)).toThrow("1 to 15 bytes")
    expect(encode("a", 0.5)).toThrow("no number of 32 bits")
    expect(encode("a", 0x100000000)).toThrow("no number of 32 bits")
    expect(encode("a", "x".repeat(0x4000))).toThrow("longer than")
  })

  it("has the hash by which a board knows whether to restart: only settings without @ count", () => {
    const hash = (...entries: [string, string][]) =>
      Buffer.from(encodeDeviceConfig(new Map(entries)).subarray(16, 24)).toString("hex")
    expect(hash(["i2c.x", "1"], ["@name", "a"])).toBe(hash(["i2c.x", "1"], ["@name", "b"]))
    expect(hash(["i2c.x", "1"])).not.toBe(hash(["i2c.x", "2"]))
    expect(hash(["@name", "a"])).toBe("0100000000000000")
  })
})

describe("a program", () => {
  const image = readFirmware("simulated")

  it("keeps its own settings beside new ones, and its code to the byte", () => {
    const configured = withSettings(image, new Map<string, number | string>([["i2c.pinSDA", 4]]))
    expect(readSettings(configured)).toEqual(new Map([...readSettings(image), ["i2c.pinSDA", 4]]))
    expect(readSettings(image).get("@name")).toMatch(/^@virtio-msg\/firmware/)
    expect(configured.length % IMAGE_ALIGNMENT).toBe(0)
    const codeEnd = Buffer.from(image).readUInt32LE(32 + 8 * 9)
    expect(Buffer.from(configured.subarray(112, codeEnd)).equals(image.subarray(112, codeEnd))).toBe(true)
    expect(readSettings(withSettings(configured, new Map([["i2c.pinSDA", 6]]))).get("i2c.pinSDA")).toBe(6)
  })

  it("gets the very table that the compiler writes for the same settings", () => {
    expect(configOf(withSettings(image, new Map()))).toEqual(configOf(image))
  })

  it("of another kind or version is refused with a reason", () => {
    expect(whyNoProgram(image)).toBe("")
    expect(whyNoProgram(new Uint8Array(500))).toBe("It is no DeviceScript bytecode.")
    expect(whyNoProgram(image.subarray(0, image.length - 600))).toBe("It is cut off.")
    const newer = image.slice()
    newer[10] = 17
    expect(whyNoProgram(newer)).toBe("It is bytecode of version 2.17; boards run 2.16.")
    expect(() => withSettings(new Uint8Array(3), new Map())).toThrow("It is no DeviceScript bytecode.")
  })
})

describe("the firmware in the VM", () => {
  /** The devices on the bus, and the board's name, of our program with these settings. */
  async function start(...settings: [string, number | string][]) {
    const clock = new VirtualClock(1)
    const program = withSettings(readFirmware("simulated"), new Map(settings))
    const link = new JacdacLink(new VmPort(new VirtualMachine({ program, clock })), clock)
    const opened = new OpenedBus(await clock.run(Bus.open(link, { clock })))
    const devices = await clock.run(opened.bus.devices())
    await opened.close()
    return { devices, board: opened.board.board }
  }

  it("reads them: the list of devices, and the runtime's own", async () => {
    const unset = await start()
    expect(unset).toEqual({ devices: expect.arrayContaining([0]), board: "DeviceScript Simulator (WASM)" })
    expect((await start(["virtio.devices", "none"])).devices).toEqual([])
    expect((await start(["virtio.devices", "i2c"])).devices).toEqual([0])
    expect((await start(["devName", "My board"], ["i2c.kHz", 400])).board).toBe("My board")
  })
})

/** The section of a program that holds its device configuration. */
function configOf(image: Uint8Array): Buffer {
  const bytes = Buffer.from(image)
  const [offset, length] = [bytes.readUInt32LE(104), bytes.readUInt32LE(108)]
  return bytes.subarray(offset, offset + length)
}

/** What the runtime does to find a setting. */
function lookUp(table: Buffer, key: string): boolean {
  const hash = fnv1a(Buffer.from(key))
  const short = (hash ^ (hash >>> 16)) & 0xffff
  const count = table.readUInt16LE(12)
  let index = table.readUInt16LE(24 + 2 * (short >> 11))
  for (; index < count; index++) {
    const at = 88 + 24 * index
    if (table.readUInt16LE(at + 16) > short) return false
    const end = table.indexOf(0, at)
    if (table.readUInt16LE(at + 16) === short && table.toString("latin1", at, end) === key) return true
  }
  return false
}
