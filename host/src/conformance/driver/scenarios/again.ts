// Scenarios in which a device that was set up before is not the same when it is set up again: behind a reset that it
// asked for, or when the bus is back. What a driver looked at the first time it has to look at again
// (virtio-msg "Initialization", "Feature Negotiation", "SET_DEVICE_STATUS", "GET_VQUEUE", "GET_DEVICE_INFO").

import { VIRTIO_ID_RNG } from "../../../../../shared-protocol/src/device-types/rng.js"
import * as ids from "../../../../../shared-protocol/src/messages/ids.js"
import { STATUS_DEVICE_NEEDS_RESET } from "../../../../../shared-protocol/src/messages/status.js"
import { runEntropy } from "../device-types.js"
import type { Scenario, ScriptedBus } from "../scripted-bus.js"
import {
  atFirstRequest,
  endlessReset,
  instead,
  isTo,
  noDriverOk,
  queueRefused,
  withPayload,
} from "./replies.js"

/** At the first request the I2C device asks for a reset; `change` says what it is from then on. */
function behindReset(
  name: string,
  what: string,
  change: {
    readonly shape?: (bus: ScriptedBus) => void
    readonly reply?: (reply: Uint8Array, request: Uint8Array) => Uint8Array
    readonly watchMs?: number
  },
): Scenario {
  return {
    name,
    about: "i2c",
    what: `At the first request the I2C device wants to be reset. ${what}`,
    ...(change.watchMs === undefined ? {} : { watchMs: change.watchMs }),
    serve: atFirstRequest((bus, device) => {
      bus.change = { at: bus.transcript.length, before: bus.parameters }
      change.shape?.(bus)
      device.status |= STATUS_DEVICE_NEEDS_RESET
      bus.notifyConfig(device)
    }),
    respond: (reply, request, bus) => [
      bus.counter > 0 && isTo(request, bus.i2c) ? (change.reply?.(reply, request) ?? reply) : reply,
    ],
  }
}

export const AGAIN_SCENARIOS: readonly Scenario[] = [
  behindReset("endless-reset-again", "That reset never ends.", {
    reply: endlessReset,
    // our module waits 3 s for it
    watchMs: 4500,
  }),
  behindReset("fewer-features-again", "Then it does not offer VIRTIO_I2C_F_ZERO_LENGTH_REQUEST any more.", {
    shape({ i2c: { shape } }) {
      shape.offered[0] = 0
      shape.required[0] = 0
    },
  }),
  behindReset("refused-features-again", "Then it refuses whatever is selected: FEATURES_OK does not stay.", {
    shape({ i2c: { shape } }) {
      shape.required[0] = 0x00800000
    },
  }),
  behindReset("no-queue-again", "Then its queue is not available.", {
    reply: instead(ids.GET_VQUEUE, (reply) =>
      withPayload(reply, [...reply.subarray(8, 12), ...new Array<number>(36).fill(0)]),
    ),
  }),
  behindReset("queue-refused-again", "Then SET_VQUEUE is answered, and changes nothing.", {
    reply: queueRefused,
  }),
  behindReset("no-driver-ok-again", "Then DRIVER_OK does not stay.", {
    reply: noDriverOk,
  }),
  {
    name: "another-device",
    about: "i2c",
    what: "At the first request the connection ends; then the device of that number is an entropy device.",
    serve: atFirstRequest((bus, device) => {
      device.shape.deviceId = VIRTIO_ID_RNG
      // it offers the same bits, so that nothing but its type says what it is
      device.shape.required[0] = 0
      device.execute = runEntropy
      bus.changeParameters({})
    }),
  },
]
