// The shell's commands that every build has.

import type { ByteBuf } from "../../../shared-protocol/src/bytes.js"
import type { DeviceEndpoint } from "../../../shared-protocol/src/device/device-endpoint.js"
import type { GpioLines } from "../../../shared-protocol/src/device/gpio-lines.js"
import type { I2cController } from "../../../shared-protocol/src/device/i2c-controller.js"
import { type KnownDeviceId, knownDeviceType } from "../../../shared-protocol/src/device-types/entries.js"
import { GPIO_DIRECTION_IN, GPIO_DIRECTION_OUT } from "../../../shared-protocol/src/device-types/gpio.js"
import { I2C_DONE } from "../../../shared-protocol/src/device-types/i2c.js"
import type { DeviceSet, PluggableType } from "./device-set.js"
import type { CommandOutput, CommandSet } from "./shell.js"
import { hex2, pad, parseNumber } from "./words.js"

/** What the commands look at and change. */
export interface ShellWorld {
  readonly title: string
  readonly endpoint: () => DeviceEndpoint
  readonly devices: DeviceSet
  readonly controller: I2cController
  /** The part at an I2C address where that is known, else "". */
  readonly chipName: (address: number) => string
  readonly lines: GpioLines | undefined
  readonly noBytes: ByteBuf
  readonly pause: () => Promise<void>
  /** Runs a command's words in so many milliseconds, whoever is connected then. */
  readonly runLater: (delayMs: number, words: readonly string[]) => void
}

const FIRST_ADDRESS = 0x08
const LAST_ADDRESS = 0x77
/** Probes between two pauses: the runtime counts operations. */
const PAUSE_AFTER = 16
const FLOOD_LINE = "0123456789abcdefghijklmnopqrstuvwxyz"

const HELP = [
  "help  this list",
  "devices  the virtio devices, by number",
  "plug NAME  add a device: i2c, gpio, rng",
  "unplug NUMBER  remove a device",
  "fail NUMBER  have a device ask for its reset",
  "chips  who answers on the I2C bus",
  "pins  the GPIO lines",
  "stats  what has happened so far",
  "size COLS ROWS  give the console another size",
  "later MS COMMAND...  do it in so many milliseconds",
  "flood LINES  print numbered lines",
]

export class CommonCommands implements CommandSet {
  readonly help = HELP
  private readonly world: ShellWorld

  constructor(world: ShellWorld) {
    this.world = world
  }

  async run(out: CommandOutput, words: readonly string[]): Promise<boolean> {
    const world = this.world
    switch (words[0]) {
      case "devices":
        await showDevices(world, out)
        return true
      case "plug":
        await plug(world, out, words)
        return true
      case "unplug":
        await unplug(world, out, words)
        return true
      case "fail":
        await failDevice(world, out, words)
        return true
      case "chips":
        await showChips(world, out)
        return true
      case "pins":
        await showPins(world, out)
        return true
      case "stats":
        await showStats(world, out)
        return true
      case "size":
        await resize(world, out, words)
        return true
      case "later":
        await later(world, out, words)
        return true
      case "flood":
        await flood(out, words)
        return true
      default:
        return false
    }
  }
}

async function showDevices(world: ShellWorld, out: CommandOutput): Promise<void> {
  const devices = world.endpoint().bus.devices
  for (let i = 0; i < devices.length; i++) {
    const device = devices[i]
    const state = device.isLive() ? "in use" : "idle"
    await out.print(
      `${pad(`${device.devNum}`, 3)} ${pad(knownDeviceType(device.model.deviceId as KnownDeviceId), 8)} ${state}`,
    )
  }
}

async function plug(world: ShellWorld, out: CommandOutput, words: readonly string[]): Promise<void> {
  const type = words.length === 2 ? world.devices.make(words[1] as PluggableType) : undefined
  if (type === undefined) {
    await out.print("plug what? i2c, gpio or rng, if this firmware has it")
    return
  }
  const devNum = world.endpoint().bus.plug(type)
  await out.print(`device ${devNum} (${words[1]}) plugged in`)
}

