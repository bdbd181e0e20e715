// Random bytes of the chip, conditioned. The runtime's random numbers are weak on an RP2040 (docs/devices.md). So
// twice as many of its bytes as are given away go through SHA-256, together with everything that went through before.

import * as ds from "@devicescript/core"
import { digest, randomBuffer } from "@devicescript/crypto"
import type { OwnedBytes } from "../../shared-protocol/src/bytes.js"
import type { EntropySource } from "../../shared-protocol/src/device/rng.js"

const BLOCK_BYTES = 32
/** Raw bytes for one block of output. If each raw bit has half a bit of entropy, they fill a block. */
const RAW_BYTES = 64

export class ConditionedEntropy implements EntropySource {
  /** Known to nobody else: no output shows it, and each block changes it. */
  private pool = Buffer.alloc(BLOCK_BYTES)
  private readonly stamp = Buffer.alloc(8)
  private blockCount = 0

  fill(into: OwnedBytes, offset: number, length: number): void {
    let at = 0
    while (at < length) {
      this.blockCount++
      this.stamp.setAt(0, "u32", this.blockCount >>> 0)
      this.stamp.setAt(4, "u32", ds.millis() >>> 0)
      this.pool = digest("sha256", this.pool, randomBuffer(RAW_BYTES), this.stamp)
      const block = digest("sha256", this.pool, "output")
      const count = length - at < BLOCK_BYTES ? length - at : BLOCK_BYTES
      into.blitAt(offset + at, block as unknown as OwnedBytes, 0, count)
      at += count
    }
  }
}
