// docs/bus.md is the bus's specification: who implements the page has to understand our ends. What it says of records,
// flags, sizes, limits and times is held against the code, which reads the page's own vectors.

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { REQUEST_TIMEOUT_MS } from "../../host/src/bus/bus.js"
import { HEARTBEAT_MS } from "../../host/src/bus/heartbeat.js"
import { readPacket } from "../../host/src/trace/packet-records.js"
import { I2C_HEADER_SIZE, I2C_MAX_TRANSFER_BYTES } from "../../shared-protocol/src/device-types/i2c.js"
import * as packet from "../../shared-protocol/src/mailbox/packet.js"
import { BUS_VERSION } from "../../shared-protocol/src/messages/hello.js"

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")
const PAGE = read("docs/bus.md").replace(/\s+/g, " ")

/** The numbers that a file keeps to itself. */
function numbersOf(file: string): (name: string) => number {
  const source = read(file)
  return (name) => {
    const digits = new RegExp(`^const ${name} = ([\\d_]+)$`, "m").exec(source)?.[1]
    if (digits === undefined) throw new Error(`${file} has no number ${name}`)
    return Number(digits.replaceAll("_", ""))
  }
}

const heartbeat = numbersOf("host/src/bus/heartbeat.ts")
const handshake = numbersOf("host/src/bus/handshake.ts")
const connection = numbersOf("host/src/bus/connection.ts")
const dialIn = numbersOf("host/src/node/dial-in-link.ts")
const jacdac = numbersOf("host/src/link/jacdac-link.ts")
const gate = numbersOf("host/src/bus/request-gate.ts")
const endpoint = numbersOf("shared-protocol/src/mailbox/endpoint.ts")
const i2cAdapter = numbersOf("host/src/driver/i2c-adapter.ts")
const device = numbersOf("host/src/driver/virtio-device.ts")
const areas = numbersOf("firmware/src/endpoint.ts")
const service = numbersOf("firmware/src/mailbox-service.ts")
const dialService = numbersOf("firmware/src/dial-service.ts")
const wires = numbersOf("firmware/src/hardware-bus.ts")
const seconds = (ms: number) => `${ms / 1000} s`
const WORDS = ["none", "one", "two", "three", "four", "five", "six"]

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
    ["our areas", `(ours: ${areas("DRIVER_AREA_SIZE")} + ${areas("DEVICE_AREA_SIZE")})`],
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
  it.each([
    [
      "what is sent again",
      `after ${heartbeat("FIRST_RESEND_MS")} ms, then after half as long again each time, at most ${heartbeat("LONGEST_RESEND_MS")} ms; after ${heartbeat("RESEND_TRIES")} repetitions`,
    ],
    ["asking again", `nothing came for ${heartbeat("ASK_AGAIN_MS")} ms`],
    [
      "a device that repeats by itself",
      `hears nothing for ${service("WATCH_MS")} ms repeats its unacknowledged packets by itself, ${service("RESEND_TRIES")} times`,
    ],
    [
      "announcements",
      `announces itself every ${service("WATCH_MS")} ms only while no host has spoken for ${seconds(service("QUIET_MS"))}`,
    ],
    ["another epoch", `hears no HELLO for ${seconds(handshake("NEXT_EPOCH_MS"))} takes another number`],
    ["the throttle", `a packet costs ${service("SLOT_MS")} ms`],
    ["acknowledging alone", `only after ${WORDS[endpoint("ACKNOWLEDGE_AFTER")]} data packets`],
    ["requests in flight", `at most ${gate("LIMIT")} requests in flight`],
    [
      "finding the service",
      `| ${seconds(jacdac("DISCOVERY_MS"))}, and ${seconds(jacdac("PROGRAM_START_MS"))} more where a board is there`,
    ],
    ["HELLO", `| HELLO | ${seconds(handshake("HELLO_TIMEOUT_MS"))} |`],
    [
      "a request",
      `| ${seconds(REQUEST_TIMEOUT_MS)}, and ${seconds(REQUEST_TIMEOUT_MS)} before that for its turn |`,
    ],
    ["a reset", `| ${seconds(device("RESET_TIMEOUT_MS"))}, asked every ${device("RESET_POLL_MS")} ms |`],
    ["a transfer", `| ${seconds(i2cAdapter("DEFAULT_TIMEOUT_MS"))} without any completion;`],
    [
      "reconnecting",
      `| ${connection("RECONNECT_TRIES")} attempts, ${connection("RECONNECT_MS")} ms apart; then one for each call |`,
    ],
    ["a link that is gone", `looked for at each call, and every ${connection("REOPEN_MS")} ms until closed`],
    ["a greeting", `not greeted within ${seconds(dialIn("GREETING_MS"))}`],
    [
      "silence on TCP, of the host",
      `an empty record every ${seconds(dialIn("TICK_MS"))}, and closes the connection after it has heard nothing for ${dialIn("SILENT_TICKS")} of`,
    ],
    [
      "silence on TCP, of the board",
      `an empty record every ${seconds(dialService("TICK_MS"))}, and closes the connection after it has heard nothing for ${dialService("SILENT_TICKS")} of`,
    ],
    [
      "what a board takes at once",
      `takes ${dialService("MOST_PACKETS")} packets or ${dialService("MOST_BYTES")} bytes at a time, and hangs up on a host that is ${dialService("MOST_WAITING")} bytes ahead`,
    ],
    [
      "dialling again",
      `dials again after ${dialService("FIRST_PAUSE_MS")} ms, then after twice as long each time, at most ${seconds(dialService("LAST_PAUSE_MS"))}`,
    ],
    [
      "waiting for a board that dials",
      `each call for at most ${seconds(dialIn("NEXT_WAIT_MS"))}; for the first time, ${seconds(dialIn("FIRST_WAIT_MS"))}`,
    ],
    [
      "a held I2C bus",
      `${WORDS[wires("HELD_AFTER")]} transactions in a row fail more than ${wires("TIMEOUT_MS")} ms later`,
    ],
    ["a Pico whose bus is held", `says TIMEOUT after ${seconds(i2cAdapter("DEFAULT_TIMEOUT_MS"))}`],
  ])("has the code's time for %s", (_, sentence) => {
    expect(PAGE).toContain(sentence)
  })
})

it("docs/own-chips.md has the code's figure for a message", () => {
  expect(read("docs/own-chips.md")).toContain(`up to ${I2C_MAX_TRANSFER_BYTES} bytes.`)
})
