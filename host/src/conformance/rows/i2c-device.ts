// Rows of the virtio-i2c device (virtio 1.4 5.16): I1 to I10.

import {
  I2C_FEATURE_ZERO_LENGTH_REQUEST,
  I2C_FLAG_FAIL_NEXT,
  I2C_FLAG_M_RD,
  I2C_STATUS_ERROR,
  I2C_STATUS_OK,
  VIRTIO_ID_I2C,
} from "../../../../shared-protocol/src/device-types/i2c.js"
import { STATUS_FEATURES_OK } from "../../../../shared-protocol/src/messages/status.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import { type DeviceBench, UP_TO_FEATURES_OK } from "../device-bench.js"
import { words } from "../frames.js"
import { mustOfType, type Row } from "../row.js"
import type { BufferPlan, SuiteQueue } from "../suite-queue.js"
import { expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { serve } from "./serving.js"

const SECTION = "5.16 I2C Adapter Device"
const FIRST_ADDRESS = 0x08
const LAST_ADDRESS = 0x77

/** A zero-length request: does a chip acknowledge this address? */
export const I2C_WORKLOAD: Workload = {
  isRepeatable: true,
  queueIndex: 0,
  features: I2C_FEATURE_ZERO_LENGTH_REQUEST,
  request: (n) => [{ data: Uint8Array.from(words((0x08 + (n % 0x70)) << 1, 0)) }, { roomBytes: 1 }],
  judge: (written, usedBytes) =>
    usedBytes !== 1
      ? `used length ${usedBytes} for a status of 1 byte`
      : (written[0] as number) > I2C_STATUS_ERROR
        ? `status ${written[0]}, which is neither OK (0) nor ERR (1)`
        : "",
  isSuccess: (written) => written[0] === I2C_STATUS_OK,
}

const i2c = mustOfType("5.16 I2C Adapter Device", VIRTIO_ID_I2C)

/** One request: a write, a read or, with neither, a zero-length request. */
interface I2cMessage {
  readonly address: number
  readonly write?: readonly number[]
  readonly readLength?: number
  readonly failNext?: boolean
}

function plan({ address, write, readLength, failNext }: I2cMessage): BufferPlan[] {
  const flags = (failNext ? I2C_FLAG_FAIL_NEXT : 0) | (readLength ? I2C_FLAG_M_RD : 0)
  const plans: BufferPlan[] = [{ data: Uint8Array.from(words(address << 1, flags)) }]
  if (write?.length) plans.push({ data: Uint8Array.from(write) })
  if (readLength) plans.push({ roomBytes: readLength })
  return [...plans, { roomBytes: 1 }]
}

/** Has the messages carried out in one kick. Blocks the row unless all of them come back. */
async function transfer(queue: SuiteQueue, ...messages: I2cMessage[]) {
  const served = await serve(queue, messages.map(plan))
  return served.map((each) => ({ ...each, status: each.bytes.at(-1) ?? -1, data: each.bytes.slice(0, -1) }))
}

/** The addresses that have a chip. */
async function scan(bench: DeviceBench): Promise<{ present: number[]; absent: number[] }> {
  const { queue } = await bench.start({ queueSize: 64 })
  const present: number[] = []
  const absent: number[] = []
  // as many at once as the smallest queue takes: a zero-length request has two descriptors
  const most = Math.min(28, Math.max(1, queue.size >> 1))
  for (let first = FIRST_ADDRESS; first <= LAST_ADDRESS; first += most) {
    const addresses = Array.from({ length: most }, (_, n) => first + n).filter(
      (address) => address <= LAST_ADDRESS,
    )
    const answers = await transfer(queue, ...addresses.map((address) => ({ address })))
    for (const [n, { status }] of answers.entries())
      (status === I2C_STATUS_OK ? present : absent).push(addresses[n] as number)
  }
  return { present, absent }
}

const scans = new WeakMap<DeviceBench, Promise<{ present: number[]; absent: number[] }>>()

function scanned(bench: DeviceBench) {
  let result = scans.get(bench)
  if (!result) {
    result = scan(bench)
    scans.set(bench, result)
  }
  return result
}

/** The chip of --chip. If it is missing, that says nothing about the device, so the row is skipped. */
async function namedChip(bench: DeviceBench): Promise<number | undefined> {
  const { chipAddress } = bench
  if (chipAddress === undefined) return undefined
  const { present } = await scanned(bench)
  if (present.includes(chipAddress)) return chipAddress
  const others = present.map((address) => hex(address, 2)).join(", ")
  return skip(
    `No chip answers at ${hex(chipAddress, 2)}, which --chip names${others ? `; chips answer at ${others}` : ""}.`,
  )
}

/** A chip to read from. */
async function chipToRead(bench: DeviceBench): Promise<number> {
  const named = await namedChip(bench)
  return named ?? (await scanned(bench)).present[0] ?? skip("No chip answers on the I2C bus.")
}

/** A chip whose register pointer may be set without harm. */
async function chipToWrite(bench: DeviceBench): Promise<number> {
  if (bench.chipAddress === undefined && !bench.port.isSimulated)
    skip(
      "Writing to a chip that the suite does not know may do harm: name one that may be written to with --chip.",
    )
  const named = await namedChip(bench)
  if (named !== undefined) return named
  const { present } = await scanned(bench)
  return present.find((address) => address === 0x54) ?? present[0] ?? skip("No chip answers on the I2C bus.")
}

async function absentAddress(bench: DeviceBench): Promise<number> {
  return (await scanned(bench)).absent[0] ?? skip("Every address on the I2C bus is taken.")
}

export const I2C_DEVICE_ROWS: readonly Row[] = [
  i2c("I1", "The device offers VIRTIO_I2C_F_ZERO_LENGTH_REQUEST.", async (bench) => {
    expect(await bench.offers(0, I2C_FEATURE_ZERO_LENGTH_REQUEST), "Feature bit 0 is not offered.")
  }),
  i2c(
    "I2",
    "The device rejects a driver that does not take VIRTIO_I2C_F_ZERO_LENGTH_REQUEST.",
    async (bench) => {
      const selected = await bench.selection()
      await bench.toDriver()
      await bench.setFeatures(0, [
        ((selected[0] ?? 0) & ~I2C_FEATURE_ZERO_LENGTH_REQUEST) >>> 0,
        selected[1] ?? 0,
      ])
      const status = await bench.setStatus(UP_TO_FEATURES_OK)
      expect((status & STATUS_FEATURES_OK) === 0, "FEATURES_OK stays set without feature bit 0.")
    },
  ),
  i2c("I3", "The device changes neither address nor flags of a request.", async (bench) => {
    const address = await absentAddress(bench)
    const { queue } = await bench.start()
    const messages = [{ address, failNext: true }, { address }]
    for (const [n, { chain }] of (await transfer(queue, ...messages)).entries()) {
      const header = chain.buffers[0]
      if (!header) continue
      const bytes = bench.port.memory.read(header.address, header.lengthBytes)
      const sent = plan(messages[n] as I2cMessage)[0]
      expect(
        "data" in (sent ?? {}) && bytes.join() === (sent as { data: Uint8Array }).data.join(),
        "The device changed a request's header.",
      )
    }
  }),
  i2c("I4", "The device does not change the bytes of a write request.", async (bench) => {
    const address = await absentAddress(bench)
    const { queue } = await bench.start()
    const [answer] = await transfer(queue, { address, write: [0x5a, 0xa5, 0x3c] })
    const buffer = answer?.chain.buffers[1]
    if (buffer)
      expect(
        bench.port.memory.read(buffer.address, 3).join() === "90,165,60",
        "The device changed the bytes to write.",
      )
  }),
  i2c(
    "I5",
    "A read request gets as many bytes as it has room for, and used length counts them and the status.",
    async (bench) => {
      const address = await chipToRead(bench)
      const { queue } = await bench.start()
      for (const readLength of [1, 2, 5]) {
        const [answer] = await transfer(queue, { address, readLength })
        if (!answer) continue
        expect(
          answer.status === I2C_STATUS_OK,
          `Reading ${counted(readLength, "byte")} of the chip at ${hex(address)} ended with status ${answer.status}.`,
        )
        expect(
          answer.usedBytes === readLength + 1,
          `A read of ${counted(readLength, "byte")} has used length ${answer.usedBytes}.`,
        )
      }
    },
  ),
  i2c("I6", "Requests are processed in order.", async (bench) => {
    const address = await absentAddress(bench)
    const { queue } = await bench.start()
    const addresses = [address, address ^ 1, address, address ^ 2]
    const answers = await transfer(queue, ...addresses.map((each) => ({ address: each })))
    const order = answers.map((_, n) => queue.usedElement(n).id)
    const heads = answers.map(({ chain }) => chain.head)
    expect(order.join() === heads.join(), `Requests ${heads.join(", ")} came back as ${order.join(", ")}.`)
  }),
  i2c("I7", "The first request of a group that fails has status ERR.", async (bench) => {
    const [absent, present] = [await absentAddress(bench), await chipToRead(bench)]
    const { queue } = await bench.start()
    const [ok, failed] = await transfer(queue, { address: present, failNext: true }, { address: absent })
    expect(ok?.status === I2C_STATUS_OK, `The request before the failing one has status ${ok?.status}.`)
    expect(
      failed?.status === I2C_STATUS_ERROR,
      `A request to an address without a chip has status ${failed?.status}.`,
    )
  }),
  i2c("I8", "After a failure the rest of its group is not executed; the next group is.", async (bench) => {
    const address = await chipToWrite(bench)
    const absent = await absentAddress(bench)
    const { queue } = await bench.start()
    const one: I2cMessage = { address, readLength: 1 }
    const pointTo = (register: number): I2cMessage => ({ address, write: [register], failNext: true })
    const valueAt = async (register: number) => (await transfer(queue, pointTo(register), one))[1]?.data[0]
    const first = await valueAt(0)
    const second = (await transfer(queue, one))[0]?.data[0]
    let other = 2
    while (other < 16 && (await valueAt(other)) === second) other++
    if (other === 16) skip("The chip's registers cannot be told apart.")
    await valueAt(0)
    await transfer(queue, { address: absent, failNext: true }, { ...pointTo(other), failNext: false })
    const then = (await transfer(queue, one))[0]?.data[0]
    expect(
      then === second,
      "A write behind a failed request of its group was executed: the chip's register pointer moved.",
    )
    const group = { address: absent, failNext: true }
    const [, , , next] = await transfer(queue, group, { ...pointTo(other), failNext: false }, pointTo(0), one)
    expect(
      next?.status === I2C_STATUS_OK && next.data[0] === first,
      "The group behind a failed one was not executed.",
    )
  }),
  i2c("I9", "A zero-length request says whether a chip acknowledges its address.", async (bench) => {
    const { present, absent } = await scanned(bench)
    expect(absent.length > 0, "Every address acknowledges.")
    expect(present.length > 0 || !bench.port.isSimulated, "No address acknowledges.")
    const address = present[0]
    if (address === undefined) skip("No chip answers on the I2C bus.")
    const { queue } = await bench.start()
    const [here, there] = await transfer(queue, { address }, { address: absent[0] as number })
    expect(
      here?.status === I2C_STATUS_OK && here.usedBytes === 1,
      `A zero-length request to a chip ends with status ${here?.status}.`,
    )
    expect(
      there?.status === I2C_STATUS_ERROR,
      `A zero-length request to no chip ends with status ${there?.status}.`,
    )
  }),
  {
    id: "I10",
    side: "device",
    level: "SHOULD",
    section: SECTION,
    requirement: "The device behaves as the I2C specification says.",
    reason: "What happens on the wires does not show in virtio.",
  },
]
