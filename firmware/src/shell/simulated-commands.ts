// Commands for what exists only in simulation and can be changed by a person: chips, lines and a clock.

import type { Allocator } from "../../../shared-protocol/src/bytes.js"
import type { DeviceModel } from "../../../shared-protocol/src/device/device-model.js"
import { RtcDevice } from "../../../shared-protocol/src/device/rtc.js"
import type { SimulatedBus } from "../chips/simulated-bus.js"
import type { SimulatedLines } from "../gpio/simulated-lines.js"
import type { OtherDeviceType } from "./device-set.js"
import type { CommandOutput, CommandSet } from "./shell.js"
import { helpLine, hex2, parseNumber } from "./words.js"

const DAY_MS = 86400000
/** The last whole day that 64 bits of nanoseconds hold. */
const LAST_DAY = 213502
const PRESS_MS = 200
const MAX_PATTERN_BITS = 32
const MIN_STEP_MS = 10

const UTC_HELP = "utc DAYS MS  set the clock of plug rtc"
const HELP = [
  "chip remove|add ADDRESS  take a simulated I2C chip off the bus, or put it back",
  "press [MS]  press the button, for 200 ms",
  "pattern LINE BITS MS  have an input show 0 and 1, each so long",
  UTC_HELP,
]

export class SimulatedCommands implements CommandSet {
  readonly help = HELP
  /** The clock that was plugged in last. */
  private rtc: RtcDevice | undefined
  private readonly bus: SimulatedBus
  private readonly lines: SimulatedLines
  private readonly now: () => number
  private readonly alloc: Allocator

  constructor(bus: SimulatedBus, lines: SimulatedLines, now: () => number, alloc: Allocator) {
    this.bus = bus
    this.lines = lines
    this.now = now
    this.alloc = alloc
  }

  /** A device that only simulated boards have. */
  makeDevice(kind: OtherDeviceType): DeviceModel | undefined {
    if (kind === "rtc") {
      this.rtc = new RtcDevice(this.now, this.alloc(0), this.alloc)
      return this.rtc
    }
    return noDevice(kind)
  }

  async run(out: CommandOutput, words: readonly string[]): Promise<boolean> {
    switch (words[0]) {
      case "chip":
        await changeChip(this.bus, out, words)
        return true
      case "press":
        await press(this.lines, out, words)
        return true
      case "pattern":
        await setPattern(this.lines, out, words)
        return true
      case "utc":
        await setUtc(this.rtc, out, words)
        return true
      default:
        return false
    }
  }
}

/** For a name that is no type. If `makeDevice` forgets a type, this is a type error there. */
function noDevice(_kind: never): undefined {
  return undefined
}

async function changeChip(bus: SimulatedBus, out: CommandOutput, words: readonly string[]): Promise<void> {
  const address = parseNumber(words[2])
  const isAdd = words[1] === "add"
  if ((!isAdd && words[1] !== "remove") || address < 0 || address > 127)
    await out.print("chip add ADDRESS, or chip remove ADDRESS, as 0x48")
  else if (isAdd && bus.chipName(address) !== "") await out.print("a chip is there already; try chips")
  else if (!(isAdd ? bus.plug(address) : bus.unplug(address)))
    await out.print(
      isAdd
        ? "no chip was removed there, and add only puts back; one of your own: sim --chip FILE@ADDRESS"
        : "no chip there; try chips",
    )
  else await out.print(`chip ${hex2(address)} ${isAdd ? "added" : "removed"}`)
}

async function press(lines: SimulatedLines, out: CommandOutput, words: readonly string[]): Promise<void> {
  const forMs = words.length > 1 ? parseNumber(words[1]) : PRESS_MS
  if (forMs < 0) await out.print("press for how long? milliseconds")
  else lines.press(forMs)
}

async function setPattern(
  lines: SimulatedLines,
  out: CommandOutput,
  words: readonly string[],
): Promise<void> {
  const named = lines.names.indexOf(words[1])
  const line = named >= 0 ? named : parseNumber(words[1])
  const bits = words[2] === undefined ? "" : words[2]
  const stepMs = parseNumber(words[3])
  let isBinary = bits !== "" && bits.length <= MAX_PATTERN_BITS
  for (let i = 0; i < bits.length; i++) if (bits[i] !== "0" && bits[i] !== "1") isBinary = false
  if (line < 0 || line >= lines.names.length) await out.print("no such line; try pins")
  else if (!isBinary || stepMs < MIN_STEP_MS)
    await out.print("pattern LINE BITS MS: up to 32 of 0 and 1, and 10 ms or more")
  else lines.setPattern(line, bits, stepMs)
}

/** DAYS since the beginning of 1970, and MS of the day: as one number it would be too long for `parseNumber`. */
async function setUtc(
  rtc: RtcDevice | undefined,
  out: CommandOutput,
  words: readonly string[],
): Promise<void> {
  const days = parseNumber(words[1])
  const ms = parseNumber(words[2])
  if (rtc === undefined || days < 0 || days > LAST_DAY || ms < 0 || ms >= DAY_MS)
    await out.print(helpLine(UTC_HELP))
  else {
    rtc.setUtc(days * DAY_MS + ms)
    await out.print("clock set")
  }
}
