// The device side of the virtio-msg transport: one device number, its status, features, configuration and
// virtqueues (virtio-msg "Device Operation", "Device Conformance" V1 to V67). It answers decoded requests with
// frames; it knows nothing of packets.

import type { Allocator, ByteBuf } from "../bytes.js"
import {
  FEATURE_EVENT_IDX,
  FEATURE_IN_ORDER_BLOCK1,
  FEATURE_INDIRECT_DESC,
  FEATURE_RING_RESET_BLOCK1,
} from "../device-types/feature-bits.js"
import type { OutgoingArea } from "../mailbox/outgoing-area.js"
import {
  CONFIG_BASE_SIZE,
  decodeGetConfigRequest,
  decodeSetConfigRequest,
  encodeGetConfigResponse,
  encodeSetConfigResponse,
} from "../messages/config.js"
import { encodeGetDeviceInfoResponse, UUID_SIZE, VENDOR_ID } from "../messages/device-info.js"
import { EVENT_CONFIG_BASE_SIZE, encodeEventConfig } from "../messages/events.js"
import {
  decodeGetDeviceFeaturesRequest,
  decodeSetDriverFeaturesRequest,
  encodeGetDeviceFeaturesResponse,
  encodeSetDriverFeaturesResponse,
  maxFeatureBlocks,
} from "../messages/features.js"
import {
  GET_CONFIG,
  GET_DEVICE_FEATURES,
  GET_DEVICE_INFO,
  GET_DEVICE_STATUS,
  GET_SHM,
  GET_VQUEUE,
  RESET_VQUEUE,
  SET_CONFIG,
  SET_DEVICE_STATUS,
  SET_DRIVER_FEATURES,
  SET_VQUEUE,
} from "../messages/ids.js"
import { decodeGetShmRequest, encodeGetShmResponse } from "../messages/shm.js"
import {
  decodeSetDeviceStatusRequest,
  encodeGetDeviceStatusResponse,
  encodeSetDeviceStatusResponse,
  STATUS_ACKNOWLEDGE,
  STATUS_DEVICE_NEEDS_RESET,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
} from "../messages/status.js"
import {
  decodeGetVqueueRequest,
  decodeResetVqueueRequest,
  encodeVqueueEmptyResponse,
} from "../messages/vqueue.js"
import type { RingFeatures } from "../ring/layout.js"
import type { DeviceModel } from "./device-model.js"
import { DeviceQueues } from "./device-queues.js"

const DRIVER_STATUS_BITS =
  STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | STATUS_FAILED

export interface TransportDeviceOptions {
  readonly devNum: number
  readonly model: DeviceModel
  readonly alloc: Allocator
  /** The largest message, in bytes, that the bus carries (V1). */
  readonly maxMessageSize: number
  /** VIRTIO_MSG_F_STRICT_CONFIG_GENERATION is in force (V5). */
  readonly isStrict: boolean
}

export class TransportDevice {
  readonly devNum: number
  readonly model: DeviceModel
  readonly queues: DeviceQueues
  status = 0
  /**
   * Changes whenever the configuration does, so that a driver notices when two of its accesses saw different ones
   * (V7).
   */
  generation = 0

  private readonly alloc: Allocator
  private readonly maxMessageSize: number
  private readonly isStrict: boolean
  /** The feature bits that the driver selected: one number for each block. */
  private readonly selected: number[] = []
  /** The driver selected a bit beyond the blocks that exist. */
  private isBeyondSelected = false

  /** `areaNotes` as for `DeviceRing`. */
  constructor(
    options: TransportDeviceOptions,
    driverArea: ByteBuf,
    deviceArea: OutgoingArea,
    areaNotes?: number[],
  ) {
    this.devNum = options.devNum
    this.model = options.model
    this.alloc = options.alloc
    this.maxMessageSize = options.maxMessageSize
    this.isStrict = options.isStrict
    for (let i = 0; i < options.model.features.length; i++) this.selected.push(0)
    // copied into fields: the chip searches the fields of an object before the methods of its class (docs/performance.md)
    const own = this
    own.serve = own.serve
    this.queues = new DeviceQueues(
      options.model.queueMaxSizes,
      driverArea,
      deviceArea,
      options.alloc,
      options.model.remembersChains === true ? areaNotes : undefined,
    )
  }

  /** Puts the device in the state after power-up (V51). When this returns, no ring is used any more. */
  reset(): void {
    this.status = 0
    this.isBeyondSelected = false
    for (let i = 0; i < this.selected.length; i++) this.selected[i] = 0
    this.queues.reset()
    this.model.reset()
  }

  /** Whether virtqueues are served: DRIVER_OK is set, and nothing is wrong (V33, V34). */
  isLive(): boolean {
    return (this.status & (STATUS_DRIVER_OK | STATUS_DEVICE_NEEDS_RESET)) === STATUS_DRIVER_OK
  }

