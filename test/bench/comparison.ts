// Our measured cost beside the peers' computed ones, on the same links and with the same I2C bus.

import type { OurCost } from "./ours.js"
import { LINK_NAMES, type LinkName, linkMs, type WireCost } from "./peers/contender.js"
import { PEERS } from "./peers/index.js"
import { i2cMs, type Workload } from "./workloads.js"

export interface Row extends WireCost {
  readonly contender: string
  /** Milliseconds on each link, the I2C bus's time included; undefined on a link that it does not run on. */
  readonly ms: Partial<Record<LinkName, number>>
}

export interface Comparison {
  readonly workload: Workload
  readonly i2cMs: number
  readonly rows: readonly Row[]
}

/** One comparison for each of our costs. */
export function compare(ours: readonly OurCost[]): Comparison[] {
  return ours.map(({ workload, traffic }) => {
    const busMs = i2cMs(workload)
    const timesOf = (cost: WireCost, links: readonly LinkName[], canPipeline: boolean) =>
      Object.fromEntries(links.map((link) => [link, busMs + linkMs(link, cost, canPipeline)]))
    const mine: WireCost = {
      outBytes: traffic.wireOut,
      inBytes: traffic.wireIn,
      roundTrips: workload.kind === "initialise" ? traffic.packetsIn : traffic.kicks,
    }
    const rows: Row[] = [{ contender: "virtio-msg", ...mine, ms: timesOf(mine, LINK_NAMES, false) }]
    for (const { name, links, canPipeline, cost } of PEERS) {
      const theirs = cost(workload)
      if (theirs) rows.push({ contender: name, ...theirs, ms: timesOf(theirs, links, canPipeline) })
    }
    return { workload, i2cMs: busMs, rows }
  })
}
