// docs/performance.md's tables of what is counted and computed: written from the benchmark's results, so that the page
// never tells what was true once. What was measured on an emulated chip stands on the page as it was measured.

import { chipMs } from "../../host/src/vm/chip-model.js"
import { MAX_PACKET_SIZE } from "../../shared-protocol/src/mailbox/packet.js"
import { MEASUREMENTS } from "./chip-measurements.js"
import { THROTTLE_BYTES_PER_S } from "./ours.js"
import type { Results } from "./report.js"

const MS_PER_S = 1000
/** Of a table's and a paragraph's lines behind its marker, which the page shows to nobody. */
const BLOCK = /^<!-- computed: (.+) -->\n((?:.+\n)*)/gm

/** A figure of the page may be off by so much: what any change of the firmware does to the heap moves the last digit. */
const NEAR = { ratio: 0.02, step: 0.1 }
const FIGURE = /\d[\d,]*(?:\.\d+)?/g

type Cells = readonly (string | number)[]
/** How each block of the page is made; the marker on the line before it names it. */
const BLOCKS: Readonly<Record<string, (results: Results) => string>> = {
  "on the wire": onTheWire,
  "bulk reads": bulkReads,
  "beside others": besideOthers,
  "register reads": registerReads,
  scans,
  "a single read": singleRead,
  rings,
}

/** `page` with every marked block as `results` have it. Throws for a marker of none, and for a block without a marker. */
export function renderPage(page: string, results: Results): string {
  const missing = new Set(Object.keys(BLOCKS))
  const rendered = page.replace(BLOCK, (_, name: string) => {
    const block = BLOCKS[name]
    if (!block) throw new Error(`docs/performance.md wants "${name}", which nothing computes`)
    missing.delete(name)
    return `<!-- computed: ${name} -->\n${block(results)}\n`
  })
  if (missing.size > 0) throw new Error(`docs/performance.md has no block for ${[...missing].join(", ")}`)
  return rendered
}

/** Whether both pages say the same, their figures near enough. */
export function areAlike(page: string, other: string): boolean {
  const words = (text: string) => text.replace(FIGURE, "#").replace(/ +|-+/g, " ")
  const figures = (text: string) =>
    (text.match(FIGURE) ?? []).map((figure) => Number(figure.replaceAll(",", "")))
  if (words(page) !== words(other)) return false
  const others = figures(other)
  return figures(page).every((figure, at) => {
    const apart = Math.abs(figure - (others[at] as number))
    return apart <= NEAR.ratio * figure || apart <= NEAR.step * 1.01
  })
}

function onTheWire({ ours, sustained }: Results): string {
  const eepromInFlight = sustained.find(({ title, inFlight }) => title.includes("256") && inFlight === 4)
  return table(
    ["work", "packets out, in", "bytes out, in", "bytes a transfer", "under the throttle, again and again"],
    ours.map(({ workload, traffic, burstMs, sustainedMs }) => {
      const { transfers, kind, bytesEach } = workload
      const bytes = traffic.payloadOut + traffic.payloadIn
      const perS = (transfers * MS_PER_S) / sustainedMs
      const again = {
        "register-reads": `${roundTo(perS, 10)} a second`,
        "block-read": `${perS.toFixed(0)} a second, ${eepromInFlight?.transfersPerS.toFixed(0)} with four in flight`,
        scan: `${sustainedMs.toFixed(0)} ms, and the chip's own time below`,
        initialise: `${burstMs.toFixed(0)} ms from program start`,
      }
      return [
        workload.title,
        `${traffic.packetsOut}, ${traffic.packetsIn}`,
        `${traffic.payloadOut}, ${traffic.payloadIn}`,
        kind === "block-read"
          ? `${(bytes / bytesEach).toFixed(2)} x the data`
          : kind === "initialise"
            ? ""
            : shortly(bytes / transfers),
        again[kind],
      ]
    }),
  )
}

function bulkReads({ ours, sustained }: Results): string {
  const shares = sustained
    .filter(({ title }) => title.startsWith("EEPROM"))
    .map(({ inFlight, bytesPerS }) => ({ inFlight, share: (100 * bytesPerS) / THROTTLE_BYTES_PER_S }))
  const many = shares.filter(({ inFlight }) => inFlight >= 4).map(({ share }) => share)
  const one = shares.find(({ inFlight }) => inFlight === 1)
  const first = ours.find(({ workload }) => workload.id === "eeprom")?.first
  const firstBytes = (first?.payloadOut ?? 0) + (first?.payloadIn ?? 0)
  return [
    `EEPROM reads of 256 bytes with four or more in flight bring ${between(many, 0)} % of the throttle's bytes a second as`,
    `data. One at a time brings ${one?.share.toFixed(0)} %, because its second packet is nearly empty. The first one after other work describes`,
    `its slots anew: ${first?.payloadOut} and ${first?.payloadIn} bytes, ${(firstBytes / 256).toFixed(2)} times the data.`,
  ].join("\n")
}

