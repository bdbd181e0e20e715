// Rows of the driver about virtio-i2c requests: I20 to I29 (virtio 1.4 5.16).

import {
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_HEADER_SIZE,
} from "../../../../shared-protocol/src/device-types/i2c.js"
import * as ids from "../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DRIVER_OK } from "../../../../shared-protocol/src/messages/status.js"
import { DESCRIPTOR_INDIRECT } from "../../../../shared-protocol/src/ring/layout.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { i2cRequestOf } from "../driver/device-types.js"
import { type DriverRuns, word } from "../driver/driver-runs.js"
import { driverMust, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"

/** The I2C requests of the run where everything is right. */
async function requests(runs: DriverRuns) {
  const run = await runs.good()
  const found = run.bus.i2c.chains.map((chain) => ({ chain, request: i2cRequestOf(chain) }))
  if (found.length === 0) skip("The driver sent no I2C request.")
  return found
}

const i2c = driverMust("5.16 I2C Adapter Device")

export const I2C_DRIVER_ROWS: readonly Row[] = [
  i2c(
    "I20",
    "The driver takes VIRTIO_I2C_F_ZERO_LENGTH_REQUEST, and gives a device up that does not offer it.",
    async (runs) => {
      const plain = await runs.good()
      expect(
        plain.bus.i2c.hasSelected(0, 1) ||
          plain.messages(plain.bus.i2c, ids.SET_DRIVER_FEATURES).some((frame) => (word(frame, 8) & 1) !== 0),
        "Feature bit 0 is offered, and was not selected.",
      )
      const run = await runs.run("no-zero-length")
      const isLive = run
        .messages(run.bus.i2c, ids.SET_DEVICE_STATUS)
        .some((frame) => (word(frame, 0) & STATUS_DRIVER_OK) !== 0)
      expect(!isLive && !run.isDone, "The device does not offer feature bit 0, and the driver goes on.")
    },
  ),
  i2c(
    "I21",
    "addr holds a 7-bit address in bits 7 to 1, or a 10-bit one in its form; padding is 0.",
    async (runs) => {
      for (const { request } of await requests(runs)) {
        if (!request) continue
        const isTenBit = (request.addr & 0xf9) === 0xf0
        expect(
          (request.addr & 1) === 0 && (isTenBit || request.addr <= 0xff),
          `addr is ${hex(request.addr)}.`,
        )
        expect(request.padding === 0, `padding is ${hex(request.padding)}.`)
      }
    },
  ),
  i2c("I22", "Reserved bits of flags are 0.", async (runs) => {
    for (const { request } of await requests(runs))
      expect(
        ((request?.flags ?? 0) & ~(I2C_FLAG_FAIL_NEXT | I2C_FLAG_M_RD)) === 0,
        `flags are ${hex(request?.flags ?? 0)}.`,
      )
  }),
  i2c("I23", "A zero-length request has no buffer.", async (runs) => {
    for (const { chain } of await requests(runs)) {
      const empty = chain.descriptors.find(
        ({ lengthBytes, flags }) => lengthBytes === 0 && (flags & DESCRIPTOR_INDIRECT) === 0,
      )
      expect(empty === undefined, `The chain at ${chain.head} has a buffer of 0 bytes.`)
      expect(
        chain.readable.length >= I2C_HEADER_SIZE,
        `The chain at ${chain.head} has a header of ${counted(chain.readable.length, "byte")}.`,
      )
    }
  }),
  i2c("I24", "The buffer of a read is not used when its status is ERR.", async (runs) => {
    const run = await runs.runAfterGood("read-fails")
    expect(!run.isDone, "The read failed, and the driver took its buffer for the answer.")
  }),
  i2c("I25", "M_RD is set for a read, whose buffer is device-writable.", async (runs) => {
    const reads = (await requests(runs)).filter(({ request }) => (request?.readLength ?? 0) > 0)
    if (reads.length === 0) skip("The driver reads nothing.")
    for (const { request } of reads)
      expect(
        ((request?.flags ?? 0) & I2C_FLAG_M_RD) !== 0,
        "A request with a device-writable buffer has no M_RD.",
      )
  }),
  i2c("I26", "M_RD is not set for a write, whose buffer is device-readable.", async (runs) => {
    const writes = (await requests(runs)).filter(({ request }) => (request?.write.length ?? 0) > 0)
    if (writes.length === 0) skip("The driver writes nothing.")
    for (const { request } of writes)
      expect(
        ((request?.flags ?? 0) & I2C_FLAG_M_RD) === 0,
        "A request with a device-readable buffer has M_RD.",
      )
  }),
  i2c(
    "I27",
    "Requests are queued in order: FAIL_NEXT groups them, and is clear on the last.",
    async (runs) => {
      const seen = (await requests(runs)).map(({ request }) => request)
      expect(
        ((seen.at(-1)?.flags ?? 0) & I2C_FLAG_FAIL_NEXT) === 0,
        "The last request has FAIL_NEXT, and no next one.",
      )
      const write = seen.findIndex((request) => (request?.write.length ?? 0) > 0)
      const read = seen.findIndex((request) => (request?.readLength ?? 0) > 0)
      expect(write >= 0 && read > write, "The register was not written before it was read.")
    },
  ),
  i2c(
    "I28",
    "The first failed request and the rest of its group count as failed, whatever their status.",
    async (runs) => {
      const run = await runs.runAfterGood("chip-fails")
      expect(
        !run.isDone,
        "The write of a group failed, and the driver took the read behind it, with status OK, for good.",
      )
    },
  ),
  i2c(
    "I29",
    "The status of a request is taken from its place, behind the room for a read, whatever the used length.",
    async (runs) => {
      await runs.good()
      for (const name of ["status-behind-used", "used-too-long"]) {
        const run = await runs.run(name)
        expect(
          !run.isDone,
          `${run.bus.scenario.what} The status in its place is ERR, and the driver took the buffer for the answer.`,
        )
        expect(!run.isKilled, run.how)
      }
    },
  ),
]
