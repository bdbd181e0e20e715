// Scenarios in which a device is hard to bring up: its reset, features, status, queues and what it says of itself
// (virtio-msg "Initialization", "Feature Negotiation", "GET_DEVICE_INFO", "SET_DEVICE_STATUS", "GET_VQUEUE").

import { FEATURE_RING_PACKED_BLOCK1 } from "../../../../../shared-protocol/src/device-types/feature-bits.js"
import * as ids from "../../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../../../shared-protocol/src/messages/status.js"
import type { Scenario } from "../scripted-bus.js"
import {
  atFirstRequest,
  endlessReset,
  isRequest,
  isTo,
  noDriverOk,
  queueRefused,
  statusAsked,
  withWord,
} from "./replies.js"

export const INITIALISATION_SCENARIOS: readonly Scenario[] = [
  {
    name: "slow-reset",
    what: "A reset takes 5 polls.",
    respond(reply, request, bus) {
      const isReset = isRequest(request, ids.SET_DEVICE_STATUS) && statusAsked(request) === 0
      if (isReset) bus.counter = 5
      if (isReset || (isRequest(request, ids.GET_DEVICE_STATUS) && bus.counter-- > 0))
        return [withWord(reply, 0, 0x0f)]
      return [reply]
    },
  },
  {
    name: "endless-reset",
    what: "A reset never ends.",
    respond: (reply, request) => [endlessReset(reply, request)],
  },
  {
    name: "refused-features",
    what: "The device refuses whatever is selected: FEATURES_OK does not stay.",
    shape(bus) {
      for (const device of bus.devices) device.shape.required[0] = 0x00800000
    },
  },
  {
    name: "no-driver-ok",
    about: "i2c",
    what: "DRIVER_OK does not stay.",
    respond: (reply, request, bus) => [isTo(request, bus.i2c) ? noDriverOk(reply, request) : reply],
  },
  {
    name: "needs-reset",
    about: "i2c",
    what: "At the first request the device wants to be reset.",
    serve: atFirstRequest((bus, device) => {
      device.status |= STATUS_DEVICE_NEEDS_RESET
      bus.notifyConfig(device)
    }),
  },
  {
    name: "all-features",
    what: "Every feature bit but VIRTIO_F_RING_PACKED is offered, in three blocks.",
    shape(bus) {
      // the device that is played has split rings only
      const offered = [0xffffffff, ~FEATURE_RING_PACKED_BLOCK1 >>> 0, 0xffffffff]
      for (const device of bus.devices) device.shape.offered = offered
    },
  },
  {
    name: "no-zero-length",
    what: "The I2C device does not offer VIRTIO_I2C_F_ZERO_LENGTH_REQUEST.",
    hasConsole: false,
    shape(bus) {
      bus.i2c.shape.offered[0] = 0
      bus.i2c.shape.required[0] = 0
    },
  },
  {
    name: "queue-refused",
    what: "SET_VQUEUE is answered, and changes nothing.",
    respond: (reply, request) => [queueRefused(reply, request)],
  },
  {
    name: "no-queue",
    what: "The device's queue is not available.",
    shape(bus) {
      for (const device of bus.devices) device.shape.queueMaxSizes = device.shape.queueMaxSizes.map(() => 0)
    },
  },
  {
    name: "tiny-queue",
    what: "Queues have 8 descriptors at most.",
    shape(bus) {
      for (const device of bus.devices) device.shape.queueMaxSizes = device.shape.queueMaxSizes.map(() => 8)
    },
  },
  {
    name: "absurd-sizes",
    what: "GET_DEVICE_INFO claims 4294967295 feature blocks, bytes of configuration and queues.",
    shape(bus) {
      for (const device of bus.devices)
        device.shape.lies = {
          numFeatureBlocks: 0xffffffff,
          configSize: 0xffffffff,
          maxVirtqueues: 0xffffffff,
        }
    },
  },
  {
    name: "uuid",
    what: "The devices have a UUID.",
    shape(bus) {
      const uuid = [
        0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x41, 0xd1, 0x80, 0xb4, 0, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
      ]
      for (const device of bus.devices) device.shape.lies = { uuid }
    },
  },
  {
    name: "admin-queues",
    about: "i2c",
    what: "The I2C device has two administration virtqueues behind its own.",
    shape(bus) {
      bus.i2c.shape.queueMaxSizes.push(16, 16)
      bus.i2c.shape.lies = { adminVqStart: 1, adminVqCount: 2 }
    },
  },
]
