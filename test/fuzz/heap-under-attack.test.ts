// How near a hostile driver comes to the end of the chip's heap: the dearest that was found, against a firmware that
// holds some of its heap back. What is left differs from board to board, and with what came before.

import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { withSettings } from "../../host/src/deploy/program-image.js"
import { compileFirmware } from "../support/compile-firmware.js"
import { loadSequence, runHostile } from "./hostile-actions.js"
import { HostileDriver } from "./hostile-driver.js"
import { fromCorpusText } from "./target.js"
import { VmWire } from "./vm-wire.js"

/** The longest chains in the largest queue, all devices in use, then the longest answers and no acknowledgement. */
const CASE = new URL("corpus/firmware/longest-lists-and-longest-answers.json", import.meta.url)
const PIECE_BYTES = 128
const HELD_BACK_BYTES = 4096

describe("a hostile driver that makes the firmware keep all it can", () => {
  it(`leaves ${HELD_BACK_BYTES} of the heap's 64 kB, and the next driver is served`, async () => {
    const ballast = "x".repeat(HELD_BACK_BYTES / PIECE_BYTES)
    const wire = await VmWire.start(
      withSettings(compileFirmware("main-ballast"), new Map([["test.ballast", ballast]])),
    )
    await runHostile(new HostileDriver(wire), loadSequence(fromCorpusText(readFileSync(CASE, "utf8"))))
    expect(wire.failure).toBe("")
    wire.stop()
  })
})
