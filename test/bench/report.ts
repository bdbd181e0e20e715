// The benchmark's results as text.

import { MAX_PACKET_SIZE } from "../../shared-protocol/src/mailbox/packet.js"
import type { ChipCost, ScanCost } from "./chip.js"
import type { Comparison } from "./comparison.js"
import type { DeviceSideCost } from "./device-side.js"
import type { DialInCost } from "./dial-in.js"
import type { HostCost } from "./host-cpu.js"
import { type ChipPart, type Latency, SLOT_MS } from "./latency.js"
import { type OurCost, type Sustained, THROTTLE_BYTES_PER_S, THROTTLE_PACKETS_PER_S } from "./ours.js"
import { LINK_NAMES } from "./peers/contender.js"
import type { RingCost } from "./ring-choices.js"
import type { SerialCost } from "./serial-cpu.js"
import type { Size } from "./sizes.js"

/** Everything that one run finds out; host costs are times, and may be left out. */
export interface Results {
  readonly ours: readonly OurCost[]
  readonly sustained: readonly Sustained[]
  readonly latency: readonly Latency[]
  readonly chip: readonly ChipCost[]
  readonly scans: readonly ScanCost[]
  readonly chipParts: readonly ChipPart[]
  readonly comparison: readonly Comparison[]
  readonly rings: readonly RingCost[]
  readonly sizes: readonly Size[]
  readonly dialIn?: readonly DialInCost[]
  readonly host?: readonly HostCost[]
  readonly serial?: readonly SerialCost[]
  readonly deviceSides?: readonly DeviceSideCost[]
}

/** Lines for a terminal of 110 columns. */
export function report(results: Results): string {
  const parts = [
    counts(results.ours),
    sustained(results.sustained),
    latency(results.latency, results.chipParts),
    chip(results.chip),
    scans(results.scans),
    ...results.comparison.map(comparison),
    rings(results.rings),
    sizes(results.sizes),
  ]
  if (results.dialIn) parts.push(dialIn(results.dialIn))
  if (results.host) parts.push(host(results.host))
  if (results.serial && results.serial.length > 0) parts.push(serial(results.serial))
  if (results.deviceSides && results.deviceSides.length > 0) parts.push(deviceSides(results.deviceSides))
  return parts.join("\n\n")
}

function counts(ours: readonly OurCost[]): string {
  return table(
    "What it costs: packets and payload bytes each way, bytes on Jacdac's serial line, round trips;\n" +
      "virtual milliseconds after a rest, and when done again and again (the chip's own time not included)",
    ["", "out", "in", "bytes out", "bytes in", "wire out", "wire in", "trips", "ms rested", "ms sustained"],
    ours.map(({ workload, traffic, burstMs, sustainedMs }) => [
      workload.title,
      traffic.packetsOut,
      traffic.packetsIn,
      traffic.payloadOut,
      traffic.payloadIn,
      traffic.wireOut,
      traffic.wireIn,
      workload.kind === "initialise" ? traffic.packetsIn : traffic.kicks,
      burstMs.toFixed(0),
      sustainedMs.toFixed(1),
    ]),
  )
}

function sustained(results: readonly Sustained[]): string {
  return table(
    `Sustained under the throttle (${THROTTLE_PACKETS_PER_S} packets, ${THROTTLE_BYTES_PER_S} bytes a second is the link's ceiling)`,
    ["", "in flight", "transfers/s", "data bytes/s", "of ceiling", "packets/s"],
    results.map(({ title, inFlight, transfersPerS, bytesPerS, packetsPerS }) => [
      title,
      inFlight,
      transfersPerS.toFixed(0),
      bytesPerS.toFixed(0),
      `${((100 * bytesPerS) / THROTTLE_BYTES_PER_S).toFixed(0)} %`,
      packetsPerS.toFixed(1),
    ]),
  )
}

function latency(results: readonly Latency[], chipParts: readonly ChipPart[]): string {
  const waits = table(
    `The longest wait of a single call, in virtual milliseconds (a slot of the throttle is ${SLOT_MS})`,
    ["", "ms"],
    results.map(({ title, worstMs }) => [title, worstMs.toFixed(0)]),
  )
  const parts = chipParts.map(
    ({ board, meanMs, worstMs }) =>
      `  an RP2040's own part of a single read, by the model: ${meanMs.toFixed(2)} ms, ` +
      `with a collection ${worstMs.toFixed(2)} (${board})`,
  )
  return [waits, ...parts].join("\n")
}

function chip(costs: readonly ChipCost[]): string {
  return table(
    "What the VM does for each register read of two chains, and an RP2040's time for it by the model",
    ["register reads", "operations", "calls", "allocations", "bytes filled", "collections", "RP2040 ms"],
    costs.map(({ title, perRead, ms }) => [
      title,
      perRead.operations.toFixed(0),
      perRead.calls.toFixed(1),
      perRead.allocations.toFixed(1),
      perRead.filledBytes.toFixed(0),
      perRead.collections.toFixed(3),
      ms.toFixed(2),
    ]),
  )
}

