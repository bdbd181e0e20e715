// Scenarios in which a device's configuration changes, or is not written as asked
// (virtio-msg "Config Profiles", "GET_CONFIG", "SET_CONFIG", "EVENT_CONFIG").

import { getU32 } from "../../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../../shared-protocol/src/messages/ids.js"
import { words } from "../../frames.js"
import type { Scenario } from "../scripted-bus.js"
import { instead, isRequest, isTo, withPayload } from "./replies.js"

/** SET_CONFIG is answered with this length, and data. */
const answeredWith = (...end: number[]) =>
  instead(ids.SET_CONFIG, (reply) => withPayload(reply, [...reply.subarray(8, 16), ...end]))

export const CONFIGURATION_SCENARIOS: readonly Scenario[] = [
  {
    name: "strict",
    about: "console",
    what: "The strict profile: SET_CONFIG needs the current generation, which changes before the first write.",
    parameters: { transportFeatures: 1 },
    respond(reply, request, bus) {
      const isWrite = isRequest(request, ids.SET_CONFIG)
      if (!isWrite || bus.counter++ > 0) return [reply]
      // as if the configuration had changed since it was read
      bus.console.generation++
      const { generation } = bus.console
      return [withPayload(reply, words(generation, getU32(request, HEADER_SIZE + 4), 0))]
    },
  },
  {
    name: "changing-config",
    about: "console",
    what: "The configuration changes twice while it is read, in messages of 52 bytes.",
    parameters: { maxMessageSize: 52 },
    shape(bus) {
      const config = new Uint8Array(100)
      config.set(bus.console.shape.config)
      bus.console.shape.config = config
    },
    afterResponse(bus, request) {
      if (!isRequest(request, ids.GET_CONFIG) || bus.counter++ >= 2) return
      bus.console.generation--
      bus.console.shape.config.fill(bus.counter, 12)
    },
  },
  {
    name: "config-refused",
    about: "console",
    what: "SET_CONFIG is answered with length 0.",
    respond: (reply, request) => [answeredWith(0, 0, 0, 0)(reply, request)],
  },
  {
    name: "config-partial",
    about: "console",
    what: "SET_CONFIG is answered with a length that is neither all nor nothing.",
    respond: (reply, request) => [answeredWith(1, 0, 0, 0, 0x41)(reply, request)],
  },
  {
    name: "config-event",
    about: "console",
    what: "The console's size changes: EVENT_CONFIG names the range without its data.",
    afterResponse(bus, request) {
      if (!isTo(request, bus.console) || !isRequest(request, ids.GET_CONFIG) || bus.counter++ > 0) return
      bus.console.shape.config[0] = 132
      bus.console.generation++
      bus.notifyConfig(bus.console, 0, 4)
    },
  },
]
