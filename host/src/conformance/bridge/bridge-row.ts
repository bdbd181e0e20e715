// A row of the bridge's own table: one rule of the interface for a device model, in our own words, and how it is checked.

import type { RowText } from "../row.js"
import type { ModelBench } from "./model-bench.js"

export interface BridgeRow extends RowText {
  /**
   * Starts the model on a bench of its own. Returns when the model does what it should, and throws a `Verdict`
   * otherwise.
   */
  readonly check?: (bench: ModelBench) => Promise<void>
  /** Judges each run of all rows, after them. */
  readonly judge?: (bench: ModelBench) => void
}

/** A rule that is checked in a run of its own. `section` is docs/bridge.md's. */
export function modelMust(
  id: string,
  section: string,
  requirement: string,
  check: (bench: ModelBench) => Promise<void>,
): BridgeRow {
  return { id, side: "device model", level: "MUST", section, requirement, check }
}

/** The same for a recommendation. */
export function modelShould(
  id: string,
  section: string,
  requirement: string,
  check: (bench: ModelBench) => Promise<void>,
): BridgeRow {
  return { ...modelMust(id, section, requirement, check), level: "SHOULD" }
}

/** A rule about everything that a model ever says. It is judged in what the model said during the other rows. */
export function modelAlways(
  id: string,
  section: string,
  requirement: string,
  judge: (bench: ModelBench) => void,
): BridgeRow {
  return { id, side: "device model", level: "MUST", section, requirement, judge }
}
