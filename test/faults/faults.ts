// What goes wrong on a wire, as shares and rates; what happens when follows from these and a seed.

/** Shares are of frames, 0 to 1; a frame is what one side writes at once. */
export interface Faults {
  /** Frames that vanish. */
  readonly loss: number
  /** Of each bit on the wire, inside frames and between them. */
  readonly bitErrorRate: number
  /** Frames that arrive twice. */
  readonly duplication: number
  /** Frames that arrive late, so that others overtake them. */
  readonly reordering: number
  /** Frames of which a run of bytes at a random place, up to the end, is missing. */
  readonly truncation: number
  /** Frames with random bytes in front of them. */
  readonly garbage: number
  /** Frames with a line of log text in front of them. */
  readonly consoleText: number
  /** What a frame takes at least, and how much more at most, in milliseconds. */
  readonly latencyMs: number
  readonly jitterMs: number
}

/** A good cable. */
export const NO_FAULTS: Faults = {
  loss: 0,
  bitErrorRate: 0,
  duplication: 0,
  reordering: 0,
  truncation: 0,
  garbage: 0,
  consoleText: 0,
  latencyMs: 1,
  jitterMs: 0,
}

/** Everything at once, but for loss, which each run chooses. */
export const ALL_FAULTS: Faults = {
  loss: 0,
  bitErrorRate: 1e-5,
  duplication: 0.01,
  reordering: 0.01,
  truncation: 0.005,
  garbage: 0.01,
  consoleText: 0.01,
  latencyMs: 1,
  jitterMs: 2,
}
