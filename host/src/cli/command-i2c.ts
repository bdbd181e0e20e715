// `virtio-msg i2c ...`: i2c-tools' commands with their arguments, without the bus number, and their stdout.

import { type Command, Option } from "commander"
import { type I2cAdapter, LOOK_AT_THE_WIRES } from "../driver/i2c-adapter.js"
import { SMBUS_BLOCK_MAX, SmbusChip } from "../driver/smbus.js"
import { invalidArgument, VirtioMsgError } from "../errors.js"
import { helpExamples, note, print, printBytes, printJson, withBus } from "./context.js"
import {
  adapterLine,
  adapterName,
  detect,
  FUNCTIONALITY,
  formatDetected,
  functionalityLines,
  type ProbeMode,
} from "./i2c-detect.js"
import { type Bank, type DumpLetter, formatBytes, formatWords, readRegisters, withBank } from "./i2c-dump.js"
import { noBlockRead, parseMode } from "./i2c-mode.js"
import { formatByte, formatWord, parseAddress, parseNumber } from "./i2c-numbers.js"
import { parseSet, readbackLine, set } from "./i2c-set.js"
import { formatTransfer, parseTransfer, readBytes, transferJson } from "./i2c-transfer.js"
import { sayWhile } from "./progress.js"

const CHIP_HELP = "address, 0x08 to 0x77"
const ALL_HELP = "allow the addresses 0x00 to 0x07 and 0x78 to 0x7f"
const PEC_HELP = "with p behind it, packet error checking"

export function define(command: Command): void {
  command.addHelpText(
    "after",
    helpExamples("virtio-msg --port sim i2c detect", "virtio-msg --port sim i2c get 0x54 14"),
  )
  addDetect(command)
  addGet(command)
  addSet(command)
  addDump(command)
  addTransfer(command)
}

/** A subcommand with the options that every i2c-tool has, so that its lines can be typed as they are. */
function addTool(i2c: Command, name: string, description: string, ...examples: string[]): Command {
  return i2c
    .command(name)
    .description(description)
    .addOption(new Option("-y", "accepted as in i2c-tools; nothing is ever asked").hideHelp())
    .addOption(new Option("-f", "accepted as in i2c-tools; no driver holds a chip").hideHelp())
    .option("--json", "as JSON, numbers in decimal")
    .addHelpText("after", helpExamples(...examples.map((example) => `virtio-msg --port sim i2c ${example}`)))
}

function withI2c<T>(command: Command, work: (i2c: I2cAdapter) => Promise<T>): Promise<T> {
  return withBus(command, async (bus) => sayWhile("Waiting for the I2C bus", work(await bus.i2c())))
}

interface JsonOption {
  readonly json?: true
}

interface ChipOptions extends JsonOption {
  readonly a?: true
}

interface SetOptions extends ChipOptions {
  readonly m?: string
  readonly r?: true
}

interface DumpOptions extends ChipOptions {
  readonly r?: string
}

interface TransferOptions extends ChipOptions {
  readonly v?: true
  readonly b?: true
}

interface DetectOptions extends JsonOption {
  l?: true
  F?: true
  a?: true
  q?: true
  r?: true
}

function addDetect(i2c: Command): void {
  addTool(i2c, "detect", "List the chips on the bus (i2cdetect).", "detect")
    .argument("[first]", "first address, 0x08 when absent")
    .argument("[last]", "last address, 0x77 when absent")
    .option("-l", "list the adapters instead")
    .option("-F", "list what the adapter can do instead")
    .option("-a", "all addresses, 0x00 to 0x7f")
    .addOption(new Option("-q", "probe with zero-length writes only").conflicts("r"))
    .addOption(new Option("-r", "probe with one-byte reads only").conflicts("q"))
    .action(async (first, last, options: DetectOptions, command: Command) => {
      if (options.l || options.F) {
        const devNum = await withI2c(command, async (adapter) => adapter.device.devNum)
        if (options.json)
          printJson(
            options.l ? [{ number: devNum, name: adapterName(devNum) }] : Object.fromEntries(FUNCTIONALITY),
          )
        else for (const line of options.l ? [adapterLine(devNum)] : functionalityLines(devNum)) print(line)
        return
      }
      const [from, to] = parseSpan(first, last, options.a === true)
      const mode: ProbeMode = options.q ? "quick" : options.r ? "read" : "auto"
      const found = await withI2c(command, (adapter) => detect(adapter, from, to, mode))
      if (options.json) printJson({ first: from, last: to, addresses: [...found] })
      else for (const line of formatDetected(found, from, to)) print(line)
      if (found.size === 0 && first === undefined) note(`No chip answered.\nhint: ${LOOK_AT_THE_WIRES}`)
    })
}

