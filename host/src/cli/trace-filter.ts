// Which part of a trace is wanted: devices, messages, a time, with or without spans and acknowledgements.

import { invalidArgument } from "../errors.js"
import { MESSAGE_NAMES } from "../trace/describe-message.js"
import type { PacketContent, TraceEvent } from "../trace/trace-event.js"
import { parseSeconds } from "./seconds.js"

export interface TraceFilterOptions {
  readonly device?: readonly string[]
  readonly message?: readonly string[]
  /** commander's name for --no-spans. */
  readonly spans: boolean
  /** Seconds since the trace's first event. */
  readonly from?: string
  readonly to?: string
}

export type TraceFilter = (event: TraceEvent) => TraceEvent | undefined

/** Makes a filter that keeps of an event what is wanted. Throws INVALID_ARGUMENT. */
export function makeTraceFilter(options: TraceFilterOptions): TraceFilter {
  const devices = options.device?.map(parseDevice)
  const messages = options.message?.map(parseMessage)
  const fromMs = parseTime("from", options.from, 0)
  const toMs = parseTime("to", options.to, Number.POSITIVE_INFINITY)
  if (fromMs > toMs)
    throw invalidArgument(`--from ${options.from} is after --to ${options.to}.`, {
      hint: "Both are seconds, as the trace's first column has them: --from 1.5 --to 2",
    })
  let startMs: number | undefined
  const isFiltered = devices !== undefined || messages !== undefined
  const isWanted = (content: PacketContent): boolean => {
    if (content.kind === "span") {
      if (!options.spans || messages) return false
      return !devices || content.records.some(({ devNum }) => devices.includes(devNum))
    }
    if (content.kind === "request") return !messages && (!devices || devices.includes(content.devNum))
    const { devNum, name } = content.message
    return (!devices || devices.includes(devNum ?? "bus")) && (!messages || messages.includes(name))
  }
  return (event) => {
    startMs ??= event.timeMs
    const atMs = Math.round((event.timeMs - startMs) * 10) / 10 // as it is printed, so that it can be typed
    if (atMs < fromMs || atMs > toMs) return undefined
    if (event.kind === "state") return isFiltered ? undefined : event
    const contents = event.contents.filter(isWanted)
    if (isFiltered && contents.length === 0) return undefined
    return { ...event, contents }
  }
}

/** In milliseconds, in the tenths that are printed. */
function parseTime(name: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent
  const ms = parseSeconds(text)
  if (ms !== undefined) return Math.round(ms * 10) / 10
  throw invalidArgument(`--${name} ${text} is no time.`, {
    hint: `Seconds, as the trace's first column has them: --${name} 1.5`,
  })
}

function parseDevice(text: string): number | "bus" {
  if (text === "bus") return text
  const number = Number(text)
  if (text.trim() !== "" && Number.isInteger(number) && number >= 0 && number <= 0xffff) return number
  throw invalidArgument(`"${text}" is no device number.`, {
    hint: 'A device is a number from 0 to 65535, or "bus" for the bus\'s own messages.',
  })
}

function parseMessage(text: string): string {
  const name = text.toUpperCase().replaceAll("-", "_")
  if (MESSAGE_NAMES.includes(name)) return name
  throw invalidArgument(`"${text}" is no message.`, {
    hint: `Messages are ${MESSAGE_NAMES.join(", ")}.`,
  })
}
