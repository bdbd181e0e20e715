// The microcontroller's clocks: the driver of the virtio-rtc device (virtio 1.4 5.23).

import { getU16, getU32, putU16 } from "../../../shared-protocol/src/bytes.js"
import {
  RTC_CFG,
  RTC_CLOCK_CAP,
  RTC_CLOCK_MONOTONIC,
  RTC_CLOCK_TAI,
  RTC_CLOCK_UTC,
  RTC_CLOCK_UTC_MAYBE_SMEARED,
  RTC_CLOCK_UTC_SMEARED,
  RTC_HEADER_SIZE,
  RTC_QUEUE_SIZE,
  RTC_READ,
  RTC_REQUEST_SIZE,
  RTC_RESPONSE_SIZE,
  RTC_STATUS_NO_CLOCK,
  RTC_STATUS_OK,
} from "../../../shared-protocol/src/device-types/rtc.js"
import { counted } from "../counted.js"
import { deviceFailed, invalidArgument } from "../errors.js"
import { checkInteger } from "./arguments.js"
import { SingleQueueDriver } from "./single-queue-driver.js"
import type { VirtioDevice } from "./virtio-device.js"

const CLOCK_TYPES = new Map([
  [RTC_CLOCK_UTC, "UTC"],
  [RTC_CLOCK_TAI, "TAI"],
  [RTC_CLOCK_MONOTONIC, "monotonic"],
  [RTC_CLOCK_UTC_SMEARED, "UTC, smeared"],
  [RTC_CLOCK_UTC_MAYBE_SMEARED, "UTC, perhaps smeared"],
])

/** A clock of the device. */
export interface RtcClock {
  readonly id: number
  /** `UTC`, `TAI`, `monotonic`, `UTC, smeared`, `UTC, perhaps smeared`, or `type N`. */
  readonly type: string
}

/**
 * The driver of a clock (virtio 1.4 5.23). `OpenedBus.rtc` makes it.
 *
 * @example
 * ```ts
 * import { openBus } from "virtio-msg"
 *
 * const bus = await openBus({ port: "sim" })
 * await (await bus.shell()).run("plug rtc") // the simulated board has none from the start
 * const rtc = await bus.rtc()
 * for (const { id, type } of await rtc.clocks()) console.log(type, await rtc.read(id))
 * await bus.close()
 * ```
 */
export class Rtc extends SingleQueueDriver {
  constructor(device: VirtioDevice) {
    super(device, {
      name: "clock",
      queueSize: RTC_QUEUE_SIZE,
      readableBytes: RTC_REQUEST_SIZE,
      writableBytes: RTC_RESPONSE_SIZE,
      slotCount: RTC_QUEUE_SIZE / 2,
    })
  }

  /** The clocks that the device has now. Our firmware has UTC as soon as it was set. Rejects when the device fails. */
  async clocks(): Promise<RtcClock[]> {
    const count = getU16(await this.#ask(RTC_CFG), RTC_HEADER_SIZE)
    const ids = Array.from({ length: count }, (_, id) => id)
    const answers: Uint8Array[] = []
    for (const id of ids) answers.push(await this.#ask(RTC_CLOCK_CAP, id))
    return answers.map((answer, id) => {
      const type = answer[RTC_HEADER_SIZE] as number
      return { id, type: CLOCK_TYPES.get(type) ?? `type ${type}` }
    })
  }

  /**
   * What clock `id` shows, in nanoseconds: since 1970 for UTC, since some moment for a monotonic clock. It was read
   * before this resolves by up to a round trip. Rejects with INVALID_ARGUMENT when there is no such clock.
   */
  async read(id: number): Promise<bigint> {
    checkInteger("The number of a clock", id, 0, 0xffff)
    const answer = await this.#ask(RTC_READ, id)
    return BigInt(getU32(answer, RTC_HEADER_SIZE)) | (BigInt(getU32(answer, RTC_HEADER_SIZE + 4)) << 32n)
  }

  async #ask(type: number, clock?: number): Promise<Uint8Array> {
    await this.start()
    const request = new Uint8Array(clock === undefined ? RTC_HEADER_SIZE : RTC_REQUEST_SIZE)
    putU16(request, 0, type)
    if (clock !== undefined) putU16(request, RTC_HEADER_SIZE, clock)
    const answer = await this.requests.submit(request, RTC_RESPONSE_SIZE)
    const [status] = answer
    if (status === RTC_STATUS_NO_CLOCK)
      throw invalidArgument(`Device ${this.device.devNum} has no clock ${clock}.`, {
        hint: "See its clocks: virtio-msg rtc",
      })
    if (status !== RTC_STATUS_OK || answer.length < RTC_RESPONSE_SIZE)
      throw deviceFailed(
        `The clock answered with status ${status} and ${counted(answer.length, "byte")} of ${RTC_RESPONSE_SIZE}.`,
        { hint: "Try again; if it stays so, check the device: virtio-msg conform" },
      )
    return answer
  }
}
