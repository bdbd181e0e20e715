// Bytes to every decoder of a message, and to what the trace makes of messages.

import fc from "fast-check"
import { describeMessage } from "../../../host/src/trace/describe-message.js"
import { bytesOf, plausibleFrame, randomBytes } from "../../shared-protocol/support/arbitraries.js"
import { DECODERS } from "../../shared-protocol/support/decoders.js"
import { type FuzzTarget, plain } from "../target.js"

const plausible = fc
  .constantFrom(...DECODERS)
  .chain(({ type, msgId }) => plausibleFrame(type, msgId))
  .map((frame) => Uint8Array.from(frame))

export const decoders: FuzzTarget<Uint8Array> = {
  name: "decoders",
  about: "random and plausible bytes to every message decoder and to the trace",
  cases: fc.oneof(
    randomBytes(240).map((frame) => Uint8Array.from(frame)),
    plausible,
  ),
  run(bytes) {
    for (const { name, decode } of DECODERS) {
      const result = decode(bytesOf(bytes))
      if (!result.ok && !/\w/.test(result.reason)) throw new Error(`${name} refuses without a reason`)
    }
    describeMessage(bytes)
  },
  ...plain,
}
