// What this computer's processor spends: the codec, and a request through the whole host side over a link in
// memory. Times, so they are told and never tested.

import { Bus } from "../../host/src/bus/bus.js"
import { allocateBytes } from "../../host/src/bytes.js"
import { systemClock } from "../../host/src/clock.js"
import { OpenedBus } from "../../host/src/open-bus.js"
import {
  decodeEventAvail,
  EVENT_AVAIL_SIZE,
  encodeEventAvail,
} from "../../shared-protocol/src/messages/events.js"
import { decodeHeader } from "../../shared-protocol/src/messages/header.js"
import {
  decodeSetVqueueRequest,
  encodeSetVqueueRequest,
  SET_VQUEUE_REQUEST_SIZE,
} from "../../shared-protocol/src/messages/vqueue.js"
import { MemoryLink } from "../support/memory-link.js"

const CODEC_TIMES = 2_000_000
const REQUESTS = 40_000
const WARM_REQUESTS = 10_000

export interface HostCost {
  readonly title: string
  readonly value: number
  readonly unit: string
}

export async function measureHost(): Promise<HostCost[]> {
  return [
    codec("decode a header", (bytes) => decodeHeader(bytes)),
    codec("encode and decode EVENT_AVAIL", (bytes) => {
      encodeEventAvail(bytes, 0, { vqIndex: 0, nextOffset: 0 })
      decodeEventAvail(bytes)
    }),
    codec("encode and decode SET_VQUEUE", (bytes) => {
      encodeSetVqueueRequest(bytes, 0, SETTING)
      decodeSetVqueueRequest(bytes)
    }),
    await requests(1),
    await requests(8),
    await requests(32),
  ]
}

const ADDRESS = { low: 64, high: 0x10000 }
const SETTING = {
  index: 0,
  flags: 0,
  size: 256,
  reserved: 0,
  desc: ADDRESS,
  driver: ADDRESS,
  device: ADDRESS,
}

function codec(title: string, work: (bytes: Uint8Array) => void): HostCost {
  const bytes = allocateBytes(Math.max(EVENT_AVAIL_SIZE, SET_VQUEUE_REQUEST_SIZE))
  encodeEventAvail(bytes, 0, { vqIndex: 0, nextOffset: 0 })
  for (let at = 0; at < CODEC_TIMES / 10; at++) work(bytes)
  const startMs = performance.now()
  for (let at = 0; at < CODEC_TIMES; at++) work(bytes)
  const ms = performance.now() - startMs
  return { title, value: CODEC_TIMES / ms / 1000, unit: "million/s" }
}

/** CPU time of register reads through driver, bus, mailbox, and the device code natively, in one process. */
async function requests(inFlight: number): Promise<HostCost> {
  const link = new MemoryLink({ ...systemClock, schedule: scheduleSoon })
  const bus = new OpenedBus(await Bus.open(link))
  const i2c = await bus.i2c()
  const run = async (count: number) => {
    for (let done = 0; done < count; done += inFlight)
      await Promise.all(Array.from({ length: inFlight }, (_, at) => i2c.readBlock(0x54, (done + at) % 19, 2)))
  }
  await run(WARM_REQUESTS)
  const before = process.cpuUsage()
  await run(REQUESTS)
  const { user, system } = process.cpuUsage(before)
  await bus.close()
  return {
    title: `a register read, driver and device together, ${inFlight} in flight`,
    value: (user + system) / REQUESTS,
    unit: "us of CPU",
  }
}

/** The link's millisecond would be time for nothing: what it has to deliver comes in the next turn. */
function scheduleSoon(delayMs: number, callback: () => void): { cancel(): void } {
  if (delayMs > 1) return systemClock.schedule(delayMs, callback)
  const handle = setImmediate(callback)
  return { cancel: () => clearImmediate(handle) }
}
