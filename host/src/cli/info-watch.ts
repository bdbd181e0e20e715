// `virtio-msg info --watch`: which devices come and go, a line each, or a JSON object.

import { DEVICE_ADDED, DEVICE_REMOVED, type DeviceEvent } from "../../../shared-protocol/src/messages/bus.js"
import { deviceTypeName } from "../driver/names.js"
import type { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../open-bus.js"
import { colours, note, printLive } from "./context.js"

/** The most changes that wait to be printed. */
const MOST_EVENTS = 1000

/**
 * Listens from now on, so that nothing is missed while others read. The returned function prints what has come and
 * what comes. It settles when the bus is closed for good.
 */
export function watchDevices(opened: OpenedBus, isJson: boolean): () => Promise<void> {
  const types = new Map<number, string>()
  const waiting: (() => void)[] = []
  let isPrinting = false
  const say = (line: () => void) => {
    if (isPrinting) line()
    else if (waiting.length < MOST_EVENTS) waiting.push(line)
  }
  const report = (event: string, number: number, type: string) =>
    say(() => {
      if (isJson) printLive(JSON.stringify({ event, number, type }))
      else
        printLive(
          `${event === "added" ? colours.green("+") : colours.red("-")} device ${number} ${event}: ${type}`,
        )
    })
  const look = async (): Promise<void> => {
    for (const { devNum, info } of await opened.devices())
      types.set(devNum, deviceTypeName(info?.deviceId ?? 0))
  }
  let events: DeviceEvent[] = []
  let missed = 0
  let isLooking = false
  /** Everything that has come meanwhile is asked about together, so a bus that never stops is asked once at a time. */
  const work = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    while (events.length > 0) {
      const batch = events
      events = []
      // the device may have gone again
      if (batch.some(({ busState }) => busState === DEVICE_ADDED)) await look().catch(() => {})
      for (const { deviceNumber, busState } of batch)
        if (busState === DEVICE_ADDED || busState === DEVICE_REMOVED)
          report(
            busState === DEVICE_ADDED ? "added" : "removed",
            deviceNumber,
            types.get(deviceNumber) ?? "unknown",
          )
      if (missed > 0) note(`${missed} more changes came too fast to be told.`)
      missed = 0
    }
    isLooking = false
  }
  opened.onDevice((event) => {
    if (events.length < MOST_EVENTS) events.push(event)
    else missed++
    void work()
  })
  const ended = new Promise<void>((_, reject) => {
    opened.bus.onLost.on((error: VirtioMsgError) => {
      if (error.code === "LINK_CLOSED") reject(error)
      else
        say(() => {
          if (isJson) printLive(JSON.stringify({ event: "restarted" }))
          else printLive(`! ${error.message} Its devices are found anew.`)
        })
    })
  })
  ended.catch(() => {})
  return async () => {
    await look().catch((error: VirtioMsgError) => {
      if (error.code === "LINK_CLOSED") throw error // the bus recovers from any other error, which is printed below
    })
    isPrinting = true
    for (const line of waiting.splice(0)) line()
    await ended
  }
}
