// Rows of the device about the generation of its configuration: V5 to V10, V14, V15 (virtio-msg "Config Profiles").

import { decodeEventConfig } from "../../../../shared-protocol/src/messages/events.js"
import { EVENT_CONFIG } from "../../../../shared-protocol/src/messages/ids.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import * as frames from "../frames.js"
import { deviceAlways, deviceMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import { isStrict } from "./bus-parameters.js"
import { CONFIG_BASE_SIZE, flip, generation, needWritable, read, write } from "./config-access.js"
import { exercise } from "./exercise.js"

const profiles = deviceMust("Config Profiles")
const profilesAlways = deviceAlways("Config Profiles")

export const DEVICE_CONFIG_PROFILE_ROWS: readonly Row[] = [
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
