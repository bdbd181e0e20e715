// What a driver under test has to live with, one thing at a time: each scenario is one run of it.

import { getU16, getU32, putU32 } from "../../../../shared-protocol/src/bytes.js"
import { DEVICE_REMOVED } from "../../../../shared-protocol/src/messages/bus.js"
import { HEADER_SIZE, TYPE_BUS, TYPE_RESPONSE } from "../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import {
  STATUS_DEVICE_NEEDS_RESET,
  STATUS_DRIVER_OK,
} from "../../../../shared-protocol/src/messages/status.js"
import { USED_NO_NOTIFY } from "../../../../shared-protocol/src/ring/layout.js"
import type { BusParameters } from "../device-port.js"
import { changed, padded, rawFrame, words } from "../frames.js"
import { i2cRequestOf, runI2c, writableBytes, writeInto } from "./device-types.js"
import type { ScriptedBus } from "./scripted-bus.js"
import type { ScriptedDevice } from "./scripted-device.js"

export interface Scenario {
  readonly name: string
  /** What the driver meets, as a sentence. */
  readonly what: string
  readonly parameters?: Partial<BusParameters>
  /** Whether the console, whose configuration can be read and written, is there; true when absent. */
  readonly hasConsole?: boolean
  /** Changes the devices before the driver starts. */
  readonly shape?: (bus: ScriptedBus) => void
  /** What is sent for a request: the reply, something else, or nothing. */
  readonly respond?: (reply: Uint8Array, request: Uint8Array, bus: ScriptedBus) => readonly Uint8Array[]
  readonly afterResponse?: (bus: ScriptedBus, request: Uint8Array) => void
  readonly onEvent?: (bus: ScriptedBus, event: Uint8Array) => void
  /** Whether a queue is served now; true when absent. */
  readonly serve?: (bus: ScriptedBus, device: ScriptedDevice, queueIndex: number) => boolean
  /** The token of an event; 0 when absent. */
  readonly tokenOfEvent?: (bus: ScriptedBus) => number
  /** The device looks into its queues by itself so often: it asked not to be notified. */
  readonly pollMs?: number
}

const isRequest = (frame: Uint8Array, msgId: number) => frame[0] === 0 && frame[1] === msgId
const isTo = (frame: Uint8Array, device: ScriptedDevice) => getU16(frame, 2) === device.devNum
const statusAsked = (frame: Uint8Array) => getU32(frame, HEADER_SIZE)

/** A copy of a reply with another 32-bit number at `offset` of its payload. */
function withWord(reply: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = Uint8Array.from(reply)
  putU32(copy, HEADER_SIZE + offset, value)
  return copy
}

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

