// The shell's commands that every build has.

import type { ByteBuf } from "../../../shared-protocol/src/bytes.js"
import type { DeviceEndpoint } from "../../../shared-protocol/src/device/device-endpoint.js"
import { GPIO_DIRECTION_IN, GPIO_DIRECTION_OUT } from "../../../shared-protocol/src/device/gpio.js"
import type { GpioLines } from "../../../shared-protocol/src/device/gpio-lines.js"
import { I2C_DONE, type I2cController } from "../../../shared-protocol/src/device/i2c-controller.js"
import type { DeviceSet } from "./device-set.js"
import type { Command, Shell } from "./shell.js"
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
}

const FIRST_ADDRESS = 0x08
const LAST_ADDRESS = 0x77
/** Probes between two pauses: the runtime counts operations. */
const PAUSE_AFTER = 16
const FLOOD_LINE = "0123456789abcdefghijklmnopqrstuvwxyz"

/** The commands, in the order of their help. */
export function commonCommands(world: ShellWorld): Command[] {
  return [
    { name: "help", usage: "help                      this list", run: async (shell) => await shell.help() },
    {
      name: "devices",
      usage: "devices                   the virtio devices, by number",
      run: async (shell) => await showDevices(world, shell),
    },
    {
      name: "plug",
      usage: "plug NAME                 add a device: i2c, gpio, rng",
      run: async (shell, words) => await plug(world, shell, words),
    },
    {
      name: "unplug",
      usage: "unplug NUMBER             remove a device",
      run: async (shell, words) => await unplug(world, shell, words),
    },
    {
      name: "fail",
      usage: "fail NUMBER               have a device ask for its reset",
      run: async (shell, words) => await failDevice(world, shell, words),
    },
    {
      name: "chips",
      usage: "chips                     who answers on the I2C bus",
      run: async (shell) => await showChips(world, shell),
    },
    {
      name: "pins",
      usage: "pins                      the GPIO lines",
      run: async (shell) => await showPins(world, shell),
    },
    {
      name: "stats",
      usage: "stats                     what has happened so far",
      run: async (shell) => await showStats(world, shell),
    },
    {
      name: "size",
      usage: "size COLS ROWS            give the console another size",
      run: async (shell, words) => await resize(world, shell, words),
    },
    {
      name: "flood",
      usage: "flood LINES               print numbered lines",
      run: async (shell, words) => await flood(shell, words),
    },
  ]
}

async function showDevices(world: ShellWorld, shell: Shell): Promise<void> {
  const devices = world.endpoint().devices
  for (let i = 0; i < devices.length; i++) {
    const device = devices[i]
    const state = device.isLive() ? "in use" : "idle"
    await shell.print(
      `${pad(`${device.devNum}`, 3)} ${pad(world.devices.nameOf(device.type.deviceId), 8)} ${state}`,
    )
  }
}

async function plug(world: ShellWorld, shell: Shell, words: readonly string[]): Promise<void> {
  const type = words.length === 2 ? world.devices.make(words[1]) : undefined
  if (type === undefined) {
    await shell.print("plug what? i2c, gpio or rng, if this firmware has it")
    return
  }
  const devNum = world.endpoint().plug(type)
  shell.log(`device ${devNum} (${words[1]}) plugged in`)
}

async function unplug(world: ShellWorld, shell: Shell, words: readonly string[]): Promise<void> {
  const devNum = parseNumber(words[1])
  if (devNum === world.devices.consoleNumber) {
    await shell.print("that is the console that you are reading")
    return
  }
  if (!world.endpoint().unplug(devNum)) await shell.print("no such device; try devices")
  else shell.log(`device ${devNum} unplugged`)
}

async function failDevice(world: ShellWorld, shell: Shell, words: readonly string[]): Promise<void> {
  if (!world.endpoint().needsReset(parseNumber(words[1])))
    await shell.print("no such device in use; try devices")
}

async function showChips(world: ShellWorld, shell: Shell): Promise<void> {
  for (let address = FIRST_ADDRESS; address <= LAST_ADDRESS; address++) {
    const result = await world.controller.transfer(address, world.noBytes, 0, 0, 0)
    if (result === I2C_DONE) await shell.print(`${hex2(address)} ${world.chipName(address)}`)
    if (address % PAUSE_AFTER === 0) await world.pause()
  }
}

async function showPins(world: ShellWorld, shell: Shell): Promise<void> {
  const lines = world.lines
  if (lines === undefined) {
    await shell.print("no GPIO lines; a board needs the setting virtio.gpio")
    return
  }
  for (let i = 0; i < lines.names.length; i++) {
    const direction = lines.direction(i)
    const word = direction === GPIO_DIRECTION_OUT ? "output" : direction === GPIO_DIRECTION_IN ? "input" : "-"
    const name = lines.names[i] === "" ? "-" : lines.names[i]
    await shell.print(`${pad(`${i}`, 3)} ${pad(name, 12)} ${pad(word, 7)} ${lines.read(i)}`)
  }
}

async function showStats(world: ShellWorld, shell: Shell): Promise<void> {
  const endpoint = world.endpoint()
  const mailbox = endpoint.mailbox
  await shell.print(world.title)
  await shell.print(`epoch      ${mailbox.epoch}`)
  await shell.print(
    `packets    ${mailbox.resentCount} sent again, ${mailbox.gapCount} missed, ${mailbox.duplicateCount} doubled`,
  )
  await shell.print(
    `messages   ${endpoint.discardedCount} discarded, ${mailbox.malformedCount} packets malformed`,
  )
  const gpio = world.devices.gpio
  if (gpio !== undefined)
    await shell.print(`gpio       ${gpio.interruptCount} interrupts, ${gpio.mergedCount} edges merged`)
  const rng = world.devices.rng
  if (rng !== undefined) await shell.print(`rng        ${rng.byteCount} bytes given away`)
}

async function resize(world: ShellWorld, shell: Shell, words: readonly string[]): Promise<void> {
  const cols = parseNumber(words[1])
  const rows = parseNumber(words[2])
  if (cols < 1 || rows < 1 || cols > 0xffff || rows > 0xffff) {
    await shell.print("size of what? COLS and ROWS, 1 to 65535")
    return
  }
  if (world.devices.console !== undefined) world.devices.console.resize(cols, rows)
}

async function flood(shell: Shell, words: readonly string[]): Promise<void> {
  const count = parseNumber(words[1])
  for (let line = 0; line < count && !shell.isAborted(); line++)
    await shell.print(`${pad(`${line}`, 7)}${FLOOD_LINE}`)
}
