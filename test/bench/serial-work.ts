// What a register read over a serial port asks of Node besides computing, counted rather than timed.

import { createHook } from "node:async_hooks"
import { FarEnd, makeOurs } from "./serial-cpu.js"

export interface SerialWork {
  timers: number
  promises: number
  /** Reads and writes of a file: each is a system call, in a thread of its own. */
  fileRequests: number
  /** Views of bytes (`subarray`). To make one of HostBytes takes longer than to copy what a packet has. */
  views: number
  /** How long it took: some timers come by time, not by reads. */
  tookMs: number
}

/** How async_hooks names what is counted. */
const KINDS: Readonly<Record<string, "timers" | "promises" | "fileRequests">> = {
  Timeout: "timers",
  PROMISE: "promises",
  FSREQCALLBACK: "fileRequests",
}

/** Of `times` register reads one after another, with what the serial stack asks for them. */
export async function countSerialWork(times: number): Promise<SerialWork> {
  const end = await FarEnd.start("virtio-msg")
  try {
    const { once, close } = await makeOurs(end.path)
    try {
      await once(0) // which initialises the device
      return await count(once, times)
    } finally {
      await close()
    }
  } finally {
    end.stop()
  }
}

async function count(once: (at: number) => Promise<unknown>, times: number): Promise<SerialWork> {
  const work: SerialWork = { timers: 0, promises: 0, fileRequests: 0, views: 0, tookMs: 0 }
  const hook = createHook({
    init(_id, type) {
      const kind = KINDS[type]
      if (kind) work[kind]++
    },
  })
  const typedArrays = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array
  const { subarray } = typedArrays
  typedArrays.subarray = function (...range) {
    work.views++
    return subarray.apply(this, range)
  }
  const startMs = performance.now()
  hook.enable()
  try {
    for (let at = 0; at < times; at++) await once(at)
  } finally {
    hook.disable()
    typedArrays.subarray = subarray
  }
  work.tookMs = performance.now() - startMs
  return work
}
