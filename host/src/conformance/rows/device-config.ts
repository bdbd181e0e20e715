// Rows of the device about its configuration space and its generation: V5 to V10, V14, V15, V44 to V48
// (virtio-msg "Config Profiles", "GET_CONFIG", "SET_CONFIG").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { decodeSetConfigResponse } from "../../../../shared-protocol/src/messages/config.js"
import { decodeEventConfig } from "../../../../shared-protocol/src/messages/events.js"
import { EVENT_CONFIG } from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import * as frames from "../frames.js"
import { deviceAlways, deviceMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { isStrict } from "./bus-parameters.js"
import {
  CONFIG_BASE_SIZE,
  flip,
  generation,
  needWritable,
  read,
  rightGeneration,
  writable,
  write,
} from "./config-access.js"
import { exercise } from "./exercise.js"

const getConfig = deviceMust("GET_CONFIG")
const setConfig = deviceMust("SET_CONFIG")
const profiles = deviceMust("Config Profiles")
const profilesAlways = deviceAlways("Config Profiles")

export const DEVICE_CONFIG_ROWS: readonly Row[] = [
  getConfig(
    "V44",
    "GET_CONFIG answers the range that was asked for, with the current generation.",
    async (bench) => {
      const size = bench.needConfig()
      await bench.reset()
      const whole = await read(bench, Math.min(size, bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE))
      const first = await generation(bench)
      for (const [offset, length] of [
        [0, 0],
        [0, 1],
        [whole.length - 1, 1],
        [whole.length, 0],
      ] as const) {
        const part = await bench.getConfig(offset, length)
        const bytes = Array.from({ length: part.length }, (_, i) => part.data[part.dataOffset + i])
        expect(
          part.offset === offset && bytes.join() === whole.slice(offset, offset + length).join(),
          `GET_CONFIG of ${counted(length, "byte")} at ${offset} answers ${part.length} at ${part.offset}: ${bytes.join(" ")}.`,
        )
        expect(
          part.generation === first,
          `Nothing changed, but the generation went from ${first} to ${part.generation}.`,
        )
      }
    },
  ),
  setConfig("V45", "SET_CONFIG answers with the generation that results.", async (bench) => {
    const place = await needWritable(bench)
    const { answer } = await flip(bench, place)
    const now = await generation(bench)
    expect(
      answer.generation === now,
      `SET_CONFIG answers generation ${answer.generation}, then it is ${now}.`,
    )
    await flip(bench, place)
  }),
  setConfig("V46", "A SET_CONFIG of no bytes changes nothing.", async (bench) => {
    await bench.negotiate()
    const before = await generation(bench)
    const bytes = await read(bench)
    const { answer } = await write(bench, await rightGeneration(bench), 0, new Uint8Array(0))
    expect(answer.length === 0, `A SET_CONFIG of no bytes is answered with ${answer.length}.`)
    expect((await generation(bench)) === before, "A SET_CONFIG of no bytes changed the generation.")
    expect((await read(bench)).join() === bytes.join(), "A SET_CONFIG of no bytes changed the configuration.")
  }),
  setConfig(
    "V47",
    "SET_CONFIG writes all its bytes, and answers with their number, or none, and answers 0.",
    async (bench) => {
      await bench.negotiate()
      const bytes = await read(bench)
      // over the end: part of it would fit
      const over = new Uint8Array(4).fill(0xa5)
      for (const offset of [Math.max(0, bytes.length - 2), bytes.length, 0xfffffffe]) {
        const response = await bench.ask(
          frames.setConfig(bench.devNum, await rightGeneration(bench), offset, over),
        )
        const decoded = response && decodeSetConfigResponse(response)
        if (decoded?.ok)
          expect(
            decoded.value.length === 0,
            `A write of 4 bytes at ${offset} of ${bytes.length} is answered with ${decoded.value.length}.`,
          )
        expect(
          (await read(bench)).join() === bytes.join(),
          `A write over the end, at ${offset}, changed the configuration.`,
        )
      }
      const place = bytes.length > 0 ? await writable(bench) : undefined
      if (!place) return
      const { before, data, answer } = await flip(bench, place)
      const now = (await read(bench)).slice(place.offset, place.offset + place.lengthBytes)
      if (answer.length === 0)
        expect(now.join() === before.join(), "A write that was answered as not applied took effect.")
      else
        expect(
          answer.length === data.length,
          `A write of ${counted(data.length, "byte")} is answered with ${answer.length}.`,
        )
    },
  ),
  setConfig("V48", "A SET_CONFIG response of length 0 carries no bytes.", async (bench) => {
    await bench.negotiate()
    const requests = [
      frames.setConfig(bench.devNum, 0, 0, new Uint8Array(0)),
      frames.setConfig(bench.devNum, 0, bench.info.configSize, Uint8Array.of(1, 2, 3, 4)),
    ]
    for (const response of await bench.conversation.askAll(requests)) {
      if (!response) continue
      const decoded = decodeSetConfigResponse(response)
      if (decoded.ok && decoded.value.length === 0)
        expect(
          getU16(response, 6) === CONFIG_BASE_SIZE,
          `A response of length 0 has ${counted(getU16(response, 6) - CONFIG_BASE_SIZE, "byte")} of data.`,
        )
    }
  }),
  profiles(
    "V5",
    "The transport features decide the configuration profile: baseline, or strict generations.",
    async (bench) => {
      const place = await needWritable(bench)
      const data = (await read(bench)).slice(place.offset, place.offset + place.lengthBytes)
      const wrong = ((await generation(bench)) + 0x1234) >>> 0
      const { answer } = await write(bench, wrong, place.offset, data)
      const isApplied = answer.length === place.lengthBytes
      expect(
        isApplied !== isStrict(bench),
        `The bus has the ${isStrict(bench) ? "strict" : "baseline"} profile; a write with another generation was ` +
          `${isApplied ? "applied" : "refused"}.`,
      )
    },
  ),
  profiles("V6", "GET_CONFIG, SET_CONFIG and EVENT_CONFIG carry the current generation.", async (bench) => {
    const place = await needWritable(bench)
    const mark = bench.conversation.mark()
    const { answer } = await flip(bench, place)
    const now = await generation(bench)
    expect(
      answer.generation === now,
      `SET_CONFIG answers generation ${answer.generation}, GET_CONFIG then ${now}.`,
    )
    for (const frame of bench.conversation.eventsSince(mark, EVENT_CONFIG, bench.devNum)) {
      const event = decodeEventConfig(frame)
      if (event.ok)
        expect(
          event.value.generation === now,
          `EVENT_CONFIG carries generation ${event.value.generation}, GET_CONFIG ${now}.`,
        )
    }
  }),
  profiles(
    "V7",
    "The generation changes whenever two accesses could see different configurations.",
    async (bench) => {
      const place = await needWritable(bench)
      const before = await generation(bench)
      const bytes = await read(bench)
      await flip(bench, place)
      const after = await read(bench)
      if (after.join() === bytes.join()) skip("No write of a driver shows in the configuration.")
      expect(
        (await generation(bench)) !== before,
        `The configuration changed, its generation stayed ${before}.`,
      )
    },
  ),
  profiles("V8", "In the baseline profile the generation of a SET_CONFIG is ignored.", async (bench) => {
    if (isStrict(bench)) skip("The bus has the strict profile.")
    const place = await needWritable(bench)
    for (const sent of [0, 1, 0xffffffff]) {
      const data = (await read(bench)).slice(place.offset, place.offset + place.lengthBytes)
      const { answer } = await write(bench, sent, place.offset, data)
      expect(answer.length === place.lengthBytes, `A write with generation ${hex(sent)} was not applied.`)
    }
  }),
  profiles("V9", "A generation that does not match causes no EVENT_CONFIG.", async (bench) => {
    bench.needConfig()
    await bench.negotiate()
    const mark = bench.conversation.mark()
    // a write of nothing changes nothing, whatever its generation
    await write(bench, 0x7eadbeef, 0, new Uint8Array(0))
    await bench.conversation.sentinel()
    const events = bench.conversation.eventsSince(mark, EVENT_CONFIG, bench.devNum)
    expect(events.length === 0, "A SET_CONFIG of no bytes with another generation caused an EVENT_CONFIG.")
  }),
  profilesAlways(
    "V10",
    "The device sends EVENT_CONFIG whenever it changes its configuration by itself.",
    async (bench) => {
      const size = Math.min(bench.needConfig(), bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE)
      await bench.start().catch(() => bench.negotiate())
      const mark = bench.conversation.mark()
      const bytes = (await read(bench, size)).join()
      await exercise(bench)
      await bench.start().catch(() => bench.negotiate())
      for (let n = 0; n < 5; n++) {
        await bench.conversation.waitUntil(() => false, 100)
        const now = (await read(bench, size)).join()
        if (now === bytes) continue
        const events = bench.conversation.eventsSince(mark, EVENT_CONFIG, bench.devNum)
        expect(events.length > 0, "The configuration changed without an EVENT_CONFIG.")
        return
      }
    },
  ),
  profiles("V14", "In the strict profile a SET_CONFIG with another generation is refused.", async (bench) => {
    if (!isStrict(bench)) skip("The bus has the baseline profile.")
    const place = await needWritable(bench)
    const before = await read(bench)
    const data = before.slice(place.offset, place.offset + place.lengthBytes).map((byte) => byte ^ 1)
    const { answer } = await write(bench, ((await generation(bench)) + 1) >>> 0, place.offset, data)
    expect(answer.length === 0, "A write with another generation was answered as applied.")
    expect((await read(bench)).join() === before.join(), "A write with another generation was applied.")
  }),
  profiles("V15", "What fits no EVENT_CONFIG can be read by GET_CONFIG.", async (bench) => {
    const size = bench.needConfig()
    await bench.reset()
    const most = bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE
    for (let offset = 0; offset < size; offset += most) {
      const length = Math.min(most, size - offset)
      const response = await bench.ask(frames.getConfig(bench.devNum, offset, length))
      expect(
        response !== undefined,
        `GET_CONFIG of ${counted(length, "byte")} at ${offset} of ${size} got no response.`,
      )
    }
  }),
]