  /**
   * Answers a transport request: returns the response frame, token still 0, or undefined for one that is
   * malformed, unknown or out of bounds, which gets no answer at all (V19, V30).
   */
  answer(msgId: number, request: ByteBuf): ByteBuf | undefined {
    switch (msgId) {
      case GET_DEVICE_INFO:
        return this.getDeviceInfo()
      case GET_DEVICE_FEATURES:
        return this.getDeviceFeatures(request)
      case SET_DRIVER_FEATURES:
        return this.setDriverFeatures(request)
      case GET_CONFIG:
        return this.getConfig(request)
      case SET_CONFIG:
        return this.setConfig(request)
      case GET_DEVICE_STATUS: {
        const response = this.alloc(12)
        encodeGetDeviceStatusResponse(response, this.devNum, this.status)
        return response
      }
      case SET_DEVICE_STATUS:
        return this.setDeviceStatus(request)
      case GET_VQUEUE: {
        const decoded = decodeGetVqueueRequest(request)
        if (decoded.ok === false) return undefined
        const response = this.alloc(48)
        this.queues.get(response, this.devNum, decoded.value)
        return response
      }
      case SET_VQUEUE: {
        if (!this.queues.set(request, this.ringFeatures())) return undefined
        return this.emptyVqueueResponse(msgId)
      }
      case RESET_VQUEUE: {
        const decoded = decodeResetVqueueRequest(request)
        if (decoded.ok === false) return undefined
        if (this.hasSelected(1, FEATURE_RING_RESET_BLOCK1)) this.queues.resetOne(decoded.value) // V64
        return this.emptyVqueueResponse(msgId)
      }
      case GET_SHM: {
        const decoded = decodeGetShmRequest(request)
        if (decoded.ok === false) return undefined
        const response = this.alloc(32)
        const nowhere = { low: 0, high: 0 }
        encodeGetShmResponse(response, this.devNum, {
          shmid: decoded.value,
          length: nowhere,
          address: nowhere,
        })
        return response
      }
      default:
        return undefined
    }
  }

  /**
   * Serves a queue that the driver announced; returns whether an EVENT_USED is due. A ring that breaks the
   * rules sets DEVICE_NEEDS_RESET: `takeStatusEvent` then has the event to send (V-S1).
   */
  async serve(queueIndex: number): Promise<boolean> {
    // as `isLive`, written out
    if ((this.status & (STATUS_DRIVER_OK | STATUS_DEVICE_NEEDS_RESET)) !== STATUS_DRIVER_OK) return false
    const ring = this.queues.rings[queueIndex]
    if (!ring.enabled) return false
    const resetCount = ring.resetCount
    const problem = await this.model.serve(queueIndex, ring)
    if (ring.resetCount !== resetCount) return false
    const isEventWanted = ring.publish()
    if (problem !== "") {
      this.status |= STATUS_DEVICE_NEEDS_RESET
      this.isStatusEventDue = true
    }
    return isEventWanted
  }

  /** `takeStatusEvent` has an event, unless the device was reset meanwhile. */
  isStatusEventDue = false

  /** The EVENT_CONFIG that tells the driver of a status change it did not cause (V11, V13), if one is due. */
  takeStatusEvent(): ByteBuf | undefined {
    if (!this.isStatusEventDue) return undefined
    this.isStatusEventDue = false
    if ((this.status & STATUS_DEVICE_NEEDS_RESET) === 0) return undefined // it was reset meanwhile
    return this.configEvent(0)
  }

  /**
   * The device changed its configuration by itself: a new generation (V7), and the EVENT_CONFIG to send (V10), with
   * the whole space. Undefined while no driver uses the device.
   */
  changeConfig(): ByteBuf | undefined {
    this.generation = (this.generation + 1) >>> 0
    return this.isLive() ? this.configEvent(this.model.config.length) : undefined
  }

  /** The device cannot go on: returns the EVENT_CONFIG that says so. Undefined while no driver uses the device. */
  requireReset(): ByteBuf | undefined {
    if (!this.isLive()) return undefined
    this.status |= STATUS_DEVICE_NEEDS_RESET
    return this.configEvent(0)
  }

  private configEvent(length: number): ByteBuf {
    const frame = this.alloc(EVENT_CONFIG_BASE_SIZE + length)
    encodeEventConfig(frame, this.devNum, {
      deviceStatus: this.status,
      generation: this.generation,
      offset: 0,
      length,
      hasData: length > 0,
      data: this.model.config,
      dataOffset: 0,
    })
    return frame
  }

  private hasSelected(block: number, bit: number): boolean {
    return block < this.selected.length && (this.selected[block] & bit) !== 0
  }

  private ringFeatures(): RingFeatures {
    return {
      hasIndirect: this.hasSelected(0, FEATURE_INDIRECT_DESC),
      hasEventIdx: this.hasSelected(0, FEATURE_EVENT_IDX),
      hasInOrder: this.hasSelected(1, FEATURE_IN_ORDER_BLOCK1),
    }
  }

  private emptyVqueueResponse(msgId: number): ByteBuf {
    const response = this.alloc(8)
    encodeVqueueEmptyResponse(response, this.devNum, msgId)
    return response
  }

