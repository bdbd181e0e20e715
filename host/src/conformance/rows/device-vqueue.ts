// Rows of the device about what a virtqueue is, and its reset: V53 to V55, V63 to V65
// (virtio-msg "GET_VQUEUE", "RESET_VQUEUE").

import { getU16 } from "../../../../shared-protocol/src/bytes.js"
import { HEADER_SIZE } from "../../../../shared-protocol/src/messages/header.js"
import { STATUS_FEATURES_OK } from "../../../../shared-protocol/src/messages/status.js"
import { VQUEUE_ENABLED } from "../../../../shared-protocol/src/messages/vqueue.js"
import { counted } from "../../counted.js"
import { hex } from "../../hex.js"
import * as frames from "../frames.js"
import { deviceMust, type Row } from "../row.js"
import { blocked, expect } from "../verdict.js"
import { asText, fresh, isEnabled } from "./serving.js"

const getVqueue = deviceMust("GET_VQUEUE")
const resetVqueue = deviceMust("RESET_VQUEUE")

export const DEVICE_VQUEUE_ROWS: readonly Row[] = [
  getVqueue(
    "V53",
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
  getVqueue(
    "V54",
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
  getVqueue(
    "V55",
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
  resetVqueue("V63", "RESET_VQUEUE of a queue that is not there does nothing.", async (bench) => {
    const extra = await bench.needRingReset()
    const queue = await bench.prepare({ extra })
    for (const index of [bench.info.maxVirtqueues, 0xffffffff]) {
      const response = await bench.ask(frames.resetVqueue(bench.devNum, index))
      expect(response !== undefined, `RESET_VQUEUE of queue ${index}, which is not there, got no response.`)
    }
    expect(await isEnabled(bench, queue.index), "RESET_VQUEUE of absent queues reset another one.")
  }),
  resetVqueue(
    "V64",
    "Without VIRTIO_F_RING_RESET, RESET_VQUEUE changes nothing; the empty response comes.",
    async (bench) => {
      const queue = await bench.prepare()
      const before = asText(await bench.getVqueue(queue.index))
      const response = await bench.ask(frames.resetVqueue(bench.devNum, queue.index))
      expect(response !== undefined, "RESET_VQUEUE without RING_RESET got no response.")
      if (response)
        expect(
          getU16(response, 6) === HEADER_SIZE,
          `The response has ${counted(getU16(response, 6), "byte")}.`,
        )
      const after = asText(await bench.getVqueue(queue.index))
      expect(
        after === before,
        `RESET_VQUEUE without RING_RESET changed the queue from ${before} to ${after}.`,
      )
    },
  ),
  resetVqueue(
    "V65",
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
]