async function unplug(world: ShellWorld, out: CommandOutput, words: readonly string[]): Promise<void> {
  const devNum = parseNumber(words[1])
  if (devNum === world.devices.consoleNumber) {
    await out.print("that is the console that you are reading")
    return
  }
  if (!world.endpoint().bus.unplug(devNum)) await out.print("no such device; try devices")
  else await out.print(`device ${devNum} unplugged`)
}

async function failDevice(world: ShellWorld, out: CommandOutput, words: readonly string[]): Promise<void> {
  if (!world.endpoint().bus.needsReset(parseNumber(words[1])))
    await out.print("no such device in use; try devices")
}

async function showChips(world: ShellWorld, out: CommandOutput): Promise<void> {
  for (let address = FIRST_ADDRESS; address <= LAST_ADDRESS; address++) {
    const result = await world.controller.transfer(address, world.noBytes, 0, 0, 0)
    if (result === I2C_DONE) await out.print(`${hex2(address)} ${world.chipName(address)}`)
    if (address % PAUSE_AFTER === 0) await world.pause()
  }
}

async function showPins(world: ShellWorld, out: CommandOutput): Promise<void> {
  const lines = world.lines
  if (lines === undefined) {
    await out.print("no GPIO lines; deploy --gpio LED=15 gives a board some")
    return
  }
  for (let i = 0; i < lines.names.length; i++) {
    const direction = lines.direction(i)
    const word = direction === GPIO_DIRECTION_OUT ? "output" : direction === GPIO_DIRECTION_IN ? "input" : "-"
    const name = lines.names[i] === "" ? "-" : lines.names[i]
    await out.print(`${pad(`${i}`, 3)} ${pad(name, 12)} ${pad(word, 7)} ${lines.read(i)}`)
  }
}

async function showStats(world: ShellWorld, out: CommandOutput): Promise<void> {
  const endpoint = world.endpoint()
  const mailbox = endpoint.mailbox
  await out.print(world.title)
  await out.print(`epoch      ${mailbox.epoch}`)
  await out.print(
    `packets    ${mailbox.resentCount} sent again, ${mailbox.gapCount} missed, ${mailbox.duplicateCount} doubled`,
  )
  await out.print(
    `messages   ${endpoint.bus.discardedCount} discarded, malformed packets ${mailbox.malformedCount}`,
  )
  const gpio = world.devices.gpio
  if (gpio !== undefined)
    await out.print(`gpio       interrupts ${gpio.interruptCount}, edges merged ${gpio.mergedCount}`)
  const rng = world.devices.rng
  if (rng !== undefined) await out.print(`rng        bytes given away ${rng.byteCount}`)
}

async function resize(world: ShellWorld, out: CommandOutput, words: readonly string[]): Promise<void> {
  const cols = parseNumber(words[1])
  const rows = parseNumber(words[2])
  if (cols < 1 || rows < 1 || cols > 0xffff || rows > 0xffff) {
    await out.print("size of what? COLS and ROWS, 1 to 65535")
    return
  }
  if (world.devices.console !== undefined) world.devices.console.resize(cols, rows)
}

async function later(world: ShellWorld, out: CommandOutput, words: readonly string[]): Promise<void> {
  const delayMs = parseNumber(words[1])
  if (delayMs < 1 || words.length < 3) await out.print("later MS COMMAND...: what, and when?")
  else world.runLater(delayMs, words.slice(2, words.length))
}

async function flood(out: CommandOutput, words: readonly string[]): Promise<void> {
  const count = parseNumber(words[1])
  if (count < 0) await out.print("flood how many lines?")
  for (let line = 0; line < count && !out.isAborted(); line++)
    await out.print(`${pad(`${line}`, 7)}${FLOOD_LINE}`)
}
