// Published sensor packages, unmodified, on the simulated board: npm's overrides put our package in the place of
// i2c-bus, and nothing else is done to them.

import { execFile } from "node:child_process"
import { cp, readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type BoardServer, serveBoard } from "../../host/src/node/board-server.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { blocksOf, ROOT } from "../docs/page-blocks.js"
import { compileFirmware } from "../support/compile-firmware.js"
import { INSTALL_LIMIT_MS, InstalledProject } from "../support/installed-project.js"

const FIXTURE = path.join(import.meta.dirname, "project")

let project: InstalledProject
let machine: VirtualMachine
let board: BoardServer

/** Runs a program of the fixture on the simulated board; what it printed. */
async function outputOf(program: string): Promise<unknown> {
  const { stdout, stderr } = await project.run(process.execPath, [program], { VIRTIO_MSG_PORT: board.port })
  expect(stderr).toBe("")
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") // some packages talk before
}

beforeAll(async () => {
  project = await InstalledProject.create()
  const { tarball } = await project.pack(".")
  const dropIn = await project.pack("host/i2c-bus")
  await cp(FIXTURE, project.folder, { recursive: true })
  const manifest = JSON.parse(await readFile(path.join(FIXTURE, "package.json"), "utf8"))
  const ours = { "virtio-msg": `file:${tarball}`, "i2c-bus": `file:${dropIn.tarball}` }
  await project.install({ ...manifest, dependencies: { ...manifest.dependencies, ...ours } })
  machine = new VirtualMachine({ program: compileFirmware("main-sensors") })
  await machine.start()
  board = await serveBoard(machine, `unix:${path.join(project.folder, "board.sock")}`)
}, INSTALL_LIMIT_MS)

afterAll(async () => {
  await board?.close()
  machine?.stop()
  await project?.remove()
})

describe("an unmodified package of the registry", () => {
  it("bme280 reads the BME280, continuously and when asked", async () => {
    const [first, forced] = (await outputOf("bme280.cjs")) as Record<string, number>[]
    for (const reading of [first, forced]) {
      expect(reading?.temperature).toBeGreaterThanOrEqual(20.9)
      expect(reading?.temperature).toBeLessThanOrEqual(24.1)
      expect(reading?.pressure).toBeGreaterThan(1007)
      expect(reading?.pressure).toBeLessThan(1019)
    }
    expect(first?.humidity).toBeGreaterThan(39)
    expect(first?.humidity).toBeLessThan(51)
    expect(forced).not.toHaveProperty("humidity") // not measured, as it was told
  })

  it("aht20-sensor reads the AHT20, and its process ends though it never closes the bus", async () => {
    const { temperature, humidity } = (await outputOf("aht20.cjs")) as Record<string, number>
    expect(temperature).toBeGreaterThan(19.9)
    expect(temperature).toBeLessThan(26.1)
    expect(humidity).toBeGreaterThan(34.9)
    expect(humidity).toBeLessThan(55.1)
  })

  it("ads1115 reads the ADS1115's inputs in volts", async () => {
    const [ain1, ain2, difference] = (await outputOf("ads1115.cjs")) as number[]
    expect(ain1).toBeCloseTo(1.65, 3)
    expect(ain2).toBeCloseTo(0.5, 4)
    expect(difference).toBeCloseTo(0.5, 4)
  })

  it("i2c-bus-promise, which wraps every callback method, reads the LM75 and writes the EEPROM", async () => {
    const told = (await outputOf("callbacks.cjs")) as { temperature: number }
    expect(told).toEqual({
      found: [0x20, 0x21, 0x23, 0x38, 0x3c, 0x40, 0x41, 0x48, 0x49, 0x50, 0x54, 0x56, 0x68, 0x76],
      temperature: expect.any(Number),
      kept: "lent",
      absent: ["ENXIO", 6, "readByte"],
      smbusReadBlock: false,
      isPlain: true,
    })
    expect(told.temperature).toBeGreaterThanOrEqual(22)
    expect(told.temperature).toBeLessThanOrEqual(28)
  })

  it("bme280-sensor reads its calibration with Sync methods", async () => {
    const reading = (await outputOf("bme280-sensor.cjs")) as Record<string, number>
    expect(reading.temperature_C).toBeGreaterThanOrEqual(20.9)
    expect(reading.temperature_C).toBeLessThanOrEqual(24.1)
    expect(reading.pressure_hPa).toBeGreaterThan(1007)
    expect(reading.pressure_hPa).toBeLessThan(1019)
  })

  it("node-mcp23017 and pcf8574 write in their constructors, and share the bus with the program", async () => {
    // pin 0 of the MCP23017 is the one output; pin 2 of the PCF8574 is low
    expect(await outputOf("expanders.cjs")).toEqual({ direction: 0xfe, pins: 0xfb })
  })

  it("oled-i2c-bus sends a picture of 1 KiB at once", async () => {
    expect(await outputOf("display.cjs")).toEqual([0, 0x81, 0x42, 0, 0x18])
  })

  it("mpu6050-gyro reads the acceleration a byte at a time", async () => {
    expect(await outputOf("motion.cjs")).toEqual({ x: 0x4000, y: -0x4000, z: 0x2000 })
  })

  it("bh1750-sensor opens and closes the bus for each reading", async () => {
    const lux = (await outputOf("light.cjs")) as number[]
    expect(lux.map(Math.round)).toEqual([333, 333]) // 0x0190 / 1.2
  })

  it("pca9685 writes with callbacks on a bus from openSync, and Sync reads see it", async () => {
    // a quarter of 4096 steps; the prescaler of 50 Hz
    expect(await outputOf("pwm.cjs")).toEqual([0, 1023, 121])
  })

  it("ina219-async reads 12.8 V in registers of two bytes", async () => {
    expect(await outputOf("current.cjs")).toBeCloseTo(12.8, 6)
  })
})

