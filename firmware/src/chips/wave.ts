// The weather that the simulated sensors measure: slow, without noise, and the same in every run.

/** A triangle wave over time: `low` at 0 ms, `high` at half of `periodMs`, then back; in the unit of `low` and `high`. */
export function triangle(nowMs: number, periodMs: number, low: number, high: number): number {
  const phase = (nowMs % periodMs) / periodMs
  return low + (high - low) * (phase < 0.5 ? 2 * phase : 2 - 2 * phase)
}
