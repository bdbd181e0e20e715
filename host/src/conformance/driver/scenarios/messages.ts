// Scenarios in which messages, events and the bus itself do what a driver does not expect. The driver is run once for
// each (virtio-msg "Respecting Bus Limits", "Common Header", "Error Handling", "Hotplug", "Notifications").

import { DEVICE_REMOVED } from "../../../../../shared-protocol/src/messages/bus.js"
import { TYPE_BUS, TYPE_RESPONSE } from "../../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../../shared-protocol/src/messages/ids.js"
import { changed, padded, rawFrame, words } from "../../frames.js"
import type { Scenario, ScriptedBus } from "../scripted-bus.js"
import { atFirstRequest, isRequest, isTo } from "./replies.js"

/** Frames that are no messages, or that nobody waits for. */
function garbage(bus: ScriptedBus): Uint8Array[] {
  const { devNum } = bus.i2c
  return [
    Uint8Array.of(0, 0x42),
    changed(rawFrame(0, ids.EVENT_USED, devNum, words(0)), 6, 255, 0), // msg_size beyond the frame
    changed(rawFrame(0, ids.EVENT_USED, devNum, words(0)), 6, 4, 0),
    rawFrame(0, ids.EVENT_USED, devNum, words(0x7777)), // no such queue
    rawFrame(0, ids.EVENT_USED, 0x4242, words(0)), // no such device
    rawFrame(0, ids.EVENT_CONFIG, devNum, [1, 2]), // cut short
    rawFrame(0, 0x7f, devNum, words(1, 2, 3)), // no such event
    rawFrame(TYPE_RESPONSE, ids.GET_SHM, devNum, words(0, 0, 0, 0, 0, 0)), // nobody asked
    rawFrame(TYPE_BUS, 0x7f, 0, words(1)),
    rawFrame(0, ids.GET_DEVICE_STATUS, devNum), // a request, from the wrong side
    Uint8Array.of(0, ids.EVENT_USED, devNum, 0, 10, 0, 0, 0, 0, 0), // the 6-byte header of an older draft
  ]
}

export const MESSAGE_SCENARIOS: readonly Scenario[] = [
  { name: "plain", what: "Everything is as it should be." },
  {
    name: "small-messages",
    what: "The bus carries 52 bytes at most; the device has 20 feature blocks and 100 bytes of configuration.",
    parameters: { maxMessageSize: 52 },
    shape(bus) {
      const blocks = new Array<number>(18).fill(0)
      bus.i2c.shape.offered.push(...blocks)
      const config = new Uint8Array(100)
      config.set(bus.console.shape.config)
      bus.console.shape.config = config
    },
  },
  {
    name: "reserved-bits",
    what: "Responses have reserved type bits set, and padding behind them.",
    respond: (reply) => [padded(changed(reply, 0, (reply[0] as number) | 0xfc), 0, 0, 0)],
  },
  {
    name: "garbage",
    what: "Between the answers come frames that make no sense, and events that nobody expects.",
    respond: (reply, _request, bus) => [...garbage(bus), reply],
  },
  {
    name: "silent",
    what: "The first device answers nothing.",
    respond: (reply) => (((reply[0] as number) & TYPE_BUS) !== 0 ? [reply] : []),
  },
  {
    name: "silent-later",
    what: "SET_VQUEUE and everything behind it stays unanswered.",
    respond(reply, request, bus) {
      if (isRequest(request, ids.SET_VQUEUE)) bus.counter++
      return bus.counter > 0 ? [] : [reply]
    },
  },
  {
    name: "removed",
    about: "i2c",
    what: "The device is removed while a request is under way.",
    serve(bus, device) {
      if (device !== bus.i2c) return true
      if (bus.counter++ === 0)
        bus.send(rawFrame(TYPE_BUS, ids.EVENT_DEVICE, 0, [device.devNum, 0, DEVICE_REMOVED, 0]))
      return false
    },
    respond: (reply, request, bus) =>
      bus.counter > 0 && isTo(request, bus.i2c) && reply[0] === TYPE_RESPONSE ? [] : [reply],
  },
  {
    name: "polling",
    what: "The bus has neither EVENT_AVAIL nor EVENT_USED: the greeting says polling=1, and both sides look by themselves.",
    parameters: { isPolling: true },
    pollMs: 5,
  },
  {
    name: "other-parameters",
    what: "At the first request the connection ends; the bus then carries 52 bytes at most, as its greeting says.",
    serve: atFirstRequest((bus) => bus.changeParameters({ maxMessageSize: 52 })),
  },
  {
    name: "strange-tokens",
    what: "Events carry tokens: that of the last request, and others that nobody sent.",
    tokenOfEvent: (bus) => (bus.counter++ % 2 === 0 ? bus.lastToken : 0xbeef),
  },
]
