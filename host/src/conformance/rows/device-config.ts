// Rows of the device about its configuration space and its generation: V5 to V10, V14, V15, V44 to V48
// (virtio-msg "Config Profiles", "GET_CONFIG", "SET_CONFIG").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { type ConfigData, decodeSetConfigResponse } from "../../../../shared-protocol/src/messages/config.js"
import { decodeEventConfig } from "../../../../shared-protocol/src/messages/events.js"
import { EVENT_CONFIG } from "../../../../shared-protocol/src/messages/ids.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, deviceMust, expect, hex, type Row, skip } from "../row.js"
import { isStrict } from "./bus-parameters.js"
import { exercise } from "./exercise.js"

const PROFILES = "Config Profiles"
const SET = "SET_CONFIG"
const CONFIG_BASE_SIZE = 20

/** Reads the configuration, as much of it as `lengthBytes`, in messages that fit. */
async function read(bench: DeviceBench, lengthBytes = bench.info.configSize): Promise<Uint8Array> {
  const most = bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE
  const bytes: number[] = []
  while (bytes.length < lengthBytes) {
    const part = await bench.getConfig(bytes.length, Math.min(most, lengthBytes - bytes.length))
    for (let i = 0; i < part.length; i++) bytes.push(part.data[part.dataOffset + i] as number)
    if (part.length === 0) blocked("GET_CONFIG returns no bytes.")
  }
  return Uint8Array.from(bytes)
}

async function generation(bench: DeviceBench): Promise<number> {
  return (await bench.getConfig(0, Math.min(1, bench.info.configSize))).generation
}

async function write(
  bench: DeviceBench,
  generationSent: number,
  offset: number,
  data: Uint8Array,
): Promise<{ answer: ConfigData; frame: Uint8Array }> {
  const frame = await bench.need("SET_CONFIG", frames.setConfig(bench.devNum, generationSent, offset, data))
  const decoded = decodeSetConfigResponse(frame)
  if (!decoded.ok) return blocked(`The response to SET_CONFIG is malformed: ${decoded.reason}.`)
  return { answer: decoded.value, frame }
}

/** What a driver sends as generation: 0, or the last one seen. */
async function rightGeneration(bench: DeviceBench): Promise<number> {
  return isStrict(bench) ? generation(bench) : 0
}

/** A place and length that the device lets a driver write, found by writing back what is there. */
async function writable(bench: DeviceBench): Promise<{ offset: number; lengthBytes: number } | undefined> {
  const most = bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE
  const bytes = await read(bench, Math.min(64, bench.needConfig()))
  const attempts: [number, number][] = [[0, Math.min(bytes.length, most)]]
  for (const width of [4, 2, 1])
    for (let offset = 0; offset + width <= bytes.length; offset += width) attempts.push([offset, width])
  for (const [offset, lengthBytes] of attempts) {
    const data = bytes.slice(offset, offset + lengthBytes)
    const { answer } = await write(bench, await rightGeneration(bench), offset, data)
    if (answer.length === lengthBytes && lengthBytes > 0) return { offset, lengthBytes }
  }
  return undefined
}

async function needWritable(bench: DeviceBench) {
  bench.needConfig()
  await bench.negotiate()
  return (await writable(bench)) ?? skip("The device lets a driver write no byte of its configuration.")
}

/** Turns the bytes at a writable place over, and returns what was there. */
async function flip(bench: DeviceBench, place: { offset: number; lengthBytes: number }) {
  const before = (await read(bench)).slice(place.offset, place.offset + place.lengthBytes)
  const data = before.map((byte) => byte ^ 0x01)
  const { answer } = await write(bench, await rightGeneration(bench), place.offset, data)
  return { before, data, answer }
}

