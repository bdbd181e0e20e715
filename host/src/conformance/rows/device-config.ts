// Rows of the device about reads and writes of its configuration space: V44 to V48 (virtio-msg "GET_CONFIG", "SET_CONFIG").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { decodeSetConfigResponse } from "../../../../shared-protocol/src/messages/config.js"
import { counted } from "../../counted.js"
import * as frames from "../frames.js"
import { deviceMust, type Row } from "../row.js"
import { expect } from "../verdict.js"
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

const getConfig = deviceMust("GET_CONFIG")
const setConfig = deviceMust("SET_CONFIG")

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
]
