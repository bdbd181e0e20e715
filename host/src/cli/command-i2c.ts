// `virtio-msg i2c ...`: i2c-tools' commands with their arguments, without the bus number, and their stdout.

import { type Command, Option } from "commander"
import type { I2cAdapter } from "../driver/i2c-adapter.js"
import { VirtioMsgError } from "../errors.js"
import { print, withBus } from "./context.js"
import { adapterLine, detect, formatDetected, type ProbeMode } from "./i2c-detect.js"
import { type DumpMode, formatBytes, formatWords, readRegisters } from "./i2c-dump.js"
import { formatByte, formatWord, parseAddress, parseNumber } from "./i2c-numbers.js"
import { parseSet, set } from "./i2c-set.js"
import { readWord, receiveByte, SMBUS_BLOCK_MAX, sendByte } from "./i2c-smbus.js"
import { parseTransfer } from "./i2c-transfer.js"

export function addI2cCommand(program: Command): void {
  const i2c = program
    .command("i2c")
    .description("Use the microcontroller's I2C bus: i2c-tools' commands without the bus number.")
  addDetect(i2c)
  addGet(i2c)
  addSet(i2c)
  addDump(i2c)
  addTransfer(i2c)
}

/** A subcommand with the options that every i2c-tool has, so that its lines can be typed as they are. */
function addTool(i2c: Command, name: string, description: string, example: string): Command {
  return i2c
    .command(name)
    .description(description)
    .addOption(new Option("-y", "accepted as in i2c-tools; nothing is ever asked").hideHelp())
    .addOption(new Option("-f", "accepted as in i2c-tools; no driver holds a chip").hideHelp())
    .addHelpText("after", `\nExample:\n  $ virtio-msg --port sim i2c ${example}`)
}

function withI2c<T>(command: Command, work: (i2c: I2cAdapter) => Promise<T>): Promise<T> {
  return withBus(command, async (bus) => work(await bus.i2c()))
}

function addDetect(i2c: Command): void {
  addTool(i2c, "detect", "List the chips on the bus (i2cdetect).", "detect")
    .argument("[first]", "first address, 0x08 when absent")
    .argument("[last]", "last address, 0x77 when absent")
    .option("-l", "list the adapters instead")
    .option("-a", "all addresses, 0x00 to 0x7f")
    .option("-q", "probe with zero-length writes only")
    .option("-r", "probe with one-byte reads only")
    .action(async (first, last, options: { l?: true; a?: true; q?: true; r?: true }, command: Command) => {
      if (options.l) {
        await withBus(command, async (bus) => {
          print(adapterLine((await bus.i2c()).device.devNum))
        })
        return
      }
      const isAll = options.a === true
      const from = first === undefined ? (isAll ? 0 : 0x08) : parseAddress(first, isAll)
      const to = last === undefined ? (isAll ? 0x7f : 0x77) : parseAddress(last, isAll)
      if (to < from)
        throw new VirtioMsgError(
          "INVALID_ARGUMENT",
          `The last address ${formatByte(to)} is below the first, ${formatByte(from)}.`,
        )
      const mode: ProbeMode = options.q ? "quick" : options.r ? "read" : "auto"
      const found = await withI2c(command, (adapter) => detect(adapter, from, to, mode))
      for (const line of formatDetected(found, from, to)) print(line)
    })
}

function addGet(i2c: Command): void {
  addTool(i2c, "get", "Read a chip's register (i2cget).", "get 0x54 14")
    .argument("<chip>", "address, 0x08 to 0x77")
    .argument("[register]", "0x00 to 0xff; without it, one byte from where the chip is")
    .argument("[mode]", "b byte, w word, c write byte/read byte, i I2C block", "b")
    .argument("[length]", "bytes of a block, 32 when absent")
    .option("-a", "allow the addresses 0x00 to 0x07 and 0x78 to 0x7f")
    .action(async (chip, registerText, mode, lengthText, options: { a?: true }, command: Command) => {
      const address = parseAddress(chip, options.a)
      const register = registerText === undefined ? -1 : parseNumber(registerText, "Register", 0, 0xff)
      if (!["b", "w", "c", "i"].includes(mode)) throw wrongMode(mode, "b, w, c or i")
      const length =
        lengthText === undefined ? SMBUS_BLOCK_MAX : parseNumber(lengthText, "Length", 1, SMBUS_BLOCK_MAX)
      await withI2c(command, async (adapter) => {
        if (register < 0) print(formatByte(await receiveByte(adapter, address)))
        else if (mode === "w") print(formatWord(await readWord(adapter, address, register)))
        else if (mode === "i")
          print(Array.from(await adapter.readBlock(address, register, length), formatByte).join(" "))
        else if (mode === "c") {
          await sendByte(adapter, address, register)
          print(formatByte(await receiveByte(adapter, address)))
        } else print(formatByte(await adapter.readByte(address, register)))
      })
    })
}

