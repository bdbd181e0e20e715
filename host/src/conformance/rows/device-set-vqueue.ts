// Rows of the device about configuring a virtqueue: V56 to V62 (virtio-msg "SET_VQUEUE").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import {
  VQUEUE_DESC_IGNORE,
  VQUEUE_DEVICE_IGNORE,
  VQUEUE_DRIVER_IGNORE,
  VQUEUE_ENABLE,
  VQUEUE_ENABLED,
  VQUEUE_KEEP_DISABLED,
  VQUEUE_KEEP_STATE,
  VQUEUE_OPERATION_MASK,
  VQUEUE_SIZE_IGNORE,
  type VqueueSetting,
} from "../../../../shared-protocol/src/messages/vqueue.js"
import { counted } from "../../counted.js"
import type { DeviceBench } from "../device-bench.js"
import { deviceMust, type Row } from "../row.js"
import { toAddress } from "../suite-queue.js"
import { expect } from "../verdict.js"
import { asText, fresh, isEnabled } from "./serving.js"

const setVqueue = deviceMust("SET_VQUEUE")

const IGNORE_ALL = VQUEUE_SIZE_IGNORE | VQUEUE_DESC_IGNORE | VQUEUE_DRIVER_IGNORE | VQUEUE_DEVICE_IGNORE

/** Sends a SET_VQUEUE that must change nothing. Checks that nothing changed, and that the empty response came. */
async function expectRefused(bench: DeviceBench, setting: VqueueSetting, what: string): Promise<void> {
  const before = asText(await bench.getVqueue(setting.index))
  const response = await bench.setVqueue(setting)
  expect(
    response !== undefined,
    `SET_VQUEUE with ${what} got no response; the empty one is due all the same.`,
  )
  if (response)
    expect(
      getU16(response, 6) === HEADER_SIZE,
      `The response to SET_VQUEUE has ${counted(getU16(response, 6), "byte")}.`,
    )
  const after = asText(await bench.getVqueue(setting.index))
  expect(after === before, `SET_VQUEUE with ${what} changed the queue from ${before} to ${after}.`)
}

