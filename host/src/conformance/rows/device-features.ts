// Rows of the device about feature bits: V16 to V18, V31, V32 (virtio-msg "Feature Blocks", "Feature Negotiation").

import { FEATURE_NOTIF_CONFIG_DATA_BLOCK1 } from "../../../../shared-protocol/src/device-types/feature-bits.js"
import { STATUS_FEATURES_OK } from "../../../../shared-protocol/src/messages/status.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { type DeviceBench, UP_TO_FEATURES_OK } from "../device-bench.js"
import { deviceMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"

const blocks = deviceMust("Feature Blocks")
const negotiation = deviceMust("Feature Negotiation")

/** The usual selection, and the same with a bit that is not offered, in one of the first two blocks. */
async function selections(bench: DeviceBench) {
  const offered = await bench.offered()
  const good = await bench.selection()
  for (const [block, bits] of offered.slice(0, 2).entries())
    for (let bit = 23; bit >= 0; bit--) {
      if ((bits >>> bit) & 1) continue
      const bad = [...good]
      bad[block] = ((bad[block] ?? 0) | (1 << bit)) >>> 0
      return { good, bad, block, bit }
    }
  return skip("The device offers every feature bit.")
}

export const DEVICE_FEATURE_ROWS: readonly Row[] = [
  blocks("V16", "Feature blocks beyond those that the device has read as 0.", async (bench) => {
    const { numFeatureBlocks } = bench.info
    for (const [first, count] of [
      [numFeatureBlocks, 1],
      [numFeatureBlocks + 1, 4],
      [0x10000, 2],
      [0xfffffff0, 1],
    ] as const) {
      const features = await bench.getFeatures(first, count)
      expect(
        features.length === count,
        `Asked for ${counted(count, "block")} from ${hex(first)}, got ${features.length}.`,
      )
      expect(
        features.every((bits) => bits === 0),
        `Blocks from ${hex(first)} on read ${features.map((bits) => hex(bits)).join(", ")}.`,
      )
    }
  }),
  blocks("V17", "SET_DRIVER_FEATURES changes the blocks that it names, and no other.", async (bench) => {
    const { good, bad, block } = await selections(bench)
    // a bit that cannot be accepted, in one block; then another block is written, and the bit has to stay
    await bench.negotiate()
    await bench.toDriver()
    await bench.setFeatures(0, bad)
    const other = block === 0 ? 1 : 0
    await bench.setFeatures(other, [good[other] ?? 0])
    const refused = await bench.setStatus(UP_TO_FEATURES_OK)
    expect(
      (refused & STATUS_FEATURES_OK) === 0,
      `A write of block ${other} made block ${block} forget a bit.`,
    )
    await bench.toDriver()
    await bench.setFeatures(1, [good[1] ?? 0])
    await bench.setFeatures(0, [good[0] ?? 0])
    const taken = await bench.setStatus(UP_TO_FEATURES_OK)
    expect((taken & STATUS_FEATURES_OK) !== 0, "Features written block by block were refused.")
  }),
  blocks("V18", "GET_DEVICE_FEATURES reports what is offered, whatever was selected.", async (bench) => {
    await bench.reset()
    const before = await bench.offered()
    await bench.negotiate()
    const after = await bench.offered()
    expect(
      before.join() === after.join(),
      `Offered were ${before.map((bits) => hex(bits)).join(", ")}; after negotiation ${after.map((bits) => hex(bits)).join(", ")}.`,
    )
  }),
  negotiation("V31", "VIRTIO_F_NOTIF_CONFIG_DATA (bit 39) is not offered.", async (bench) => {
    const block1 = (await bench.offered())[1] ?? 0
    expect((block1 & FEATURE_NOTIF_CONFIG_DATA_BLOCK1) === 0, "Bit 39 is offered.")
  }),
  negotiation(
    "V32",
    "A selection that the device cannot support clears FEATURES_OK in the status that is answered.",
    async (bench) => {
      const { good, bad, block, bit } = await selections(bench)
      await bench.toDriver()
      await bench.setFeatures(0, bad)
      const status = await bench.setStatus(UP_TO_FEATURES_OK)
      expect(
        (status & STATUS_FEATURES_OK) === 0,
        `Bit ${32 * block + bit} is not offered, but FEATURES_OK stayed set.`,
      )
      const read = await bench.getStatus()
      expect((read & STATUS_FEATURES_OK) === 0, "FEATURES_OK was refused, but GET_DEVICE_STATUS shows it.")
      await bench.toDriver()
      await bench.setFeatures(bench.info.numFeatureBlocks, [1])
      await bench.setFeatures(0, good)
      const beyond = await bench.setStatus(UP_TO_FEATURES_OK)
      expect(
        (beyond & STATUS_FEATURES_OK) === 0,
        "A bit beyond the last block was selected, but FEATURES_OK stayed set.",
      )
    },
  ),
]
