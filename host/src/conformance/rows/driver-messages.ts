// Rows of the driver about messages, features and configuration: D1, D5 to D9, D13 to D18, D24 to D26, D34 to D42
// (virtio-msg "Common Header", "Config Profiles", "Feature Negotiation", "GET_CONFIG", "SET_CONFIG").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE, TYPE_BUS } from "../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { type DriverRun, word } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import { messageSize } from "../frames.js"
import { blocked, driverMust, expect, hex, type Row, skip } from "../row.js"

const COMMON = "Common Header"
const PROFILES = "Config Profiles"
const NEGOTIATION = "Feature Negotiation"
/** VIRTIO_F_NOTIF_CONFIG_DATA, bit 39, in its block. */
const NOTIF_CONFIG_DATA = 0x80
/** Bits that no device type and no transport defines: of virtio-i2c 1 to 23, and 42 and up. */
const UNDEFINED_I2C_BITS = [0x00fffffe, 0xfffffc00, 0xffffffff]
/** Bytes of each message of a driver; those with blocks or data are longer. */
const EXACT_SIZES: Readonly<Record<number, number>> = {
  [ids.GET_DEVICE_INFO]: 8,
  [ids.GET_DEVICE_FEATURES]: 16,
  [ids.GET_CONFIG]: 16,
  [ids.GET_DEVICE_STATUS]: 8,
  [ids.SET_DEVICE_STATUS]: 12,
  [ids.GET_VQUEUE]: 12,
  [ids.SET_VQUEUE]: 48,
  [ids.RESET_VQUEUE]: 12,
  [ids.GET_SHM]: 12,
  [ids.EVENT_AVAIL]: 16,
}

const isTransport = (frame: Uint8Array) =>
  frame.length >= HEADER_SIZE && ((frame[0] as number) & TYPE_BUS) === 0

/** SET_CONFIG messages, with the generation that the driver had last seen before each. */
function configWrites(run: DriverRun, device: ScriptedDevice) {
  return run.places(device, ids.SET_CONFIG).map((at) => {
    const seen = run.transcript.slice(0, at).findLast(({ direction, frame }) => {
      const isConfig =
        frame[1] === ids.GET_CONFIG || frame[1] === ids.SET_CONFIG || frame[1] === ids.EVENT_CONFIG
      return direction === "out" && isConfig && isTransport(frame) && getU16(frame, 2) === device.devNum
    })
    const lastSeen = seen && word(seen.frame, seen.frame[1] === ids.EVENT_CONFIG ? 4 : 0)
    const frame = run.transcript[at]?.frame ?? new Uint8Array(0)
    return { generation: word(frame, 0), offset: word(frame, 4), length: word(frame, 8), lastSeen }
  })
}

/** Skips the row for a driver that writes no configuration. */
function needWrites(run: DriverRun) {
  const writes = configWrites(run, run.bus.console)
  if (writes.length === 0) skip("The driver writes no device's configuration.")
  return writes
}

/** What the driver selected: the blocks that it wrote, as they stand when it asks for FEATURES_OK. */
function selection(run: DriverRun, device: ScriptedDevice): number[] {
  const selected: number[] = []
  for (const frame of run.messages(device, ids.SET_DRIVER_FEATURES))
    for (let n = 0; n < Math.min(64, word(frame, 4)); n++)
      selected[word(frame, 0) + n] = word(frame, 8 + 4 * n)
  return Array.from(selected, (bits) => bits ?? 0)
}

