// Scenarios in which requests are not completed, or notified, or do not succeed, as a driver expects
// (virtio 1.4 2.7.7 to 2.7.10, 5.16 I2C Adapter Device).

import { getU16, getU32 } from "../../../../../shared-protocol/src/bytes.js"
import { I2C_STATUS_ERROR } from "../../../../../shared-protocol/src/device-types/i2c.js"
import { HEADER_SIZE } from "../../../../../shared-protocol/src/messages/header.js"
import * as ids from "../../../../../shared-protocol/src/messages/ids.js"
import { USED_NO_NOTIFY } from "../../../../../shared-protocol/src/ring/layout.js"
import { CHIP_VALUE, i2cRequestOf, writableBytes, writeInto } from "../device-types.js"
import type { Scenario } from "../scripted-bus.js"
import { isRequest } from "./replies.js"

export const REQUEST_SCENARIOS: readonly Scenario[] = [
  { name: "lost-completion", what: "The device never completes a request.", serve: () => false },
  {
    name: "spurious-used",
    what: "Every completion is notified three times, and once before it.",
    serve(bus, device, queueIndex) {
      bus.notifyUsed(device, queueIndex)
      const done = device.serve(queueIndex)
      for (let n = 0; done > 0 && n < 3; n++) bus.notifyUsed(device, queueIndex)
      return true
    },
  },
  {
    name: "no-notify",
    what: "The device sets flags of its used rings to 1: it looks by itself, and wants no EVENT_AVAIL.",
    pollMs: 20,
    afterResponse(bus, request) {
      if (!isRequest(request, ids.SET_VQUEUE)) return
      const queue = bus.devices.find(({ devNum }) => devNum === getU16(request, 2))?.queues[
        getU32(request, HEADER_SIZE)
      ]
      if (queue?.isEnabled) bus.memory.write(queue.device, Uint8Array.of(USED_NO_NOTIFY, 0))
    },
  },
  {
    name: "chip-fails",
    about: "i2c",
    what: "The chip does not answer; the read behind its group's failed write has data and status OK.",
    shape(bus) {
      bus.i2c.execute = (chain, device) => {
        const request = i2cRequestOf(chain)
        if (!request || request.readLength > 0) {
          writeInto(device, chain, new Uint8Array(writableBytes(chain)).fill(0x66, 0, -1))
          return writableBytes(chain)
        }
        writeInto(device, chain, Uint8Array.of(1))
        return 1
      }
    },
  },
  {
    name: "read-fails",
    about: "i2c",
    what: "The read ends with status ERR, and its buffer holds what looks like the right answer.",
    shape: failReads((readLength) => readLength + 1),
  },
  {
    name: "status-behind-used",
    about: "i2c",
    what: "The read fails in the same way, and its used length ends before the status.",
    shape: failReads((readLength) => readLength),
  },
  {
    name: "used-too-long",
    about: "i2c",
    what: "The read fails in the same way, and its used length is 4 bytes more than its buffers have.",
    shape: failReads((readLength) => readLength + 1 + 4),
  },
  {
    name: "short-used",
    about: "i2c",
    what: "Reads come back with used length 0: nothing in their buffers can be relied on.",
    shape(bus) {
      const { execute } = bus.i2c
      bus.i2c.execute = (chain, device) => {
        const full = execute(chain, device)
        return (i2cRequestOf(chain)?.readLength ?? 0) > 0 ? 0 : full
      }
    },
  },
]

/** Reads end with status ERR, behind bytes that look like the right answer; `usedLength` says how long it claims that is. */
function failReads(usedLength: (readLength: number) => number): NonNullable<Scenario["shape"]> {
  return (bus) => {
    const { execute } = bus.i2c
    bus.i2c.execute = (chain, device) => {
      const request = i2cRequestOf(chain)
      if (!request || request.readLength === 0) return execute(chain, device)
      const bytes = new Uint8Array(request.readLength + 1).fill(CHIP_VALUE)
      bytes[request.readLength] = I2C_STATUS_ERROR
      writeInto(device, chain, bytes)
      return usedLength(request.readLength)
    }
  }
}