function scans(costs: readonly ScanCost[]): string {
  return table(
    "A scan of 112 addresses, the first one after initialisation and a later one",
    ["", "packets out", "bytes out", "bytes in", "operations", "properties", "allocations", "RP2040 ms"],
    costs.map(({ title, traffic, counts, ms }) => [
      title,
      traffic.packetsOut,
      traffic.payloadOut,
      traffic.payloadIn,
      counts.operations,
      counts.properties,
      counts.allocations,
      ms.toFixed(0),
    ]),
  )
}

function comparison({ workload, i2cMs, rows }: Comparison): string {
  const bus = i2cMs > 0 ? `\n(the I2C bus at 400 kHz takes ${i2cMs.toFixed(2)} ms of them)` : ""
  return table(
    `${workload.title} beside others: wire bytes, round trips, milliseconds on each link${bus}`,
    ["", "wire out", "wire in", "trips", ...LINK_NAMES.map((link) => (link === "usb" ? "USB FS" : link))],
    rows.map(({ contender, outBytes, inBytes, roundTrips, ms }) => [
      contender,
      outBytes,
      inBytes,
      roundTrips,
      ...LINK_NAMES.map((link) => ms[link]?.toFixed(2) ?? "-"),
    ]),
  )
}

function rings(costs: readonly RingCost[]): string {
  return table(
    "Kinds of rings: payload bytes of a kick of register reads in a warm queue, over a link without a VM",
    ["", "reads", "lengths", "bytes out", "bytes in", "a read", "packets", ""],
    costs.map(({ kind, batch, isAlike, payloadOut, payloadIn, isMeasured }) => [
      kind,
      batch,
      isAlike ? "alike" : "various",
      payloadOut,
      payloadIn,
      ((payloadOut + payloadIn) / batch).toFixed(1),
      Math.ceil(payloadOut / MAX_PACKET_SIZE) + Math.ceil(payloadIn / MAX_PACKET_SIZE),
      isMeasured ? "measured" : "computed",
    ]),
  )
}

function dialIn(costs: readonly DialInCost[]): string {
  return table(
    "A board that dials in over TCP, without the throttle: the VM (a time: it varies)",
    ["", "per second"],
    costs.map(({ title, perS }) => [title, perS.toFixed(0)]),
  )
}

function sizes(results: readonly Size[]): string {
  return table(
    "Size",
    ["", "bytes"],
    results.map(({ title, bytes }) => [title, bytes]),
  )
}

function host(costs: readonly HostCost[]): string {
  return table(
    "This computer's processor (a time: it varies)",
    ["", "", ""],
    costs.map(({ title, value, unit }) => [title, value.toFixed(1), unit]),
  )
}

function serial(costs: readonly SerialCost[]): string {
  return table(
    "This computer's processor and the round trip over a pseudo-terminal at whose other end a process answers at once,\n" +
      "as multiples of bytes that come back through the same serial stack (the ratios vary less than the times)",
    ["", "CPU us", "round trip us", "CPU ratio", "round trip ratio"],
    costs.map(({ title, cpuUs, roundTripUs, cpuRatio, roundTripRatio }) => [
      title,
      cpuUs.toFixed(0),
      roundTripUs.toFixed(0),
      cpuRatio.toFixed(2),
      roundTripRatio.toFixed(2),
    ]),
  )
}

function deviceSides(costs: readonly DeviceSideCost[]): string {
  return table(
    "One I2C transfer of a Linux, a write and a read of a byte, on native device code behind either way, before it a process\n" +
      "in C that plays the kernel or QEMU and waits for the interrupt; as multiples of vhost-user (no kernel's part is in it)",
    ["", "round trip us", "CPU us", "round trip ratio", "CPU ratio"],
    costs.map(({ title, p50Us, cpuUs, p50Ratio, cpuRatio }) => [
      title,
      p50Us.toFixed(1),
      cpuUs.toFixed(1),
      p50Ratio.toFixed(2),
      cpuRatio.toFixed(2),
    ]),
  )
}

/** A title, a line of headings, and lines of cells; all but the first column to the right. */
function table(
  title: string,
  headings: readonly string[],
  lines: readonly (readonly (string | number)[])[],
): string {
  const all = [headings, ...lines].map((cells) => cells.map(String))
  const widths = headings.map((_, at) => Math.max(...all.map((cells) => (cells[at] as string).length)))
  const text = all
    .map((cells) =>
      cells
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[at] as number) : cell.padStart(widths[at] as number),
        )
        .join("  ")
        .trimEnd(),
    )
    .filter((line) => line !== "")
  return [title, ...text.map((line) => `  ${line}`)].join("\n")
}
