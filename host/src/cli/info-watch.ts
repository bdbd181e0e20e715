// `virtio-msg info --watch`: which devices come and go, a line each, or a JSON object.

import { DEVICE_ADDED, DEVICE_REMOVED } from "../../../shared-protocol/src/messages/bus.js"
import { deviceTypeName } from "../driver/names.js"
import type { VirtioMsgError } from "../errors.js"
import type { OpenedBus } from "../open-bus.js"
import { colours, print } from "./context.js"

/**
 * Listens from now on, so that nothing is missed while others look; the function that it returns prints what has
 * come and what comes. That settles when the bus is closed for good.
 */
export function watchDevices(bus: OpenedBus, isJson: boolean): () => Promise<void> {
  const types = new Map<number, string>()
  const waiting: (() => void)[] = []
  let isPrinting = false
  const say = (line: () => void) => {
    if (isPrinting) line()
    else waiting.push(line)
  }
  const report = (event: string, number: number, type: string) =>
    say(() => {
      if (isJson) print(JSON.stringify({ event, number, type }))
      else
        print(
          `${event === "added" ? colours.green("+") : colours.red("-")} device ${number} ${event}: ${type}`,
        )
    })
  const look = async (): Promise<void> => {
    for (const { devNum, info } of await bus.devices()) types.set(devNum, deviceTypeName(info?.deviceId ?? 0))
  }
  let lastLook: Promise<unknown> = Promise.resolve()
  bus.onDevice(({ deviceNumber, busState }) => {
    lastLook = lastLook.then(async () => {
      if (busState === DEVICE_ADDED) await look().catch(() => {}) // it may be gone again
      if (busState === DEVICE_ADDED || busState === DEVICE_REMOVED)
        report(
          busState === DEVICE_ADDED ? "added" : "removed",
          deviceNumber,
          types.get(deviceNumber) ?? "unknown",
        )
    })
  })
  const ended = new Promise<void>((_, reject) => {
    bus.bus.onLost.on((error: VirtioMsgError) => {
      if (error.code === "LINK_CLOSED") reject(error)
      else
        say(() => {
          if (isJson) print(JSON.stringify({ event: "restarted" }))
          else print(`! ${error.message} Its devices are found anew.`)
        })
    })
  })
  ended.catch(() => {})
  return async () => {
    await look().catch((error: VirtioMsgError) => {
      if (error.code === "LINK_CLOSED") throw error // from anything else the bus recovers, which is told below
    })
    isPrinting = true
    for (const line of waiting.splice(0)) line()
    await ended
  }
}