function addSet(i2c: Command): void {
  addTool(i2c, "set", "Write a chip's register (i2cset).", "set 0x54 14 0x25")
    .argument("<chip>", "address, 0x08 to 0x77")
    .argument("<register>", "0x00 to 0xff")
    .argument(
      "[values...]",
      "value, or values of a block, then the mode: c no value, b byte, w word, i I2C block",
    )
    .option("-a", "allow the addresses 0x00 to 0x07 and 0x78 to 0x7f")
    .option("-m <mask>", "write only these bits")
    .option("-r", "read back and compare")
    .action(async (chip, register, values, options: { a?: true; m?: string; r?: true }, command: Command) => {
      const address = parseAddress(chip, options.a)
      const request = parseSet(parseNumber(register, "Register", 0, 0xff), values)
      const mask = options.m === undefined ? undefined : parseNumber(options.m, "Mask", 0, 0xffff)
      const lines = await withI2c(command, (adapter) =>
        set(adapter, address, request, {
          readback: options.r === true,
          ...(mask === undefined ? {} : { mask }),
        }),
      )
      for (const line of lines) print(line)
    })
}

function addDump(i2c: Command): void {
  addTool(i2c, "dump", "Read all registers of a chip (i2cdump).", "dump 0x50")
    .argument("<chip>", "address, 0x08 to 0x77")
    .argument("[mode]", "b bytes, w words, c consecutive bytes, i I2C blocks", "b")
    .option("-a", "allow the addresses 0x00 to 0x07 and 0x78 to 0x7f")
    .option("-r <first-last>", "only these registers")
    .action(async (chip, mode, options: { a?: true; r?: string }, command: Command) => {
      const address = parseAddress(chip, options.a)
      if (!["b", "w", "c", "i"].includes(mode)) throw wrongMode(mode, "b, w, c or i")
      const [first, last] = parseRange(options.r)
      const registers = await withI2c(command, (adapter) =>
        readRegisters(adapter, address, mode as DumpMode, first, last),
      )
      for (const line of (mode === "w" ? formatWords : formatBytes)(registers, first, last)) print(line)
    })
}

function addTransfer(i2c: Command): void {
  addTool(i2c, "transfer", "Send messages in one transfer (i2ctransfer).", "transfer w1@0x50 0x00 r8")
    .argument("<messages...>", "{r|w}LENGTH[@ADDRESS] [DATA...], one after another")
    .option("-a", "allow the addresses 0x00 to 0x07 and 0x78 to 0x7f")
    .action(async (words, options: { a?: true }, command: Command) => {
      const requests = parseTransfer(words, options.a === true)
      await withI2c(command, async (adapter) => {
        const outcomes = await Promise.all(adapter.submit(requests))
        const failed = outcomes.findIndex((outcome) => !outcome.ok)
        if (failed >= 0)
          throw new VirtioMsgError(
            "NACK",
            `Message ${failed + 1} of ${requests.length} failed: no chip acknowledged at ` +
              `${formatByte(requests[failed]?.address ?? 0)} (ENXIO: No such device or address).`,
            { hint: "List the chips on the bus: virtio-msg i2c detect" },
          )
        for (const outcome of outcomes)
          if (outcome.data) print(Array.from(outcome.data, formatByte).join(" "))
      })
    })
}

function parseRange(text: string | undefined): [number, number] {
  if (text === undefined) return [0, 0xff]
  const match = /^([^-]+)-([^-]+)$/.exec(text)
  const first = match && parseNumber(match[1] as string, "Register", 0, 0xff)
  const last = match && parseNumber(match[2] as string, "Register", 0, 0xff)
  if (first === null || last === null || last < first)
    throw new VirtioMsgError("INVALID_ARGUMENT", `"${text}" is no range of registers.`, {
      hint: "For example: -r 0x00-0x1f",
    })
  return [first, last]
}

function wrongMode(mode: string, choice: string): VirtioMsgError {
  const hint = /^s/.test(mode)
    ? "The adapter has no SMBus block read, like Linux's i2c-virtio; an I2C block is mode i."
    : `Use ${choice}.`
  return new VirtioMsgError("INVALID_ARGUMENT", `"${mode}" is no mode of this adapter.`, { hint })
}