export const DRIVER_MESSAGE_ROWS: readonly Row[] = [
  driverMust(
    "D1",
    "Respecting Bus Limits",
    "No message is larger than the bus allows.",
    async (runs) => {
      await runs.run("small-messages")
      for (const run of await runs.all())
        for (const [at, { direction, frame }] of run.transcript.entries())
          expect(
            direction === "out" || messageSize(frame) <= run.bus.maxMessageSizeAt(at),
            `Message ${hex(frame[1] ?? 0)} has ${messageSize(frame)} bytes; the bus carries ${run.bus.maxMessageSizeAt(at)}.`,
          )
    },
    { isPassive: true },
  ),
  driverMust(
    "D5",
    PROFILES,
    "The configuration profile is known before SET_CONFIG is sent.",
    async (runs) => {
      const run = await runs.run("strict")
      const [first] = needWrites(run)
      expect(
        first?.generation === first?.lastSeen,
        `In the strict profile the first SET_CONFIG has generation ${first?.generation}; last seen was ${first?.lastSeen}.`,
      )
    },
  ),
  driverMust(
    "D6",
    PROFILES,
    "The profile follows from the transport features, not from the device's.",
    async (runs) => {
      const run = await runs.run("all-features")
      for (const { generation } of needWrites(run))
        expect(
          generation === 0,
          `The bus has the baseline profile, whatever the device offers; SET_CONFIG has generation ${generation}.`,
        )
    },
  ),
  driverMust("D7", PROFILES, "In the baseline profile SET_CONFIG has generation 0.", async (runs) => {
    const run = await runs.good()
    for (const { generation } of needWrites(run))
      expect(generation === 0, `SET_CONFIG has generation ${generation}.`)
  }),
  driverMust(
    "D8",
    PROFILES,
    "In the strict profile SET_CONFIG has the generation that was seen last.",
    async (runs) => {
      const run = await runs.run("strict")
      for (const { generation, lastSeen } of needWrites(run))
        expect(generation === lastSeen, `SET_CONFIG has generation ${generation}; last seen was ${lastSeen}.`)
    },
  ),
  driverMust("D9", PROFILES, "Generations need not grow, and need not survive a reset.", async (runs) => {
    await runs.good()
    const run = await runs.run("changing-config")
    expect(run.isDone, `The generation went back, and the driver could not live with it. ${run.how}`)
  }),
  driverMust(
    "D13",
    "Endianness",
    "Numbers are little-endian.",
    async (runs) => {
      for (const run of await runs.all())
        for (const device of run.bus.devices) {
          for (const frame of run.messages(device, ids.SET_DEVICE_STATUS))
            expect(word(frame, 0) <= 0xff, `Status ${hex(word(frame, 0))} looks big-endian.`)
          for (const frame of run.messages(device, ids.GET_VQUEUE))
            expect(word(frame, 0) <= 0xffff, `Queue index ${hex(word(frame, 0))} looks big-endian.`)
          for (const frame of run.messages(device, ids.SET_VQUEUE))
            expect(word(frame, 8) <= 0x8000, `Queue size ${hex(word(frame, 8))} looks big-endian.`)
        }
    },
    { isPassive: true },
  ),
  driverMust(
    "D14",
    COMMON,
    "type bits 2 to 7 are sent as 0, and reserved on receipt.",
    async (runs) => {
      for (const frame of await runs.everyFrame())
        expect(
          (frame[0] as number) >> 2 === 0,
          `Message ${hex(frame[1] ?? 0)} has type ${hex(frame[0] ?? 0)}.`,
        )
    },
    { isPassive: true },
  ),
  driverMust(
    "D15",
    COMMON,
    "msg_size counts header and payload, and nothing else.",
    async (runs) => {
      for (const frame of await runs.everyFrame()) {
        const size = frame.length >= HEADER_SIZE ? getU16(frame, 6) : -1
        expect(
          size >= HEADER_SIZE && size <= frame.length,
          `Message ${hex(frame[1] ?? 0)} has msg_size ${size} in ${frame.length} bytes.`,
        )
        if (!isTransport(frame)) continue
        const needed =
          frame[1] === ids.SET_DRIVER_FEATURES
            ? 16 + 4 * word(frame, 4)
            : frame[1] === ids.SET_CONFIG
              ? 20 + word(frame, 8)
              : EXACT_SIZES[frame[1] as number]
        expect(
          needed === undefined || size === needed,
          `Message ${hex(frame[1] ?? 0)} has msg_size ${size}; its fields take ${needed}.`,
        )
      }
    },
    { isPassive: true },
  ),
  driverMust(
    "D16",
    COMMON,
    "dev_num is the number of the device that is meant.",
    async (runs) => {
      for (const run of await runs.all()) {
        const numbers = run.bus.devices.map(({ devNum }) => devNum)
        for (const frame of run.sent.filter(isTransport))
          expect(
            numbers.includes(getU16(frame, 2)),
            `Message ${hex(frame[1] ?? 0)} goes to device ${getU16(frame, 2)}; there are ${numbers.join(" and ")}.`,
          )
      }
    },
    { isPassive: true },
  ),
  driverMust(
    "D17",
    COMMON,
    "Padding that the driver adds is 0.",
    async (runs) => {
      for (const frame of await runs.everyFrame()) {
        if (frame.length < HEADER_SIZE) continue
        const extra = frame.subarray(Math.max(HEADER_SIZE, getU16(frame, 6)))
        expect(
          extra.every((byte) => byte === 0),
          `Message ${hex(frame[1] ?? 0)} is followed by bytes that are not 0.`,
        )
      }
    },
    { isPassive: true },
  ),
  driverMust("D18", COMMON, "The token means nothing to the driver.", async (runs) => {
    await runs.good()
    const run = await runs.run("strange-tokens")
    expect(run.isDone, `Events with tokens, which mean nothing, kept the driver from its work. ${run.how}`)
  }),
  driverMust(
    "D24",
    "Device Information",
    "config_size bounds what is read and written.",
    async (runs) => {
      for (const run of await runs.all())
        for (const device of run.bus.devices) {
          const size = device.shape.lies.configSize ?? device.shape.config.length
          for (const [id, at] of [
            [ids.GET_CONFIG, 0],
            [ids.SET_CONFIG, 4],
          ] as const)
            for (const frame of run.messages(device, id))
              expect(
                word(frame, at) + word(frame, at + 4) <= size,
                `Bytes ${word(frame, at)} to ${word(frame, at) + word(frame, at + 4)} of a configuration of ${size} were asked for.`,
              )
        }
    },
    { isPassive: true },
  ),
  driverMust(
    "D25",
    NEGOTIATION,
    "Features are discovered by GET_DEVICE_FEATURES, and only offered ones selected.",
    async (runs) => {
      const run = await runs.good()
      for (const device of run.driven) {
        const [asked = Number.MAX_SAFE_INTEGER] = run.places(device, ids.GET_DEVICE_FEATURES)
        for (const at of run.places(device, ids.SET_DRIVER_FEATURES))
          expect(at > asked, `Features of device ${device.devNum} were selected before they were asked for.`)
        for (const [block, bits] of selection(run, device).entries()) {
          const absent = (bits & ~(device.shape.offered[block] ?? 0)) >>> 0
          expect(
            absent === 0,
            `Of device ${device.devNum}, bits ${hex(absent)} of block ${block} were selected and not offered.`,
          )
        }
      }
    },
  ),
  driverMust("D26", NEGOTIATION, "VIRTIO_F_NOTIF_CONFIG_DATA (bit 39) is never selected.", async (runs) => {
    const run = await runs.run("all-features")
    for (const device of run.driven)
      expect(
        ((selection(run, device)[1] ?? 0) & NOTIF_CONFIG_DATA) === 0,
        `Bit 39 of device ${device.devNum} was selected.`,
      )
  }),
  driverMust(
    "D34",
    "Core Messages",
    "The driver sends and understands the ten messages up to RESET_VQUEUE, where it needs them.",
    async (runs) => {
      const run = await runs.good()
      const needed = [
        ids.GET_DEVICE_INFO,
        ids.GET_DEVICE_FEATURES,
        ids.SET_DRIVER_FEATURES,
        ids.SET_DEVICE_STATUS,
        ids.GET_VQUEUE,
        ids.SET_VQUEUE,
      ]
      for (const device of run.driven)
        for (const id of needed)
          expect(
            run.messages(device, id).length > 0,
            `Device ${device.devNum} was never sent message ${hex(id)}.`,
          )
    },
  ),
  driverMust(
    "D35",
    "GET_DEVICE_INFO",
    "admin_vq_count 0 means that there are no administration virtqueues.",
    async (runs) => {
      for (const run of await runs.all())
        for (const device of run.bus.devices)
          for (const frame of run.messages(device, ids.SET_VQUEUE)) {
            const most = device.shape.lies.maxVirtqueues ?? device.shape.queueMaxSizes.length
            expect(
              word(frame, 0) < most,
              `Queue ${word(frame, 0)} of device ${device.devNum} was configured; it has ${most}.`,
            )
          }
    },
    { isPassive: true },
  ),
  driverMust(
    "D36",
    "GET_DEVICE_INFO",
    "The administration virtqueues are among max_virtqueues.",
    async (runs) => {
      await runs.good()
      const run = await runs.run("admin-queues")
      expect(run.isDone, `A device with administration virtqueues kept the driver from its work. ${run.how}`)
      for (const frame of run.messages(run.bus.i2c, ids.SET_VQUEUE))
        expect(
          word(frame, 0) < 3,
          `Queue ${word(frame, 0)} was configured; the device has 3 with its administration virtqueues.`,
        )
    },
  ),
  driverMust("D37", "GET_DEVICE_INFO", "The nil UUID means that the device has none.", async (runs) => {
    const [nil, named] = [await runs.run("plain"), await runs.run("uuid")]
    if (!nil.isDone && !named.isDone)
      blocked(`The driver does its work neither with a UUID nor without. ${nil.how}`)
    expect(nil.isDone, `Devices with the nil UUID kept the driver from its work. ${nil.how}`)
    expect(named.isDone, `Devices with a UUID kept the driver from its work. ${named.how}`)
  }),
  driverMust(
    "D38",
    "GET_DEVICE_FEATURES",
    "Features are blocks of 32 bits from the one asked for on, 0 behind those that exist.",
    async (runs) => {
      await runs.good()
      const run = await runs.run("small-messages")
      expect(
        run.isDone,
        `20 feature blocks in messages of 52 bytes kept the driver from its work. ${run.how}`,
      )
      for (const frame of run.messages(run.bus.i2c, ids.GET_DEVICE_FEATURES))
        expect(
          word(frame, 4) <= 9,
          `${word(frame, 4)} feature blocks were asked for; 9 fit a message of 52 bytes.`,
        )
    },
  ),
  driverMust(
    "D39",
    "SET_DRIVER_FEATURES",
    "Only feature bits that the driver means are selected.",
    async (runs) => {
      const run = await runs.run("all-features")
      for (const [block, bits] of selection(run, run.bus.i2c).entries()) {
        const unmeant = (bits & (UNDEFINED_I2C_BITS[block] ?? 0xffffffff)) >>> 0
        expect(
          unmeant === 0,
          `Bits ${hex(unmeant)} of block ${block} were selected: nobody has given them a meaning.`,
        )
      }
    },
  ),
  driverMust(
    "D40",
    "GET_CONFIG",
    "GET_CONFIG asks for bytes inside the configuration.",
    async (runs) => {
      await runs.run("absurd-sizes")
      let isSeen = false
      for (const run of await runs.all())
        for (const device of run.bus.devices)
          for (const frame of run.messages(device, ids.GET_CONFIG)) {
            isSeen = true
            const size = device.shape.lies.configSize ?? device.shape.config.length
            expect(
              word(frame, 0) + word(frame, 4) <= size,
              `GET_CONFIG of ${word(frame, 4)} bytes at ${word(frame, 0)} of ${size}.`,
            )
          }
      if (!isSeen) skip("The driver reads no device's configuration.")
    },
    { isPassive: true },
  ),
  driverMust(
    "D41",
    "SET_CONFIG",
    "SET_CONFIG writes bytes inside the configuration.",
    async (runs) => {
      let isSeen = false
      for (const run of await runs.all())
        for (const device of run.bus.devices)
          for (const { offset, length } of configWrites(run, device)) {
            isSeen = true
            const size = device.shape.lies.configSize ?? device.shape.config.length
            expect(offset + length <= size, `SET_CONFIG of ${length} bytes at ${offset} of ${size}.`)
          }
      if (!isSeen) skip("The driver writes no device's configuration.")
    },
    { isPassive: true },
  ),
  driverMust(
    "D42",
    "SET_CONFIG",
    "A SET_CONFIG response with the request's length means applied, with 0 not applied, anything else is invalid.",
    async (runs) => {
      needWrites(await runs.good())
      const run = await runs.run("config-partial")
      expect(!run.isDone, "SET_CONFIG was answered with 1 byte of 4, and the driver took that for done.")
      const refused = await runs.run("config-refused")
      expect(!refused.isKilled, `SET_CONFIG was not applied, and the driver hangs. ${refused.how}`)
    },
  ),
  {
    id: "D-S1",
    side: "driver",
    level: "SHOULD",
    section: PROFILES,
    requirement: "A configuration read in parts is read again until its generation stays the same.",
    async driver(runs) {
      const run = await runs.run("changing-config")
      const { console } = run.bus
      const answered = run.places(console, ids.GET_CONFIG).filter((at) => run.responseTo(at) !== undefined)
      const parts = answered.map((at) => {
        const frame = run.transcript[at]?.frame ?? new Uint8Array(0)
        return {
          offset: word(frame, 0),
          length: word(frame, 4),
          generation: word(run.responseTo(at) ?? new Uint8Array(0), 0),
        }
      })
      if (!parts.some(({ offset }) => offset > 0)) skip("The driver reads no configuration in parts.")
      const size = console.shape.config.length
      const last = parts.findLastIndex(({ offset, length }) => offset + length === size)
      let first = last
      while (first > 0 && parts[first]?.offset !== 0) first--
      const generations = new Set(parts.slice(first, last + 1).map(({ generation }) => generation))
      expect(
        generations.size === 1,
        `The last read of the configuration mixes generations ${[...generations].join(", ")}.`,
      )
    },
  },
  {
    id: "D-S2",
    side: "driver",
    level: "SHOULD",
    section: "EVENT_CONFIG",
    requirement: "After an EVENT_CONFIG without data the driver reads the configuration again.",
    async driver(runs) {
      const run = await runs.run("config-event")
      const event = run.transcript.findIndex(
        ({ direction, frame }) => direction === "out" && frame[1] === ids.EVENT_CONFIG,
      )
      if (event < 0) skip("The driver reads no device's configuration.")
      // what was already on its way when the event came does not count
      const after = run.places(run.bus.console, ids.GET_CONFIG).filter((at) => at > event)
      const expected = run.bus.scenario.name === "config-event" ? 1 : 0
      expect(
        after.length >= expected,
        "EVENT_CONFIG named a range without its data, and the driver did not read it.",
      )
    },
  },
  {
    id: "D-S4",
    side: "driver",
    level: "SHOULD",
    section: PROFILES,
    requirement:
      "After a write that was refused for its generation the driver reads the configuration and tries again.",
    async driver(runs) {
      const run = await runs.run("strict")
      const writes = run.places(run.bus.console, ids.SET_CONFIG)
      const [first, second] = writes
      if (first === undefined) skip("The driver writes no device's configuration.")
      expect(second !== undefined, "A SET_CONFIG was refused for its generation, and not tried again.")
      const read = run.places(run.bus.console, ids.GET_CONFIG).some((at) => at > first && at < (second ?? 0))
      expect(
        read,
        "A SET_CONFIG was refused for its generation, and tried again without reading the configuration.",
      )
    },
  },
]
