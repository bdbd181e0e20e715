// docs/bus.md is the bus's specification: who implements the page has to understand our ends. What it says of records,
// flags, sizes, limits and times is held against the code, which reads the page's own vectors.

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { HEARTBEAT_MS } from "../../host/src/bus/session.js"
import { readPacket } from "../../host/src/trace/packet-records.js"
import { I2C_HEADER_SIZE, I2C_MAX_TRANSFER_BYTES } from "../../shared-protocol/src/device-types/i2c.js"
import * as packet from "../../shared-protocol/src/mailbox/packet.js"
import { BUS_VERSION } from "../../shared-protocol/src/messages/hello.js"

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")
const PAGE = read("docs/bus.md").replace(/\s+/g, " ")
const FIRMWARE = read("firmware/src/endpoint.ts")

/** A number that the firmware keeps to itself. */
const firmwareNumber = (name: string) => new RegExp(`const ${name} = (\\d+)`).exec(FIRMWARE)?.[1]

describe("docs/bus.md", () => {
  it("names every record that our ends send, with its tag and its limits", () => {
    const tags = Object.entries(packet).filter(([name]) => name.startsWith("RECORD_"))
    expect(tags).toHaveLength(3) // a new one belongs on the page, and takes a new bus version
    for (const [, tag] of tags) expect(PAGE).toContain(`| \`${tag.toString(16).padStart(2, "0")}\``)
    expect(PAGE).toContain(
      `1 to ${packet.NEAR_SPAN_MAX_LENGTH} bytes), gap (1: 0 to ${packet.NEAR_SPAN_MAX_GAP})`,
    )
  })

  it("describes a near span as it is read", () => {
    const span = [packet.RECORD_SPAN | 1, 0x20, 2, 0xa1, 0xa2] // area offset 0x120, two bytes
    const near = [packet.RECORD_NEAR_SPAN | (3 - 1), 4, 0xb1, 0xb2, 0xb3] // three bytes, four behind the span's end
    const bytes = Uint8Array.of(packet.PACKET_DATA, 1, 0, 0, 0, ...span, ...near)
    expect(readPacket(bytes)?.records).toMatchObject([
      { kind: "span", offset: 0x120 },
      { kind: "span", offset: 0x120 + 2 + 4 },
    ])
  })

  it.each([
    ["packets", `packets of up to ${packet.MAX_PACKET_SIZE} bytes`],
    ["messages", `Messages are at most ${packet.MAX_MESSAGE_SIZE} bytes`],
    ["areas", `Areas are at most ${packet.MAX_AREA_SIZE} bytes`],
    ["our areas", `(ours: ${firmwareNumber("DRIVER_AREA_SIZE")} + ${firmwareNumber("DEVICE_AREA_SIZE")})`],
    ["the bus version", `Bus version: ${BUS_VERSION}.`],
    ["the version rule", `This page is of bus version ${BUS_VERSION}.`],
    [
      "the flags",
      `flags: ${packet.PACKET_DATA} DATA, ${packet.PACKET_CONNECT} CONNECT, ${packet.PACKET_RESEND} RESEND, ${packet.PACKET_NO_EPOCH} NO_EPOCH`,
    ],
    ["the probe's epoch", `${packet.PROBE_EPOCH} is never an epoch`],
    ["credit", `At most ${packet.DEVICE_CREDIT} packets are unacknowledged in either direction`],
    ["waiting messages", `While messages of ${packet.DEVICE_WAITING_BYTES} bytes wait`],
    ["what each counts", `each counts ${packet.MESSAGE_COST_BYTES} bytes more`],
    ["runs", `more than ${packet.DEVICE_RUN_LIMIT} changed runs`],
    ["the heartbeat", `sends an empty packet every ${HEARTBEAT_MS} ms`],
    ["cut requests", `A request of more than ${I2C_HEADER_SIZE + I2C_MAX_TRANSFER_BYTES} bytes`],
    ["an I2C message", `A message writes or reads at most ${I2C_MAX_TRANSFER_BYTES} bytes`],
  ])("has the code's figure for %s", (_, sentence) => {
    expect(PAGE).toContain(sentence)
  })
})
