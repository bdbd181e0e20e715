// The one trace of this process. Every bus that a command opens reports to it, and so does a simulated board that
// others use. --trace, `trace --` and other processes read it. While nobody reads, it costs nothing.

import { Trace } from "../trace/trace.js"

export const processTrace = new Trace()

/** What to add to the trace's milliseconds to get those since 1970. */
export const EPOCH_OFFSET_MS = performance.timeOrigin
