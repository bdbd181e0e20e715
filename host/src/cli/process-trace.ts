// The one trace of this process: every bus that a command opens reports to it, and so does a simulated board that is
// offered to others. --trace, `trace --` and whoever attaches read from here; unread, it costs nothing.

import { Trace } from "../trace/trace.js"

export const processTrace = new Trace()

/** What to add to the trace's milliseconds to get those since 1970. */
export const EPOCH_OFFSET_MS = performance.timeOrigin
