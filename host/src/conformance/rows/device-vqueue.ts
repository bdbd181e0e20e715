// Rows of the device about virtqueue configuration and shared memory regions: V53 to V67
// (virtio-msg "GET_VQUEUE", "SET_VQUEUE", "RESET_VQUEUE", "GET_SHM").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import { STATUS_FEATURES_OK } from "../../../../shared-protocol/src/messages/status.js"
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
  type VqueueState,
} from "../../../../shared-protocol/src/messages/vqueue.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, deviceMust, expect, hex, type Row } from "../row.js"
import { type SuiteQueue, toAddress } from "../suite-queue.js"

const GET = "GET_VQUEUE"
const SET = "SET_VQUEUE"
const RESET = "RESET_VQUEUE"
const IGNORE_ALL = VQUEUE_SIZE_IGNORE | VQUEUE_DESC_IGNORE | VQUEUE_DRIVER_IGNORE | VQUEUE_DEVICE_IGNORE

const asText = (state: VqueueState) =>
  `size ${state.curSize}, flags ${hex(state.flags)}, table ${hex(state.desc.high)}:${hex(state.desc.low)}, ` +
  `available ring ${hex(state.driver.high)}:${hex(state.driver.low)}, used ring ${hex(state.device.high)}:${hex(state.device.low)}`

/** A queue after feature negotiation, not yet configured. */
async function fresh(bench: DeviceBench, queueSize?: number): Promise<SuiteQueue> {
  await bench.negotiate()
  return bench.layOutQueue(queueSize)
}

/** Sends a SET_VQUEUE that must change nothing, and checks that, and that the empty response came. */
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
      `The response to SET_VQUEUE has ${getU16(response, 6)} bytes.`,
    )
  const after = asText(await bench.getVqueue(setting.index))
  expect(after === before, `SET_VQUEUE with ${what} changed the queue from ${before} to ${after}.`)
}

async function isEnabled(bench: DeviceBench, index: number): Promise<boolean> {
  return ((await bench.getVqueue(index)).flags & VQUEUE_ENABLED) !== 0
}

