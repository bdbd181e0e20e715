// Rows of the driver about configuration spaces and their generations: D5 to D9, D40 to D42, D-S1, D-S2, D-S4
// (virtio-msg "Config Profiles", "GET_CONFIG", "SET_CONFIG", "EVENT_CONFIG").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import { type DriverRun, isTransport, word } from "../driver/driver-runs.js"
import type { ScriptedDevice } from "../driver/scripted-device.js"
import { driverAlways, driverMust, driverShould, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"

const profiles = driverMust("Config Profiles")
const getConfigAlways = driverAlways("GET_CONFIG")
const setConfig = driverMust("SET_CONFIG")
const setConfigAlways = driverAlways("SET_CONFIG")
const profilesShould = driverShould("Config Profiles")
const eventConfig = driverShould("EVENT_CONFIG")

/** SET_CONFIG messages, each with the generation that the driver had last seen before. */
function configWrites(run: DriverRun, device: ScriptedDevice) {
  return run.places(device, ids.SET_CONFIG).map((at) => {
    const seen = run.transcript.slice(0, at).findLast(({ direction, frame }) => {
      const isConfig =
        frame[1] === ids.GET_CONFIG || frame[1] === ids.SET_CONFIG || frame[1] === ids.EVENT_CONFIG
      return direction === "out" && isConfig && isTransport(frame) && getU16(frame, 2) === device.devNum
    })
    const lastSeen = seen && word(seen.frame, seen.frame[1] === ids.EVENT_CONFIG ? 4 : 0)
    return { generation: run.wordAt(at, 0), offset: run.wordAt(at, 4), length: run.wordAt(at, 8), lastSeen }
  })
}

/** Skips the row for a driver that writes no configuration. */
function needWrites(run: DriverRun) {
  const writes = configWrites(run, run.bus.console)
  if (writes.length === 0) skip("The driver writes no device's configuration.")
  return writes
}

export const DRIVER_CONFIG_ROWS: readonly Row[] = [
  profiles("D5", "The configuration profile is known before SET_CONFIG is sent.", async (runs) => {
    const run = await runs.run("strict")
    const [first] = needWrites(run)
    expect(
      first?.generation === first?.lastSeen,
      `In the strict profile the first SET_CONFIG has generation ${first?.generation}; last seen was ${first?.lastSeen}.`,
    )
  }),
  profiles("D6", "The profile follows from the transport features, not from the device's.", async (runs) => {
    const run = await runs.good("all-features")
    for (const { generation } of needWrites(run))
      expect(
        generation === 0,
        `The bus has the baseline profile, whatever the device offers; SET_CONFIG has generation ${generation}.`,
      )
  }),
  profiles("D7", "In the baseline profile SET_CONFIG has generation 0.", async (runs) => {
    const run = await runs.good()
    for (const { generation } of needWrites(run))
      expect(generation === 0, `SET_CONFIG has generation ${generation}.`)
  }),
  profiles("D8", "In the strict profile SET_CONFIG has the generation that was seen last.", async (runs) => {
    const run = await runs.run("strict")
    for (const { generation, lastSeen } of needWrites(run))
      expect(generation === lastSeen, `SET_CONFIG has generation ${generation}; last seen was ${lastSeen}.`)
  }),
  profiles("D9", "Generations need not grow, and need not survive a reset.", async (runs) => {
    const run = await runs.runAfterGood("changing-config")
    expect(run.isDone, `The generation went back, and the driver could not live with it. ${run.how}`)
  }),
  getConfigAlways("D40", "GET_CONFIG asks for bytes inside the configuration.", async (runs) => {
    await runs.run("absurd-sizes")
    const asked = await runs.messages(ids.GET_CONFIG)
    if (asked.length === 0) skip("The driver reads no device's configuration.")
    for (const { device, frame } of asked) {
      const size = device.shape.lies.configSize ?? device.shape.config.length
      expect(
        word(frame, 0) + word(frame, 4) <= size,
        `GET_CONFIG of ${counted(word(frame, 4), "byte")} at ${word(frame, 0)} of ${size}.`,
      )
    }
  }),
  setConfigAlways("D41", "SET_CONFIG writes bytes inside the configuration.", async (runs) => {
    let isSeen = false
    for (const run of await runs.all())
      for (const device of run.bus.devices)
        for (const { offset, length } of configWrites(run, device)) {
          isSeen = true
          const size = device.shape.lies.configSize ?? device.shape.config.length
          expect(offset + length <= size, `SET_CONFIG of ${counted(length, "byte")} at ${offset} of ${size}.`)
        }
    if (!isSeen) skip("The driver writes no device's configuration.")
  }),
  setConfig(
    "D42",
    "A SET_CONFIG response with the request's length means applied, with 0 not applied, anything else is invalid.",
    async (runs) => {
      needWrites(await runs.good())
      const run = await runs.run("config-partial")
      expect(!run.isDone, "SET_CONFIG was answered with 1 byte of 4, and the driver took that for done.")
      const refused = await runs.run("config-refused")
      expect(!refused.isKilled, `SET_CONFIG was not applied, and the driver hangs. ${refused.how}`)
    },
  ),
  profilesShould(
    "D-S1",
    "A configuration read in parts is read again until its generation stays the same.",
    async (runs) => {
      const run = await runs.run("changing-config")
      const { console } = run.bus
      const answered = run.places(console, ids.GET_CONFIG).filter((at) => run.placeOfResponse(at) >= 0)
      const parts = answered.map((at) => ({
        offset: run.wordAt(at, 0),
        length: run.wordAt(at, 4),
        generation: run.wordAt(run.placeOfResponse(at), 0),
      }))
      if (!parts.some(({ offset }) => offset > 0)) skip("The driver reads no configuration in parts.")
      const size = console.shape.config.length
      const last = parts.findLastIndex(({ offset, length }) => offset + length === size)
      if (last < 0) skip("The driver never reads to the end of the configuration.")
      let first = last
      while (first > 0 && parts[first]?.offset !== 0) first--
      const generations = new Set(parts.slice(first, last + 1).map(({ generation }) => generation))
      expect(
        generations.size === 1,
        `The last read of the configuration mixes generations ${[...generations].join(", ")}.`,
      )
    },
  ),
  eventConfig(
    "D-S2",
    "After an EVENT_CONFIG without data the driver reads the configuration again.",
    async (runs) => {
      const run = await runs.run("config-event")
      const event = run.firstEvent(ids.EVENT_CONFIG)
      if (event < 0) skip("The driver reads no device's configuration.")
      // a message that was on its way when the event came does not count
      const after = run.places(run.bus.console, ids.GET_CONFIG).filter((at) => at > event)
      const expected = run.bus.scenario.name === "config-event" ? 1 : 0
      expect(
        after.length >= expected,
        "EVENT_CONFIG named a range without its data, and the driver did not read it.",
      )
    },
  ),
  profilesShould(
    "D-S4",
    "After a write that was refused for its generation the driver reads the configuration and tries again.",
    async (runs) => {
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
  ),
]
