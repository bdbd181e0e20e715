// The counters, and the rest of the M4's sending budget.

import { BUDGET_BURST, type WayCount } from "../wire/counters.js"
import type { WireModel } from "../wire/wire-model.js"
import { byId, setText } from "./dom.js"

const SHOWN: readonly (keyof WayCount)[] = ["packets", "bytes", "messages", "lost", "again"]

/** Shows the counters. */
export function showTraffic({ counters }: WireModel): void {
  for (const way of ["out", "in"] as const)
    for (const name of SHOWN) setText(byId(`${way}-${name}`), counters[way][name].toLocaleString("en"))
  setText(byId("round-trips"), counters.roundTripCount.toLocaleString("en"))
  setText(byId("round-trip-last"), milliseconds(counters.lastRoundTripMs))
  setText(byId("round-trip-median"), milliseconds(counters.medianRoundTripMs))
}

/** Shows the budget. `nowMs` is the bench's time, with which it grows back. */
export function showBudget({ counters }: WireModel, nowMs: number): void {
  const budget = counters.budget(nowMs)
  const meter = byId<HTMLMeterElement>("budget")
  if (meter.value !== budget) meter.value = budget
  setText(byId("budget-text"), `${budget.toFixed(1)} of ${BUDGET_BURST} packets, 50 a second`)
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "–" : `${value.toFixed(1)} ms`
}