export const DEVICE_SET_VQUEUE_ROWS: readonly Row[] = [
  setVqueue("V56", "SET_VQUEUE of a queue that is not there does nothing.", async (bench) => {
    const queue = await fresh(bench)
    const before = asText(await bench.getVqueue(queue.index))
    for (const index of [bench.info.maxVirtqueues, 0xffffffff]) {
      const response = await bench.setVqueue(bench.enabling(queue, { index }))
      expect(response !== undefined, `SET_VQUEUE of queue ${index}, which is not there, got no response.`)
    }
    const after = asText(await bench.getVqueue(queue.index))
    expect(after === before, `SET_VQUEUE of absent queues changed queue ${queue.index}: ${after}.`)
  }),
  setVqueue(
    "V57",
    "A reserved field, reserved flags or state operation 3: nothing changes, the empty response comes.",
    async (bench) => {
      const queue = await fresh(bench)
      const good = bench.enabling(queue)
      await expectRefused(bench, { ...good, reserved: 1 }, "reserved 1")
      await expectRefused(bench, { ...good, reserved: 0x80000000 }, "reserved 0x80000000")
      for (const bit of [6, 7, 15, 31]) {
        const flags = (VQUEUE_ENABLE | (2 ** bit)) >>> 0
        await expectRefused(bench, { ...good, flags }, `flags bit ${bit}`)
      }
      await expectRefused(bench, { ...good, flags: VQUEUE_OPERATION_MASK }, "state operation 3")
    },
  ),
  setVqueue(
    "V58",
    "State operation 0 on an enabled queue: nothing changes, the empty response comes.",
    async (bench) => {
      const queue = await fresh(bench)
      await bench.enable(queue)
      await expectRefused(
        bench,
        bench.enabling(queue, { flags: VQUEUE_KEEP_DISABLED }),
        "state operation 0 on an enabled queue",
      )
      const flags = VQUEUE_KEEP_DISABLED | IGNORE_ALL
      await expectRefused(
        bench,
        bench.enabling(queue, { flags }),
        "state operation 0 and no field on an enabled queue",
      )
    },
  ),
  setVqueue("V59", "SET_VQUEUE takes effect as a whole or not at all.", async (bench) => {
    const queue = await fresh(bench)
    const good = bench.enabling(queue)
    const { maxSize } = await bench.getVqueue(queue.index)
    await expectRefused(
      bench,
      { ...good, size: 2 * maxSize },
      `size ${2 * maxSize} of at most ${maxSize}, and good addresses`,
    )
    await expectRefused(bench, { ...good, size: queue.size, reserved: 5 }, "good fields and a reserved one")
  }),
  setVqueue(
    "V60",
    "An ignore bit keeps the field as it is; without it the field is taken.",
    async (bench) => {
      const queue = await fresh(bench)
      const good = bench.enabling(queue)
      // sets one field at a time, with the others ignored
      const fields = [
        ["size", VQUEUE_SIZE_IGNORE],
        ["desc", VQUEUE_DESC_IGNORE],
        ["driver", VQUEUE_DRIVER_IGNORE],
        ["device", VQUEUE_DEVICE_IGNORE],
      ] as const
      const address = { low: 0x33, high: 0x44 }
      const nonsense = { ...good, size: 3, desc: address, driver: address, device: address }
      for (const [name, bit] of fields) {
        const flags = VQUEUE_KEEP_DISABLED | (IGNORE_ALL & ~bit)
        await bench.setVqueue({ ...nonsense, [name]: good[name], flags })
      }
      const state = await bench.getVqueue(queue.index)
      const expected = {
        ...state,
        curSize: good.size,
        desc: good.desc,
        driver: good.driver,
        device: good.device,
        flags: 0,
      }
      expect(asText(state) === asText(expected), `Configured field by field the queue has ${asText(state)}.`)
      await bench.setVqueue({ ...nonsense, flags: VQUEUE_ENABLE | IGNORE_ALL })
      const enabled = await bench.getVqueue(queue.index)
      expect(
        (enabled.flags & VQUEUE_ENABLED) !== 0,
        "Configured before, the queue was not enabled with all ignore bits set.",
      )
      expect(
        asText({ ...enabled, flags: 0 }) === asText(expected),
        `With all ignore bits set the queue has ${asText(enabled)}.`,
      )
    },
  ),
  setVqueue(
    "V61",
    "A size or address for an enabled queue: nothing changes, the empty response comes.",
    async (bench) => {
      const queue = await fresh(bench)
      await bench.enable(queue)
      const good = bench.enabling(queue)
      const moved = (address: bigint) => toAddress(address + 16n)
      const { desc, driver, device } = queue.place
      const changes = [
        ["size", VQUEUE_SIZE_IGNORE, { size: Math.max(1, queue.size / 2) }],
        ["table", VQUEUE_DESC_IGNORE, { desc: moved(desc) }],
        ["available ring", VQUEUE_DRIVER_IGNORE, { driver: moved(driver) }],
        ["used ring", VQUEUE_DEVICE_IGNORE, { device: moved(device) }],
      ] as const
      for (const operation of [VQUEUE_ENABLE, VQUEUE_KEEP_STATE])
        for (const [what, bit, change] of changes) {
          const flags = operation | (IGNORE_ALL & ~bit)
          await expectRefused(bench, { ...good, ...change, flags }, `another ${what} for an enabled queue`)
        }
    },
  ),
  setVqueue(
    "V62",
    "The state operation works on the new fields, and never disables an enabled queue.",
    async (bench) => {
      const queue = await fresh(bench)
      const good = bench.enabling(queue)
      await bench.setVqueue({ ...good, flags: VQUEUE_KEEP_STATE })
      expect(!(await isEnabled(bench, queue.index)), "State operation 2 (keep) enabled a queue.")
      await bench.setVqueue({ ...good, flags: VQUEUE_KEEP_DISABLED })
      expect(!(await isEnabled(bench, queue.index)), "State operation 0 (keep disabled) enabled a queue.")
      await bench.setVqueue(good)
      expect(
        await isEnabled(bench, queue.index),
        "State operation 1 (enable), with all fields, enabled nothing.",
      )
      for (const operation of [VQUEUE_KEEP_DISABLED, VQUEUE_KEEP_STATE, VQUEUE_ENABLE]) {
        await bench.setVqueue({ ...good, flags: operation | IGNORE_ALL })
        expect(await isEnabled(bench, queue.index), `State operation ${operation} disabled an enabled queue.`)
      }
    },
  ),
]