export const SCENARIOS: readonly Scenario[] = [
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
  { name: "lost-completion", what: "The device never completes a request.", serve: () => false },
  {
    name: "slow-reset",
    what: "A reset takes 5 polls.",
    respond(reply, request, bus) {
      const isReset = isRequest(request, ids.SET_DEVICE_STATUS) && statusAsked(request) === 0
      if (isReset) bus.counter = 5
      if (isReset || (isRequest(request, ids.GET_DEVICE_STATUS) && bus.counter-- > 0))
        return [withWord(reply, 0, 0x0f)]
      return [reply]
    },
  },
  {
    name: "endless-reset",
    what: "A reset never ends.",
    respond: (reply, request) =>
      isRequest(request, ids.GET_DEVICE_STATUS) || isRequest(request, ids.SET_DEVICE_STATUS)
        ? [withWord(reply, 0, 0x0f)]
        : [reply],
  },
  {
    name: "refused-features",
    what: "The device refuses whatever is selected: FEATURES_OK does not stay.",
    shape(bus) {
      for (const device of bus.devices) device.shape.required[0] = 0x00800000
    },
  },
  {
    name: "no-driver-ok",
    what: "DRIVER_OK does not stay.",
    respond: (reply, request, bus) =>
      isRequest(request, ids.SET_DEVICE_STATUS) && isTo(request, bus.i2c)
        ? [withWord(reply, 0, getU32(reply, HEADER_SIZE) & ~STATUS_DRIVER_OK)]
        : [reply],
  },
  {
    name: "needs-reset",
    what: "At the first request the device wants to be reset.",
    serve(bus, device) {
      if (device !== bus.i2c || bus.counter++ > 0) return true
      device.status |= STATUS_DEVICE_NEEDS_RESET
      bus.notifyConfig(device)
      return false
    },
  },
  {
    name: "all-features",
    what: "Every feature bit is offered, in three blocks.",
    shape(bus) {
      for (const device of bus.devices) device.shape.offered = [0xffffffff, 0xffffffff, 0xffffffff]
    },
  },
  {
    name: "no-zero-length",
    what: "The I2C device does not offer VIRTIO_I2C_F_ZERO_LENGTH_REQUEST.",
    hasConsole: false,
    shape(bus) {
      bus.i2c.shape.offered[0] = 0
      bus.i2c.shape.required[0] = 0
    },
  },
  {
    name: "queue-refused",
    what: "SET_VQUEUE is answered, and changes nothing.",
    respond: (reply, request) =>
      isRequest(request, ids.GET_VQUEUE)
        ? [
            rawFrame(TYPE_RESPONSE, ids.GET_VQUEUE, getU16(request, 2), [
              ...reply.subarray(8, 16),
              ...new Array<number>(32).fill(0),
            ]),
          ].map((frame) => changed(frame, 4, reply[4] as number, reply[5] as number))
        : [reply],
  },
  {
    name: "no-queue",
    what: "The device's queue is not available.",
    shape(bus) {
      for (const device of bus.devices) device.shape.queueMaxSizes = device.shape.queueMaxSizes.map(() => 0)
    },
  },
  {
    name: "tiny-queue",
    what: "Queues have 8 descriptors at most.",
    shape(bus) {
      for (const device of bus.devices) device.shape.queueMaxSizes = device.shape.queueMaxSizes.map(() => 8)
    },
  },
  {
    name: "absurd-sizes",
    what: "GET_DEVICE_INFO claims 4294967295 feature blocks, bytes of configuration and queues.",
    shape(bus) {
      for (const device of bus.devices)
        device.shape.lies = {
          numFeatureBlocks: 0xffffffff,
          configSize: 0xffffffff,
          maxVirtqueues: 0xffffffff,
        }
    },
  },
  {
    name: "uuid",
    what: "The devices have a UUID.",
    shape(bus) {
      const uuid = [
        0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x41, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
      ]
      for (const device of bus.devices) device.shape.lies = { uuid }
    },
  },
  {
    name: "admin-queues",
    what: "The I2C device has two administration virtqueues behind its own.",
    shape(bus) {
      bus.i2c.shape.queueMaxSizes.push(16, 16)
      bus.i2c.shape.lies = { adminVqStart: 1, adminVqCount: 2 }
    },
  },
  {
    name: "removed",
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
    name: "strict",
    what: "The strict profile: SET_CONFIG needs the current generation, which changes before the first write.",
    parameters: { transportFeatures: 1 },
    respond(reply, request, bus) {
      const isWrite = isRequest(request, ids.SET_CONFIG)
      if (!isWrite || bus.counter++ > 0) return [reply]
      // as if the configuration had changed since it was read
      bus.console.generation++
      return [
        rawFrame(
          TYPE_RESPONSE,
          ids.SET_CONFIG,
          getU16(request, 2),
          words(bus.console.generation, getU32(request, HEADER_SIZE + 4), 0),
        ),
      ].map((frame) => changed(frame, 4, reply[4] as number, reply[5] as number))
    },
  },
  {
    name: "changing-config",
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
    what: "SET_CONFIG is answered with length 0.",
    respond: (reply, request) =>
      isRequest(request, ids.SET_CONFIG)
        ? [
            changed(
              rawFrame(TYPE_RESPONSE, ids.SET_CONFIG, getU16(request, 2), [
                ...reply.subarray(8, 16),
                0,
                0,
                0,
                0,
              ]),
              4,
              reply[4] as number,
              reply[5] as number,
            ),
          ]
        : [reply],
  },
  {
    name: "config-partial",
    what: "SET_CONFIG is answered with a length that is neither all nor nothing.",
    respond: (reply, request) =>
      isRequest(request, ids.SET_CONFIG)
        ? [
            changed(
              rawFrame(TYPE_RESPONSE, ids.SET_CONFIG, getU16(request, 2), [
                ...reply.subarray(8, 16),
                1,
                0,
                0,
                0,
                0x41,
              ]),
              4,
              reply[4] as number,
              reply[5] as number,
            ),
          ]
        : [reply],
  },
  {
    name: "config-event",
    what: "The console's size changes: EVENT_CONFIG names the range without its data.",
    afterResponse(bus, request) {
      if (!isTo(request, bus.console) || !isRequest(request, ids.GET_CONFIG) || bus.counter++ > 0) return
      bus.console.shape.config[0] = 132
      bus.console.generation++
      bus.notifyConfig(bus.console, 0, 4)
    },
  },
  {
    name: "spurious-used",
    what: "Every completion is notified three times, and once before it.",
    serve(bus, device, queueIndex) {
      bus.notifyUsed(device, queueIndex)
      const done = device.serve(queueIndex)
      for (let n = 0; done > 0 && n < 3; n++) bus.notifyUsed(device, queueIndex)
      return true
    },
  },
  {
    name: "no-notify",
    what: "The device sets flags of its used rings to 1: it looks by itself, and wants no EVENT_AVAIL.",
    pollMs: 20,
    afterResponse(bus, request) {
      if (!isRequest(request, ids.SET_VQUEUE)) return
      const queue = bus.devices.find(({ devNum }) => devNum === getU16(request, 2))?.queues[
        getU32(request, HEADER_SIZE)
      ]
      if (queue?.isEnabled) bus.memory.write(queue.device, Uint8Array.of(USED_NO_NOTIFY, 0))
    },
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
    serve(bus, device) {
      if (device !== bus.i2c || bus.counter++ > 0) return true
      bus.changeParameters({ maxMessageSize: 52 })
      return false
    },
  },
  {
    name: "strange-tokens",
    what: "Events carry tokens: that of the last request, and others that nobody sent.",
    tokenOfEvent: (bus) => (bus.counter++ % 2 === 0 ? bus.lastToken : 0xbeef),
  },
  {
    name: "chip-fails",
    what: "The chip does not answer; the read behind its group's failed write has data and status OK.",
    shape(bus) {
      bus.i2c.execute = (chain, device) => {
        const request = i2cRequestOf(chain)
        if (!request || request.readLength > 0) {
          writeInto(device, chain, new Uint8Array(writableBytes(chain)).fill(0x66, 0, -1))
          return writableBytes(chain)
        }
        writeInto(device, chain, Uint8Array.of(1))
        return 1
      }
    },
  },
  {
    name: "read-fails",
    what: "The read ends with status ERR, and its buffer holds what looks like the right answer.",
    shape(bus) {
      bus.i2c.execute = (chain, device) => {
        const request = i2cRequestOf(chain)
        if (!request || request.readLength === 0) return runI2c(chain, device)
        writeInto(
          device,
          chain,
          new Uint8Array(request.readLength + 1)
            .fill(0x66, 0, request.readLength)
            .fill(1, request.readLength),
        )
        return request.readLength + 1
      }
    },
  },
  {
    name: "short-used",
    what: "Reads come back with used length 0: nothing in their buffers can be relied on.",
    shape(bus) {
      bus.i2c.execute = (chain, device) => {
        const full = runI2c(chain, device)
        return (i2cRequestOf(chain)?.readLength ?? 0) > 0 ? 0 : full
      }
    },
  },
]

export type ScenarioName = (typeof SCENARIOS)[number]["name"]

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (!found) throw new Error(`there is no scenario ${name}`)
  return found
}
