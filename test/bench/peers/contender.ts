// What a contender's protocol puts on the wire, and how long links take to carry it.

import type { Workload } from "../workloads.js"

/** Bytes on the wire, all framing included, and how often one side waits for the other. */
export interface WireCost {
  readonly outBytes: number
  readonly inBytes: number
  readonly roundTrips: number
}

export interface Contender {
  readonly name: string
  /** On what it runs; one that is USB by design has no time on a serial line. */
  readonly links: readonly LinkName[]
  /** Whether a host may send the next request before the last one was answered. */
  readonly canPipeline: boolean
  /** Undefined for work that it does not know. */
  cost(workload: Workload): WireCost | undefined
}

export type LinkName = "115200" | "921600" | "usb"
export const LINK_NAMES: readonly LinkName[] = ["115200", "921600", "usb"]

/** 8N1: ten bits a byte. */
const UART_BITS_PER_BYTE = 10
/** USB full speed has one frame a millisecond, and a request or an answer takes the next. */
const USB_FRAME_MS = 1
/** Nineteen bulk packets of 64 bytes fit a frame (USB 2.0 table 5-9). */
const USB_FRAME_BYTES = 19 * 64

/**
 * Milliseconds that `link` takes to carry `cost`, without anybody's processing. A contender that pipelines
 * sends everything at once, and both directions of a serial line work at the same time.
 */
export function linkMs(link: LinkName, cost: WireCost, canPipeline: boolean): number {
  const { outBytes, inBytes, roundTrips } = cost
  if (link === "usb") {
    const waits = canPipeline ? Math.min(1, roundTrips) : roundTrips
    const bytes = Math.max(0, outBytes + inBytes - waits * 2 * USB_FRAME_BYTES)
    return waits * 2 * USB_FRAME_MS + bytes / USB_FRAME_BYTES
  }
  const byteMs = (1000 * UART_BITS_PER_BYTE) / Number(link)
  if (!canPipeline || roundTrips <= 1) return (outBytes + inBytes) * byteMs
  const firstOut = outBytes / roundTrips
  return (firstOut + Math.max(outBytes - firstOut, inBytes)) * byteMs
}

/** The same cost `times` over. */
export function repeated(cost: WireCost, times: number): WireCost {
  return {
    outBytes: cost.outBytes * times,
    inBytes: cost.inBytes * times,
    roundTrips: cost.roundTrips * times,
  }
}

/** The cost of one after the other. */
export function inTurn(...costs: readonly WireCost[]): WireCost {
  return costs.reduce((sum, cost) => ({
    outBytes: sum.outBytes + cost.outBytes,
    inBytes: sum.inBytes + cost.inBytes,
    roundTrips: sum.roundTrips + cost.roundTrips,
  }))
}
