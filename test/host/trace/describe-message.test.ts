// Every message in words and fields: what the trace, the page, captures and failure reports show.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../../host/src/bytes.js"
import { describeMessage, MESSAGE_NAMES } from "../../../host/src/trace/describe-message.js"
import { fc } from "../../support/seeded-fast-check.js"
import { BUS_VECTORS } from "../../vectors/bus.js"
import { TRANSPORT_VECTORS } from "../../vectors/transport.js"
import { parseHex } from "../../vectors/vector.js"
import { VQUEUE_VECTORS } from "../../vectors/vqueue.js"

const VECTORS = [...TRANSPORT_VECTORS, ...VQUEUE_VECTORS, ...BUS_VECTORS].map((vector) => ({
  name: vector.name,
  frame: parseHex(vector.hex, allocateBytes) as unknown as Uint8Array,
}))

describe("the description of a message", () => {
  it("has golden vectors of every message", () => {
    const described = new Set(VECTORS.map(({ frame }) => describeMessage(frame).name))
    expect(MESSAGE_NAMES.filter((name) => !described.has(name))).toEqual([])
  })

  it.each(VECTORS)("of $name has a field for each of its bytes, in their order", ({ name, frame }) => {
    const message = describeMessage(frame)
    expect(name).toContain(message.name)
    expect(message.malformed).toBeUndefined()
    let end = 0
    for (const field of message.fields) {
      expect({ field: field.name, offset: field.offset }).toEqual({ field: field.name, offset: end })
      end += field.length
    }
    expect(end).toBe(frame.length)
  })

  it("says what fields mean, by the names of the specification", () => {
    const vector = VECTORS.find(({ name }) => name.startsWith("SET_VQUEUE request"))
    const { fields, text } = describeMessage(vector?.frame ?? new Uint8Array(0))
    expect(fields.map(({ name, meaning }) => [name, meaning])).toEqual([
      ["type", "transport, request or event"],
      ["msg_id", "SET_VQUEUE"],
      ["dev_num", undefined],
      ["token", undefined],
      ["msg_size", undefined],
      ["index", undefined],
      ["flags", expect.stringContaining("ENABLE")],
      ["size", undefined],
      ["reserved", undefined],
      ["desc", "1:0x0010"],
      ["driver", "1:0x1010"],
      ["device", "2:0xfedcba98"],
    ])
    expect(text).toContain("table at 1:0x0010")
  })

  it("names a device type's own feature bits once the type is known", () => {
    const frame = Uint8Array.of(1, 3, 0, 0, 7, 0, 20, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    const meanings = (deviceId?: number) => describeMessage(frame, deviceId).fields.at(-1)?.meaning
    expect(meanings()).toBe("bit 0")
    expect(meanings(34)).toBe("VIRTIO_I2C_F_ZERO_LENGTH_REQUEST")
    expect(meanings(41)).toBe("VIRTIO_GPIO_F_IRQ")
  })

  it("never throws, whatever the bytes are, and never names a byte that is not there", () => {
    const frames = fc.uint8Array({ maxLength: 80 }).map((bytes) => {
      if (bytes.length > 7 && (bytes[7] as number) & 1) {
        bytes[6] = bytes.length // half of them have a sound size, so that their payload is read
        bytes[7] = 0
        bytes[1] = (bytes[1] as number) % 0x43
      }
      return bytes
    })
    fc.assert(
      fc.property(frames, fc.integer({ min: -1, max: 50 }), (frame, deviceId) => {
        const message = describeMessage(frame, deviceId)
        for (const field of message.fields)
          expect(field.offset + field.length).toBeLessThanOrEqual(frame.length)
      }),
    )
  })
})