  private getDeviceInfo(): ByteBuf {
    const response = this.alloc(52)
    encodeGetDeviceInfoResponse(response, this.devNum, {
      deviceId: this.model.deviceId,
      vendorId: VENDOR_ID,
      uuid: this.alloc(UUID_SIZE), // V43: none
      numFeatureBlocks: this.model.features.length,
      configSize: this.model.config.length,
      maxVirtqueues: this.model.queueMaxSizes.length,
      adminVqStart: 0, // V41
      adminVqCount: 0,
    })
    return response
  }

  private getDeviceFeatures(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeGetDeviceFeaturesRequest(request)
    if (decoded.ok === false) return undefined
    const range = decoded.value
    if (range.numBlocks > maxFeatureBlocks(this.maxMessageSize)) return undefined
    const features: number[] = []
    for (let i = 0; i < range.numBlocks; i++) {
      const block = range.blockIndex + i
      features.push(block < this.model.features.length ? this.model.features[block] : 0) // V16, V18
    }
    const response = this.alloc(16 + 4 * range.numBlocks)
    encodeGetDeviceFeaturesResponse(response, this.devNum, {
      blockIndex: range.blockIndex,
      numBlocks: range.numBlocks,
      features,
    })
    return response
  }

  private setDriverFeatures(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeSetDriverFeaturesRequest(request)
    if (decoded.ok === false) return undefined
    const blocks = decoded.value
    // once FEATURES_OK stands, the negotiation is over (virtio 1.4 3.1.1)
    if ((this.status & STATUS_FEATURES_OK) === 0) {
      for (let i = 0; i < blocks.numBlocks; i++) {
        const block = blocks.blockIndex + i
        if (block < this.selected.length)
          this.selected[block] = blocks.features[i] // V17
        else if (blocks.features[i] !== 0) this.isBeyondSelected = true
      }
    }
    const response = this.alloc(8)
    encodeSetDriverFeaturesResponse(response, this.devNum)
    return response
  }

  /** Whether the device can work with what the driver selected (V32). */
  private isSelectionSupported(): boolean {
    if (this.isBeyondSelected) return false
    for (let i = 0; i < this.selected.length; i++) {
      if ((this.selected[i] & ~this.model.features[i]) !== 0) return false
      if ((this.model.requiredFeatures[i] & ~this.selected[i]) !== 0) return false
    }
    return true
  }

  private setDeviceStatus(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeSetDeviceStatusRequest(request)
    if (decoded.ok === false) return undefined
    const asked = decoded.value & DRIVER_STATUS_BITS
    if (decoded.value === 0) this.reset()
    else {
      // a driver can set bits and reset, never clear one; DEVICE_NEEDS_RESET is the device's own
      let status = this.status | asked
      if ((status & ~this.status & STATUS_FEATURES_OK) !== 0 && !this.isSelectionSupported())
        status &= ~STATUS_FEATURES_OK
      if ((status & STATUS_FEATURES_OK) === 0) status &= ~STATUS_DRIVER_OK
      const isNegotiated = (status & ~this.status & STATUS_FEATURES_OK) !== 0
      this.status = status
      if (isNegotiated) this.model.negotiated?.(this.selected)
    }
    const response = this.alloc(12)
    encodeSetDeviceStatusResponse(response, this.devNum, this.status)
    return response
  }

  /** A range past the end has no answer in the text, so it is discarded as malformed (docs/bus.md). */
  private getConfig(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeGetConfigRequest(request)
    if (decoded.ok === false) return undefined
    const range = decoded.value
    if (!this.isInConfig(range.offset, range.length)) return undefined
    if (range.length > this.maxMessageSize - CONFIG_BASE_SIZE) return undefined
    const response = this.alloc(CONFIG_BASE_SIZE + range.length)
    encodeGetConfigResponse(response, this.devNum, {
      generation: this.generation,
      offset: range.offset,
      length: range.length,
      data: this.model.config,
      dataOffset: range.offset,
    })
    return response
  }

  private setConfig(request: ByteBuf): ByteBuf | undefined {
    const decoded = decodeSetConfigRequest(request)
    if (decoded.ok === false) return undefined
    const write = decoded.value
    const isGenerationRight = !this.isStrict || write.generation === this.generation // V8, V14
    const isApplied =
      isGenerationRight &&
      write.length > 0 &&
      this.isInConfig(write.offset, write.length) &&
      this.model.writeConfig(write.offset, write.data, write.dataOffset, write.length)
    if (isApplied) this.generation = (this.generation + 1) >>> 0
    const length = isApplied ? write.length : 0
    const response = this.alloc(CONFIG_BASE_SIZE + length)
    encodeSetConfigResponse(response, this.devNum, {
      generation: this.generation,
      offset: write.offset,
      length,
      data: write.data,
      dataOffset: write.dataOffset,
    })
    return response
  }

  private isInConfig(offset: number, length: number): boolean {
    return offset <= this.model.config.length && length <= this.model.config.length - offset
  }
}
