// A row of the bridge's own table: one rule of the interface for a device model, in our own words, and how it is checked.

import type { Level, RowText } from "../row.js"
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

/** Makes the rows of a section of docs/bridge.md that are checked, or judged, in one way. */
function rowsOf<How extends "check" | "judge">(level: Level, how: How) {
  return (section: string) =>
    (id: string, requirement: string, run: NonNullable<BridgeRow[How]>): BridgeRow => ({
      ...{ id, side: "device model", level, section, requirement },
      [how]: run,
    })
}

/** Rules that are checked, each in a run of its own. */
export const modelMust = rowsOf("MUST", "check")
/** The same for recommendations. */
export const modelShould = rowsOf("SHOULD", "check")
/** Rules about everything that a model ever says. They are judged in what the model said during the other rows. */
export const modelAlways = rowsOf("MUST", "judge")