function addGet(i2c: Command): void {
  addTool(i2c, "get", "Read a chip's register (i2cget).", "get 0x54 14")
    .argument("<chip>", CHIP_HELP)
    .argument("[register]", "0x00 to 0xff; without it, one byte from where the chip is")
    .argument("[mode]", `b byte, w word, c write byte/read byte, i I2C block; ${PEC_HELP}`, "b")
    .argument("[length]", "bytes of an I2C block, 1 to 32; 32 when absent")
    .option("-a", ALL_HELP)
    .action(async (chip, registerText, modeText, lengthText, options: ChipOptions, command: Command) => {
      const address = parseAddress(chip, options.a)
      const register = registerText === undefined ? undefined : parseNumber(registerText, "Register", 0, 0xff)
      if (/^sp?$/.test(modeText)) throw noBlockRead()
      const { letter, hasPec } = parseMode(modeText, ["b", "w", "c", "i"], ["i"])
      if (lengthText !== undefined && letter !== "i")
        throw invalidArgument(`Only an I2C block has a length, not mode ${letter}.`, {
          hint: `For example: virtio-msg i2c get ${chip} ${registerText} i ${lengthText}`,
        })
      const length =
        lengthText === undefined ? SMBUS_BLOCK_MAX : parseNumber(lengthText, "Length", 1, SMBUS_BLOCK_MAX)
      const values = await withI2c(command, async (adapter) => {
        const smbus = new SmbusChip(adapter, address, hasPec)
        if (register === undefined) return [await smbus.receiveByte()]
        if (letter === "b") return [await smbus.readByte(register)]
        if (letter === "w") return [await smbus.readWord(register)]
        if (letter === "i") return Array.from(await smbus.readI2cBlock(register, length))
        await smbus.sendByte(register)
        return [await smbus.receiveByte()]
      })
      if (options.json)
        printJson({
          address,
          register: register ?? null,
          mode: letter,
          ...(letter === "i" ? { values } : { value: values[0] }),
        })
      else print(values.map(letter === "w" ? formatWord : formatByte).join(" "))
    })
}

function addSet(i2c: Command): void {
  addTool(i2c, "set", "Write a chip's register (i2cset).", "set 0x54 14 0x25")
    .argument("<chip>", CHIP_HELP)
    .argument("<register>", "0x00 to 0xff")
    .argument(
      "[values...]",
      "value, or values of a block, then the mode: c no value, b byte, w word, " +
        `s SMBus block, i I2C block; ${PEC_HELP}`,
    )
    .option("-a", ALL_HELP)
    .option("-m <mask>", "write only these bits, keep the others")
    .option("-r", "read back and compare: a Pico does not tell when a chip refuses the value")
    .action(async (chip, register, values, options: SetOptions, command: Command) => {
      const address = parseAddress(chip, options.a)
      const request = parseSet(register, values, options)
      const readback = await withI2c(command, (adapter) =>
        set(new SmbusChip(adapter, address, request.hasPec), request),
      )
      const { letter: mode, values: written } = request
      if (options.json)
        printJson({
          address,
          register: request.register,
          mode,
          values: readback ? [readback.written] : written,
          ...(readback ? { readback: readback.back ?? null } : {}),
        })
      else if (readback) print(readbackLine(readback, mode))
    })
}