function besideOthers({ comparison }: Results): string {
  const shown = comparison.filter(({ workload }) => workload.kind !== "initialise")
  const names = shown[0]?.rows.map(({ contender }) => contender) ?? []
  const heads = {
    read: "1 read",
    "batch-8": "8 reads",
    "batch-32": "32 reads",
    eeprom: "256 bytes",
    scan: "scan",
  }
  return table(
    [
      "at 921,600 baud / USB full speed",
      ...shown.map(({ workload }) => heads[workload.id as keyof typeof heads]),
    ],
    names.map((name) => [
      name,
      ...shown.map(({ rows }) => {
        const ms = rows.find(({ contender }) => contender === name)?.ms
        return `${ms?.["921600"] === undefined ? "-" : shortly(ms["921600"])} / ${shortly(ms?.usb ?? 0)}`
      }),
    ]),
  )
}

function registerReads({ chip }: Results): string {
  const former = (batch: number) => {
    const how = batch === 1 ? "one at a time" : `${batch} at a time`
    const of = MEASUREMENTS.find(({ title }) => title === `simulated chips, I2C alone: a read, ${how}`)
    return of ? `${chipMs(of.counts).toFixed(1)} ms` : "-"
  }
  return table(
    [
      "register reads, computed",
      "operations",
      "property reads",
      "names",
      "allocations",
      "RP2040 at 125 MHz",
      "version 0.1.0",
    ],
    chip.map(({ board, title, batch, perRead, ms }) => [
      title,
      perRead.operations.toFixed(0),
      perRead.properties.toFixed(0),
      perRead.names.toFixed(0),
      perRead.allocations.toFixed(0),
      `${ms.toFixed(1)} ms`,
      board === "I2C alone" ? former(batch) : "",
    ]),
  )
}

function scans(results: Results): string {
  const of = (isFirst: boolean): Cells => {
    const alike = results.scans.filter((scan) => scan.isFirst === isFirst)
    const numbers = (value: (scan: (typeof alike)[number]) => number) => between(alike.map(value), 0)
    return [
      isFirst ? "the first after initialisation" : "the third, and those after it",
      numbers(({ traffic }) => traffic.packetsOut),
      numbers(({ traffic }) => traffic.payloadOut),
      numbers(({ traffic }) => traffic.packetsIn),
      numbers(({ counts }) => counts.operations),
      `${numbers(({ ms }) => ms)} ms`,
    ]
  }
  return table(
    [
      "scan of 112 addresses, computed",
      "packets out",
      "bytes out",
      "packets in",
      "operations",
      "RP2040 at 125 MHz, without the bus's time",
    ],
    [of(true), of(false)],
  )
}

function singleRead({ chip, chipParts }: Results): string {
  const perS = (batch: number) => {
    const i2cMs = 0.12
    const rates = chip.filter((cost) => cost.batch === batch).map(({ ms }) => MS_PER_S / (ms + i2cMs))
    return roundTo(Math.min(...rates), 10)
  }
  return [
    `Computed: of a single read within the burst ${between(
      chipParts.map(({ meanMs }) => meanMs),
      1,
    )} ms lie between the host's packet and the answer, on either board. By the`,
    `model an RP2040 serves ${perS(1)} single reads a second and ${perS(32)} in batches of 32, with the bus's time: with 32 in flight the chip`,
    "is the limit, not the throttle.",
  ].join("\n")
}

function rings(results: Results): string {
  const kinds = [...new Set(results.rings.map(({ kind }) => kind))]
  return table(
    ["kind", "", "lengths alike: out, in", "lengths various: out, in", "packets back"],
    kinds.map((kind) => {
      const costs = results.rings.filter((ring) => ring.kind === kind && ring.batch === 32)
      const cell = (isAlike: boolean) => {
        const cost = costs.find((ring) => ring.isAlike === isAlike)
        return `${cost?.payloadOut}, ${cost?.payloadIn}`
      }
      const packets = costs.map(({ payloadIn }) => Math.ceil(payloadIn / MAX_PACKET_SIZE))
      const how = costs[0]?.isMeasured ? "counted" : "computed"
      return [kind, how, cell(true), cell(false), between(packets, 0)]
    }),
  )
}

/** Two digits, or one behind the point. */
function shortly(value: number): string {
  return value < 99.5 ? value.toFixed(1) : value.toFixed(0)
}

function roundTo(value: number, step: number): number {
  return Math.round(value / step) * step
}

/** One number, or the least and the most. */
function between(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)].map((value) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  return least === most ? (least as string) : `${least} to ${most}`
}

/** In Markdown, its columns as wide as their widest cell. */
function table(headings: Cells, lines: readonly Cells[]): string {
  const all = [headings, ...lines].map((cells) => cells.map(String))
  const widths = headings.map((_, at) => Math.max(...all.map((cells) => (cells[at] as string).length)))
  const [first = "", ...others] = all.map(
    (cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] as number)).join(" | ")} |`,
  )
  return [first, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...others].join("\n")
}
