// Which part of a trace is asked for: devices, messages, with or without spans and acknowledgements.

import { VirtioMsgError } from "../errors.js"
import { MESSAGE_NAMES } from "../trace/describe-message.js"
import type { PacketContent, TraceEvent } from "../trace/trace-event.js"

export interface TraceFilterOptions {
  readonly device?: readonly string[]
  readonly message?: readonly string[]
  /** commander's name for --no-spans. */
  readonly spans: boolean
}

export type TraceFilter = (event: TraceEvent) => TraceEvent | undefined

/** Makes the filter that leaves of an event what is asked for. Throws INVALID_ARGUMENT. */
export function makeTraceFilter(options: TraceFilterOptions): TraceFilter {
  const devices = options.device?.map(parseDevice)
  const messages = options.message?.map(parseMessage)
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
    if (event.kind === "state") return isFiltered ? undefined : event
    const contents = event.contents.filter(isWanted)
    if (isFiltered && contents.length === 0) return undefined
    return { ...event, contents }
  }
}

function parseDevice(text: string): number | "bus" {
  if (text === "bus") return text
  const number = Number(text)
  if (text.trim() !== "" && Number.isInteger(number) && number >= 0 && number <= 0xffff) return number
  throw new VirtioMsgError("INVALID_ARGUMENT", `"${text}" is no device number.`, {
    hint: 'A device is a number from 0 to 65535, or "bus" for the bus\'s own messages.',
  })
}

function parseMessage(text: string): string {
  const name = text.toUpperCase().replaceAll("-", "_")
  if (MESSAGE_NAMES.includes(name)) return name
  throw new VirtioMsgError("INVALID_ARGUMENT", `"${text}" is no message.`, {
    hint: `Messages are ${MESSAGE_NAMES.join(", ")}.`,
  })
}