export const DEVICE_VQUEUE_ROWS: readonly Row[] = [
  deviceMust(
    "V53",
    GET,
    "GET_VQUEUE reports the largest and the current size, and 0 for the latter before configuration.",
    async (bench) => {
      const queue = await fresh(bench)
      const before = await bench.getVqueue(queue.index)
      expect(before.curSize === 0, `Not configured, queue ${queue.index} has size ${before.curSize}.`)
      await bench.setVqueue(bench.enabling(queue))
      const after = await bench.getVqueue(queue.index)
      expect(
        after.curSize === queue.size,
        `Configured with ${queue.size}, the queue has size ${after.curSize}.`,
      )
      expect(
        after.maxSize === before.maxSize,
        `The largest size went from ${before.maxSize} to ${after.maxSize}.`,
      )
      if (!bench.hasRoomFor(before.maxSize)) return
      const largest = await fresh(bench, before.maxSize)
      await bench.setVqueue(bench.enabling(largest))
      const { curSize } = await bench.getVqueue(queue.index)
      expect(curSize === largest.size, `The largest size, ${largest.size}, was not taken: ${curSize}.`)
    },
  ),
  deviceMust(
    "V54",
    GET,
    "For a queue that is not there GET_VQUEUE answers zeros, and the index.",
    async (bench) => {
      await bench.reset()
      for (const index of [bench.info.maxVirtqueues, 0xffff, 0x10000, 0xffffffff]) {
        const response = await bench.ask(frames.getVqueue(bench.devNum, index))
        expect(response !== undefined, `GET_VQUEUE of queue ${index} got no response.`)
        const payload = Array.from(response?.subarray(HEADER_SIZE) ?? [])
        expect(
          payload.slice(0, 4).join() === frames.words(index).join() &&
            payload.slice(4).every((byte) => byte === 0),
          `GET_VQUEUE of queue ${index}, which is not there, answers ${payload.join(" ")}.`,
        )
      }
    },
  ),
  deviceMust(
    "V55",
    GET,
    "Of GET_VQUEUE's flags bit 0 says whether the queue is enabled; the others are 0.",
    async (bench) => {
      const queue = await fresh(bench)
      const before = (await bench.getVqueue(queue.index)).flags
      expect(before === 0, `Not enabled, the queue has flags ${hex(before)}.`)
      await bench.setVqueue(bench.enabling(queue))
      const after = (await bench.getVqueue(queue.index)).flags
      expect(after === VQUEUE_ENABLED, `Enabled, the queue has flags ${hex(after)}.`)
    },
  ),
  deviceMust("V56", SET, "SET_VQUEUE of a queue that is not there does nothing.", async (bench) => {
    const queue = await fresh(bench)
    const before = asText(await bench.getVqueue(queue.index))
    for (const index of [bench.info.maxVirtqueues, 0xffffffff]) {
      const response = await bench.setVqueue(bench.enabling(queue, { index }))
      expect(response !== undefined, `SET_VQUEUE of queue ${index}, which is not there, got no response.`)
    }
    const after = asText(await bench.getVqueue(queue.index))
    expect(after === before, `SET_VQUEUE of absent queues changed queue ${queue.index}: ${after}.`)
  }),
  deviceMust(
    "V57",
    SET,
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
  deviceMust(
    "V58",
    SET,
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
  deviceMust("V59", SET, "SET_VQUEUE takes effect as a whole or not at all.", async (bench) => {
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
  deviceMust(
    "V60",
    SET,
    "An ignore bit keeps the field as it is; without it the field is taken.",
    async (bench) => {
      const queue = await fresh(bench)
      const good = bench.enabling(queue)
      // field by field, the others ignored
      const fields = [
        ["size", VQUEUE_SIZE_IGNORE],
        ["desc", VQUEUE_DESC_IGNORE],
        ["driver", VQUEUE_DRIVER_IGNORE],
        ["device", VQUEUE_DEVICE_IGNORE],
      ] as const
      for (const [name, bit] of fields) {
        const nonsense = { low: 0x33, high: 0x44 }
        const only = {
          ...good,
          size: 3,
          desc: nonsense,
          driver: nonsense,
          device: nonsense,
          [name]: good[name],
        }
        await bench.setVqueue({ ...only, flags: VQUEUE_KEEP_DISABLED | (IGNORE_ALL & ~bit) })
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
      const nothing = { low: 0x33, high: 0x44 }
      await bench.setVqueue({
        ...good,
        flags: VQUEUE_ENABLE | IGNORE_ALL,
        size: 3,
        desc: nothing,
        driver: nothing,
        device: nothing,
      })
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
  deviceMust(
    "V61",
    SET,
    "A size or address for an enabled queue: nothing changes, the empty response comes.",
    async (bench) => {
      const queue = await fresh(bench)
      await bench.enable(queue)
      const good = bench.enabling(queue)
      const moved = (address: bigint) => toAddress(address + 16n)
      const { desc, driver, device } = queue.place
      for (const operation of [VQUEUE_ENABLE, VQUEUE_KEEP_STATE]) {
        const with_ = (keep: number) => operation | (IGNORE_ALL & ~keep)
        await expectRefused(
          bench,
          { ...good, flags: with_(VQUEUE_SIZE_IGNORE), size: Math.max(1, queue.size / 2) },
          "another size for an enabled queue",
        )
        await expectRefused(
          bench,
          { ...good, flags: with_(VQUEUE_DESC_IGNORE), desc: moved(desc) },
          "another table for an enabled queue",
        )
        await expectRefused(
          bench,
          { ...good, flags: with_(VQUEUE_DRIVER_IGNORE), driver: moved(driver) },
          "another available ring for an enabled queue",
        )
        await expectRefused(
          bench,
          { ...good, flags: with_(VQUEUE_DEVICE_IGNORE), device: moved(device) },
          "another used ring for an enabled queue",
        )
      }
    },
  ),
  deviceMust(
    "V62",
    SET,
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
  deviceMust("V63", RESET, "RESET_VQUEUE of a queue that is not there does nothing.", async (bench) => {
    const extra = await bench.needRingReset()
    const queue = await bench.prepare({ extra })
    for (const index of [bench.info.maxVirtqueues, 0xffffffff]) {
      const response = await bench.ask(frames.resetVqueue(bench.devNum, index))
      expect(response !== undefined, `RESET_VQUEUE of queue ${index}, which is not there, got no response.`)
    }
    expect(await isEnabled(bench, queue.index), "RESET_VQUEUE of absent queues reset another one.")
  }),
  deviceMust(
    "V64",
    RESET,
    "Without VIRTIO_F_RING_RESET, RESET_VQUEUE changes nothing; the empty response comes.",
    async (bench) => {
      const queue = await bench.prepare()
      const before = asText(await bench.getVqueue(queue.index))
      const response = await bench.ask(frames.resetVqueue(bench.devNum, queue.index))
      expect(response !== undefined, "RESET_VQUEUE without RING_RESET got no response.")
      if (response)
        expect(getU16(response, 6) === HEADER_SIZE, `The response has ${getU16(response, 6)} bytes.`)
      const after = asText(await bench.getVqueue(queue.index))
      expect(
        after === before,
        `RESET_VQUEUE without RING_RESET changed the queue from ${before} to ${after}.`,
      )
    },
  ),
  deviceMust(
    "V65",
    RESET,
    "RESET_VQUEUE stops the queue, forgets it, and lets it be configured again.",
    async (bench) => {
      const extra = await bench.needRingReset()
      const { queue, workload } = await bench.start({ extra })
      queue.submit(workload.request(0))
      if (!(await queue.completed(1))) blocked("The device does not complete the request.")
      await bench.need("RESET_VQUEUE", frames.resetVqueue(bench.devNum, queue.index))
      const state = await bench.getVqueue(queue.index)
      expect(
        state.curSize === 0 && (state.flags & VQUEUE_ENABLED) === 0,
        `After RESET_VQUEUE the queue has ${asText(state)}.`,
      )
      const again = await bench.layOutQueue()
      await bench.setVqueue(bench.enabling(again))
      expect(await isEnabled(bench, queue.index), "After RESET_VQUEUE the queue cannot be enabled again.")
      again.submit(workload.request(1))
      expect(await again.completed(1), "After RESET_VQUEUE the queue, enabled again, completes nothing.")
      const status = await bench.getStatus()
      expect((status & STATUS_FEATURES_OK) !== 0, "RESET_VQUEUE reset the whole device.")
    },
  ),
  deviceMust(
    "V66",
    "GET_SHM",
    "GET_SHM answers where a region is, or length 0 when there is none.",
    async (bench) => {
      await bench.reset()
      for (const shmid of [0, 1, 2, 255, 0xffffffff]) {
        const response = await bench.ask(frames.getShm(bench.devNum, shmid))
        if (!response) blocked("No response to GET_SHM.")
        const view = new DataView(response.buffer, response.byteOffset + HEADER_SIZE)
        if (response.length < HEADER_SIZE + 24) blocked("The response to GET_SHM is too short.")
        expect(
          view.getUint32(0, true) === shmid,
          `Asked for region ${shmid}, it answers ${view.getUint32(0, true)}.`,
        )
        const [length, address] = [view.getBigUint64(8, true), view.getBigUint64(16, true)]
        expect(length > 0n || address === 0n, `Region ${shmid} has no length, but address ${hex(address)}.`)
      }
    },
  ),
  deviceMust("V67", "GET_SHM", "The reserved field of GET_SHM's response is 0.", async (bench) => {
    for (const shmid of [0, 7, 0xffffffff]) {
      const response = await bench.need("GET_SHM", frames.getShm(bench.devNum, shmid))
      const reserved = response.subarray(HEADER_SIZE + 4, HEADER_SIZE + 8)
      expect(
        reserved.every((byte) => byte === 0),
        `The reserved field of region ${shmid} is ${reserved.join(" ")}.`,
      )
    }
  }),
]
