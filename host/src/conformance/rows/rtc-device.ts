// Rows of the virtio-rtc device (virtio 1.4 5.23): T1 to T5. Its clocks are only read.

import {
  RTC_CFG,
  RTC_CLOCK_CAP,
  RTC_CLOCK_MONOTONIC,
  RTC_CLOCK_UTC_MAYBE_SMEARED,
  RTC_HEADER_SIZE,
  RTC_READ,
  RTC_RESPONSE_SIZE,
  RTC_STATUS_NO_CLOCK,
  RTC_STATUS_OK,
  RTC_STATUS_UNSUPPORTED,
  VIRTIO_ID_RTC,
} from "../../../../shared-protocol/src/device-types/rtc.js"
import { counted } from "../../counted.js"
import { mustOfType, type Row } from "../row.js"
import type { SuiteQueue } from "../suite-queue.js"
import { blocked, expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { judgeLength } from "./serving.js"

const UNKNOWN_TYPE = 0x0fff

/** How many clocks are there? */
export const RTC_WORKLOAD: Workload = {
  isRepeatable: true,
  queueIndex: 0,
  features: 0,
  request: () => [
    { data: Uint8Array.from({ length: RTC_HEADER_SIZE }, (_, at) => (RTC_CFG >> (8 * at)) & 0xff) },
    { roomBytes: RTC_RESPONSE_SIZE },
  ],
  judge: judgeLength(RTC_RESPONSE_SIZE),
}

const rtc = mustOfType("5.23 RTC Device", VIRTIO_ID_RTC)

/** The response to one request. */
async function ask(queue: SuiteQueue, type: number, clock?: number): Promise<Uint8Array> {
  const data = new Uint8Array(clock === undefined ? RTC_HEADER_SIZE : 2 * RTC_HEADER_SIZE)
  data.set([type & 0xff, type >> 8])
  if (clock !== undefined) data.set([clock & 0xff, clock >> 8], RTC_HEADER_SIZE)
  const from = queue.usedIdx
  const [chain] = queue.submit([{ data }, { roomBytes: RTC_RESPONSE_SIZE }])
  if (!chain || !(await queue.completed(from + 1))) blocked(`The device does not answer request ${type}.`)
  const { lengthBytes } = queue.usedElement(from)
  return queue.written(chain).subarray(0, lengthBytes)
}

async function clockCount(queue: SuiteQueue): Promise<number> {
  const answer = await ask(queue, RTC_CFG)
  if (answer[0] !== RTC_STATUS_OK || answer.length < RTC_RESPONSE_SIZE)
    blocked(`CFG is answered with status ${answer[0]} and ${counted(answer.length, "byte")}.`)
  return (answer[8] as number) | ((answer[9] as number) << 8)
}

const reading = (answer: Uint8Array) =>
  new DataView(answer.buffer, answer.byteOffset, answer.length).getBigUint64(RTC_HEADER_SIZE, true)

export const RTC_DEVICE_ROWS: readonly Row[] = [
  rtc("T1", "CFG names the number of clocks; what is reserved is 0.", async (bench) => {
    const { queue } = await bench.start()
    const answer = await ask(queue, RTC_CFG)
    expect(answer[0] === RTC_STATUS_OK, `CFG has status ${answer[0]}.`)
    expect(
      answer.length === RTC_RESPONSE_SIZE,
      `Used length ${answer.length} for ${RTC_RESPONSE_SIZE} bytes.`,
    )
    expect(
      answer.every((byte, at) => at === 0 || at === 8 || at === 9 || byte === 0),
      "Reserved bytes are set.",
    )
  }),
  rtc("T2", "Each clock has a type of the specification.", async (bench) => {
    const { queue } = await bench.start()
    const count = await clockCount(queue)
    for (let clock = 0; clock < count; clock++) {
      const answer = await ask(queue, RTC_CLOCK_CAP, clock)
      expect(
        answer[0] === RTC_STATUS_OK && (answer[8] as number) <= RTC_CLOCK_UTC_MAYBE_SMEARED,
        `Clock ${clock} has status ${answer[0]}, type ${answer[8]}.`,
      )
    }
  }),
  rtc("T3", "A clock that is not there is refused: VIRTIO_RTC_S_ENODEV.", async (bench) => {
    const { queue } = await bench.start()
    const count = await clockCount(queue)
    for (const type of [RTC_CLOCK_CAP, RTC_READ])
      for (const clock of [count, 0xffff]) {
        const [status] = await ask(queue, type, clock)
        expect(status === RTC_STATUS_NO_CLOCK, `Clock ${clock} of ${count} has status ${status}.`)
      }
  }),
  rtc("T4", "A monotonic clock never goes back.", async (bench) => {
    const { queue } = await bench.start()
    const count = await clockCount(queue)
    let found = false
    for (let clock = 0; clock < count; clock++) {
      if ((await ask(queue, RTC_CLOCK_CAP, clock))[8] !== RTC_CLOCK_MONOTONIC) continue
      found = true
      const first = reading(await ask(queue, RTC_READ, clock))
      const second = reading(await ask(queue, RTC_READ, clock))
      expect(second >= first, `Clock ${clock} showed ${first}, then ${second}.`)
    }
    if (!found) skip("The device has no monotonic clock.")
  }),
  rtc("T5", "A message of no known type is refused, and the device goes on.", async (bench) => {
    const { queue } = await bench.start()
    const [status] = await ask(queue, UNKNOWN_TYPE)
    expect(status === RTC_STATUS_UNSUPPORTED, `It has status ${status}.`)
    expect((await ask(queue, RTC_CFG))[0] === RTC_STATUS_OK, "The next request fails.")
  }),
]
