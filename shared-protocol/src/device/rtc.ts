// The virtio-rtc device (virtio 1.4 5.23, device id 17): tells the time since the chip started, and the time of day once
// somebody has told it. No alarms, no cross-timestamps. The format of requests is in device-types/rtc.ts.

import type { Allocator, ByteBuf, OwnedBytes } from "../bytes.js"
import {
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
  FEATURE_VERSION_1_BLOCK1,
} from "../device-types/feature-bits.js"
import {
  RTC_CFG,
  RTC_CLOCK_CAP,
  RTC_CLOCK_MONOTONIC,
  RTC_CLOCK_UTC,
  RTC_HEADER_SIZE,
  RTC_QUEUE_SIZE,
  RTC_READ,
  RTC_REQUEST_SIZE,
  RTC_RESPONSE_SIZE,
  RTC_STATUS_INVALID,
  RTC_STATUS_NO_CLOCK,
  RTC_STATUS_UNSUPPORTED,
  VIRTIO_ID_RTC,
} from "../device-types/rtc.js"
import { gather, scatter } from "../ring/chain-bytes.js"
import { type DeviceRing, RING_BROKEN, RING_EMPTY } from "../ring/device-ring.js"
import type { DeviceModel } from "./device-model.js"

/** Clock 0 counts from the chip's start; clock 1, UTC, is there as soon as it was set. */
const UTC = 1
const NANOSECONDS_MS = 1000000

export class RtcDevice implements DeviceModel {
  readonly deviceId = VIRTIO_ID_RTC
  readonly features: readonly number[] = [
    FEATURE_INDIRECT_DESC,
    FEATURE_VERSION_1_BLOCK1 | FEATURE_RING_RESET_BLOCK1,
  ]
  readonly requiredFeatures: readonly number[] = [0, FEATURE_VERSION_1_BLOCK1]
  readonly queueMaxSizes: readonly number[] = [RTC_QUEUE_SIZE]
  readonly config: ByteBuf

  private readonly millis: () => number
  /** A request, then its answer. */
  private readonly bytes: OwnedBytes
  private clockCount = UTC
  /** UTC in milliseconds since the beginning of 1970, minus `millis`. */
  private utcOffsetMs = 0

  /** `millis` counts whole milliseconds and never goes back. */
  constructor(millis: () => number, noConfig: ByteBuf, alloc: Allocator) {
    this.millis = millis
    this.config = noConfig
    this.bytes = alloc(RTC_RESPONSE_SIZE)
  }

  /** It is now so many milliseconds since the beginning of 1970, UTC. Kept when a driver resets the device. */
  setUtc(ms: number): void {
    this.utcOffsetMs = ms - this.millis()
    this.clockCount = UTC + 1
  }

  writeConfig(_offset: number, _data: ByteBuf, _dataOffset: number, _length: number): boolean {
    return false
  }

  reset(): void {}

  async serve(_queueIndex: number, ring: DeviceRing): Promise<string> {
    const bytes = this.bytes
    while (true) {
      const head = ring.pop()
      if (head === RING_EMPTY) return ""
      if (head === RING_BROKEN) return ring.brokenReason
      this.answer(gather(ring, bytes, RTC_REQUEST_SIZE))
      const written = scatter(ring, bytes, RTC_RESPONSE_SIZE)
      if (written === 0) return "no status"
      ring.push(head, written)
    }
  }

  /** Puts the answer in the place of the request, of which `length` bytes are there. */
  private answer(length: number): void {
    const bytes = this.bytes
    const type = bytes[0] | (bytes[1] << 8)
    const clock = bytes[RTC_HEADER_SIZE] | (bytes[RTC_HEADER_SIZE + 1] << 8)
    bytes.fillAt(0, RTC_RESPONSE_SIZE, 0)
    if (length < RTC_HEADER_SIZE) bytes[0] = RTC_STATUS_INVALID
    else if (type === RTC_CFG) bytes[RTC_HEADER_SIZE] = this.clockCount
    else if (type !== RTC_CLOCK_CAP && type !== RTC_READ) bytes[0] = RTC_STATUS_UNSUPPORTED
    else if (length < RTC_REQUEST_SIZE) bytes[0] = RTC_STATUS_INVALID
    else if (clock >= this.clockCount) bytes[0] = RTC_STATUS_NO_CLOCK
    else if (type === RTC_CLOCK_CAP)
      bytes[RTC_HEADER_SIZE] = clock === UTC ? RTC_CLOCK_UTC : RTC_CLOCK_MONOTONIC
    else {
      // a number cannot hold the nanoseconds exactly, but it can hold the milliseconds: so these are multiplied byte
      // by byte
      let ms = this.millis()
      if (clock === UTC) ms += this.utcOffsetMs
      let carry = 0
      for (let i = RTC_HEADER_SIZE; i < RTC_RESPONSE_SIZE; i++) {
        const higher = Math.floor(ms / 256)
        carry += (ms - higher * 256) * NANOSECONDS_MS
        bytes[i] = carry & 0xff
        carry = carry >> 8
        ms = higher
      }
    }
  }
}