describe("docs/i2c-bus.md", () => {
  const blocks = blocksOf("docs/i2c-bus.md")
  const codeOf = (language: string, at = 0) =>
    blocks.filter((block) => block.language === language)[at]?.code ?? ""

  it("packs, and asks for, what there is", async () => {
    const [build = "", pack = ""] = codeOf("sh").split("\n")
    expect(build).toBe("npm ci && npm run build")
    const words = pack.replaceAll("/tmp", project.folder).split(" ")
    const { stdout } = await promisify(execFile)(words[0] as string, words.slice(1), { cwd: ROOT })
    const asked = JSON.parse(codeOf("json"))
    expect(
      stdout
        .trim()
        .split("\n")
        .map((file) => `file:/tmp/${file}`),
    ).toEqual([asked.dependencies["virtio-msg"], asked.dependencies["i2c-bus"]])
    const manifest = JSON.parse(await readFile(path.join(FIXTURE, "package.json"), "utf8"))
    expect(asked.dependencies.bme280).toBe(manifest.dependencies.bme280)
    expect(manifest.overrides).toMatchObject(asked.overrides)
  })

  it("shows a program, and what it prints", async () => {
    const [, environment = "", file = ""] = /^\$ (\w+=\w+) node (\S+)$/m.exec(codeOf("")) ?? []
    await writeFile(path.join(project.folder, file), codeOf("js"))
    const [name = "", port] = environment.split("=")
    const shown = codeOf("").split("\n").slice(1).join("\n")
    // the simulated sensor's values change with time, slowly
    const inWords = (text: string) => text.trim().replaceAll(/\d+\.\d+/g, "NUMBER")
    const values = (text: string) => [...text.matchAll(/\d+\.\d+/g)].map(Number)
    const isNear = (text: string) =>
      values(shown).every((value, at) => Math.abs(value - (values(text)[at] as number)) < 12)
    let printed = ""
    // a simulated board that is held up has not measured when the package, which waits for so long, reads it
    for (let tries = 0; tries < 10 && !isNear(printed); tries++) {
      const { stdout, stderr } = await project.run(process.execPath, [file], { [name]: port })
      expect(stderr).toBe("")
      printed = stdout
      expect(inWords(printed)).toBe(inWords(shown))
    }
    expect({ printed, isNear: isNear(printed) }).toEqual({ printed, isNear: true })
  })
})

describe("the declarations", () => {
  // what --skipLibCheck would leave out is looked at; nodenext is node16 in this compiler
  it.each([
    ["node16", "node16"],
    ["esnext", "bundler"],
  ])("work in TypeScript 5.0: module %s, resolution %s", async (module, resolution) => {
    const compiler = path.join(project.folder, "node_modules/typescript-5.0/bin/tsc")
    const settings = ["--noEmit", "--strict", "--target", "es2022", "--types", "node"]
    const checks = ["--skipLibCheck", "false", "--skipDefaultLibCheck", "true"]
    const modules = ["--module", module, "--moduleResolution", resolution]
    const args = [compiler, ...settings, ...checks, ...modules, "library.mts"]
    const run = project.run(process.execPath, args)
    const { stdout } = await run.catch((error: { stdout: string }) => error)
    expect(stdout).toBe("")
  })
})