function addDump(i2c: Command): void {
  addTool(i2c, "dump", "Read all registers of a chip (i2cdump).", "dump 0x50")
    .argument("<chip>", CHIP_HELP)
    .argument(
      "[mode]",
      `b bytes, w words, W words of even registers, c consecutive bytes, i I2C blocks; ${PEC_HELP}`,
      "b",
    )
    .argument("[bank]", "bank of registers to switch to meanwhile, 0 to 15")
    .argument("[bankregister]", "register that switches banks, 0x4e when absent")
    .option("-a", ALL_HELP)
    .option("-r <first-last>", "only these registers")
    .action(async (chip, modeText, bankText, bankRegister, options: DumpOptions, command: Command) => {
      const address = parseAddress(chip, options.a)
      if (/^sp?$/.test(modeText)) throw noBlockRead()
      const { letter, hasPec } = parseMode<DumpLetter>(modeText, ["b", "w", "W", "c", "i"], ["i", "W"])
      const [first, last] = parseRange(options.r, letter === "W")
      const bank: Bank | undefined =
        bankText === undefined
          ? undefined
          : {
              bank: parseNumber(bankText, "Bank", 0, 15),
              register: parseNumber(bankRegister ?? "0x4e", "Bank register", 0, 0xff),
            }
      if (bank && letter === "i") throw invalidArgument("Mode i does not go with a bank.")
      const registers = await withI2c(command, (adapter) => {
        const smbus = new SmbusChip(adapter, address, hasPec)
        return withBank(smbus, bank, () => readRegisters(smbus, letter, first, last))
      })
      const lines = letter === "w" ? formatWords : formatBytes
      if (options.json)
        printJson({
          address,
          mode: letter,
          first,
          last,
          values: registers.slice(first, last + 1).map((value) => value ?? null),
        })
      else for (const line of lines(registers, first, last)) print(line)
    })
}

function addTransfer(i2c: Command): void {
  addTool(
    i2c,
    "transfer",
    "Send messages in one transfer (i2ctransfer).",
    "transfer w1@0x50 0x00 r8",
    "transfer w17@0x50 0x42 0xff-",
  )
    .argument(
      "<messages...>",
      "{r|w}LENGTH[@ADDRESS] [DATA...], one after another; a byte of data with a suffix fills the rest: " +
        "= the same, + counting up, - counting down, p pseudo-random",
    )
    .option("-a", ALL_HELP)
    .option("-v", "print the written messages too")
    .addOption(new Option("-b", "the bytes that were read as they are, for a pipe").conflicts(["v", "json"]))
    .action(async (words, options: TransferOptions, command: Command) => {
      const requests = parseTransfer(words, options.a === true)
      const outcomes = await withI2c(command, (adapter) => Promise.all(adapter.submit(requests)))
      const failed = outcomes.findIndex((outcome) => !outcome.ok)
      if (failed >= 0)
        throw new VirtioMsgError(
          "NACK",
          `Message ${failed + 1} of ${requests.length} failed: no chip acknowledged at ` +
            `${formatByte(requests[failed]?.address ?? 0)} (ENXIO: No such device or address).`,
          { hint: "List the chips on the bus: virtio-msg i2c detect" },
        )
      if (options.b) await printBytes(readBytes(requests, outcomes))
      else if (options.json) printJson({ messages: transferJson(requests, outcomes) })
      else for (const line of formatTransfer(requests, outcomes, options.v === true)) print(line)
    })
}

/** i2cdetect's FIRST and LAST: both or none. */
function parseSpan(first: string | undefined, last: string | undefined, isAll: boolean): [number, number] {
  if (first === undefined) return isAll ? [0, 0x7f] : [0x08, 0x77]
  if (last === undefined)
    throw invalidArgument("The last address is missing.", {
      hint: `For example: virtio-msg i2c detect ${first} 0x77`,
    })
  const [from, to] = [parseAddress(first, isAll), parseAddress(last, isAll)]
  if (to < from) throw invalidArgument(`The last address ${last} is below the first, ${first}.`)
  return [from, to]
}

function parseRange(text: string | undefined, isPairs: boolean): [number, number] {
  if (text === undefined) return [0, 0xff]
  const [, firstText, lastText] = /^([^-]+)-([^-]+)$/.exec(text) ?? []
  if (firstText === undefined || lastText === undefined)
    throw invalidArgument(`"${text}" is not a range of registers.`, {
      hint: "For example: -r 0x00-0x1f",
    })
  const first = parseNumber(firstText, "First register", 0, 0xff)
  const last = parseNumber(lastText, "Last register", 0, 0xff)
  if (last < first) throw invalidArgument(`The last register ${lastText} is below the first, ${firstText}.`)
  if (isPairs && (first % 2 !== 0 || last % 2 === 0))
    throw invalidArgument("In mode W the first register is even and the last odd.")
  return [first, last]
}