export const DEVICE_CONFIG_ROWS: readonly Row[] = [
  deviceMust(
    "V5",
    PROFILES,
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
  deviceMust(
    "V6",
    PROFILES,
    "GET_CONFIG, SET_CONFIG and EVENT_CONFIG carry the current generation.",
    async (bench) => {
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
    },
  ),
  deviceMust(
    "V7",
    PROFILES,
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
  deviceMust(
    "V8",
    PROFILES,
    "In the baseline profile the generation of a SET_CONFIG is ignored.",
    async (bench) => {
      if (isStrict(bench)) skip("The bus has the strict profile.")
      const place = await needWritable(bench)
      for (const sent of [0, 1, 0xffffffff]) {
        const data = (await read(bench)).slice(place.offset, place.offset + place.lengthBytes)
        const { answer } = await write(bench, sent, place.offset, data)
        expect(answer.length === place.lengthBytes, `A write with generation ${hex(sent)} was not applied.`)
      }
    },
  ),
  deviceMust("V9", PROFILES, "A generation that does not match causes no EVENT_CONFIG.", async (bench) => {
    bench.needConfig()
    await bench.negotiate()
    const mark = bench.conversation.mark()
    // a write of nothing changes nothing, whatever its generation
    await write(bench, 0x7eadbeef, 0, new Uint8Array(0))
    await bench.conversation.sentinel()
    const events = bench.conversation.eventsSince(mark, EVENT_CONFIG, bench.devNum)
    expect(events.length === 0, "A SET_CONFIG of no bytes with another generation caused an EVENT_CONFIG.")
  }),
  deviceMust(
    "V10",
    PROFILES,
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
    { isPassive: true },
  ),
  deviceMust(
    "V14",
    PROFILES,
    "In the strict profile a SET_CONFIG with another generation is refused.",
    async (bench) => {
      if (!isStrict(bench)) skip("The bus has the baseline profile.")
      const place = await needWritable(bench)
      const before = await read(bench)
      const data = before.slice(place.offset, place.offset + place.lengthBytes).map((byte) => byte ^ 1)
      const { answer } = await write(bench, ((await generation(bench)) + 1) >>> 0, place.offset, data)
      expect(answer.length === 0, "A write with another generation was answered as applied.")
      expect((await read(bench)).join() === before.join(), "A write with another generation was applied.")
    },
  ),
  deviceMust("V15", PROFILES, "What fits no EVENT_CONFIG can be read by GET_CONFIG.", async (bench) => {
    const size = bench.needConfig()
    await bench.reset()
    const most = bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE
    for (let offset = 0; offset < size; offset += most) {
      const length = Math.min(most, size - offset)
      const response = await bench.ask(frames.getConfig(bench.devNum, offset, length))
      expect(response !== undefined, `GET_CONFIG of ${length} bytes at ${offset} of ${size} got no response.`)
    }
  }),
  deviceMust(
    "V44",
    "GET_CONFIG",
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
          `GET_CONFIG of ${length} bytes at ${offset} answers ${part.length} at ${part.offset}: ${bytes.join(" ")}.`,
        )
        expect(
          part.generation === first,
          `Nothing changed, but the generation went from ${first} to ${part.generation}.`,
        )
      }
    },
  ),
  deviceMust("V45", SET, "SET_CONFIG answers with the generation that results.", async (bench) => {
    const place = await needWritable(bench)
    const { answer } = await flip(bench, place)
    const now = await generation(bench)
    expect(
      answer.generation === now,
      `SET_CONFIG answers generation ${answer.generation}, then it is ${now}.`,
    )
    await flip(bench, place)
  }),
  deviceMust("V46", SET, "A SET_CONFIG of no bytes changes nothing.", async (bench) => {
    await bench.negotiate()
    const before = await generation(bench)
    const bytes = await read(bench)
    const { answer } = await write(bench, await rightGeneration(bench), 0, new Uint8Array(0))
    expect(answer.length === 0, `A SET_CONFIG of no bytes is answered with ${answer.length}.`)
    expect((await generation(bench)) === before, "A SET_CONFIG of no bytes changed the generation.")
    expect((await read(bench)).join() === bytes.join(), "A SET_CONFIG of no bytes changed the configuration.")
  }),
  deviceMust(
    "V47",
    SET,
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
          `A write of ${data.length} bytes is answered with ${answer.length}.`,
        )
    },
  ),
  deviceMust("V48", SET, "A SET_CONFIG response of length 0 carries no bytes.", async (bench) => {
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
          `A response of length 0 has ${getU16(response, 6) - CONFIG_BASE_SIZE} bytes of data.`,
        )
    }
  }),
]
