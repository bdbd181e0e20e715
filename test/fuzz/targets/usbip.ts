// A USB/IP client's bytes to the gadgets: transfers and unlinks that are sound, cut, doubled and absurd. The client is
// answered once for each transfer, or cut off; it never holds more than its bound, and nothing throws.

import fc from "fast-check"
import type { UsbGadget } from "../../../host/src/node/usbip/gadget.js"
import { I2cTinyUsb } from "../../../host/src/node/usbip/i2c-tiny-usb.js"
import { RobotfuzzOsif } from "../../../host/src/node/usbip/robotfuzz-osif.js"
import { UrbConnection } from "../../../host/src/node/usbip/urb-connection.js"
import { WaitingTransfers } from "../../../host/src/node/usbip/waiting-transfers.js"
import { controlBytes, submitBytes, unlinkBytes } from "../../support/usb-client.js"
import { type FuzzTarget, plain } from "../target.js"

const MOST_PENDING = 256

const seqnum = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.nat(0xffff_ffff))
const bytes = fc.array(fc.nat(255), { maxLength: 9 })
const control = fc
  .record({
    seqnum,
    type: fc.constantFrom(0xc1, 0x41, 0x80, 0x00, 0xa1, 0x21, 0xff),
    request: fc.oneof(fc.integer({ min: 0, max: 25 }), fc.nat(255)),
    value: fc.constantFrom(0, 1, 0x11, 0x100, 0x200, 0x302, 0x401, 0xffff),
    index: fc.constantFrom(0, 0x48, 0x50, 0x7f, 0x148),
    data: fc.oneof(bytes, fc.constantFrom(0, 1, 2, 4, 255, 4096, 0xffff)),
  })
  .map(({ seqnum, ...request }) => controlBytes(seqnum, request))
const other = fc
  .record({
    seqnum,
    endpoint: fc.nat(17),
    isIn: fc.boolean(),
    data: fc.oneof(bytes, fc.constantFrom(0, 64, 0x10001, -1)),
  })
  .map(submitBytes)
const unlink = fc.tuple(seqnum, seqnum).map(([one, unlinked]) => unlinkBytes(one, unlinked))
const sound = fc.oneof(control, control, other, unlink)
const damaged = fc
  .tuple(sound, fc.nat(60), fc.nat(255), fc.boolean())
  .map(([message, at, value, isCut]) =>
    isCut ? message.subarray(0, at) : message.map((byte, index) => (index === at ? value : byte)),
  )
const piece = fc.oneof({ weight: 12, arbitrary: sound }, { weight: 1, arbitrary: damaged })

export interface UsbipCase {
  readonly gadget: "i2c-tiny-usb" | "robotfuzz-osif" | "waiting"
  readonly stream: Uint8Array
  readonly chunkBytes: number
}

/** Never ends what comes to its endpoints. */
function waitingGadget(): UsbGadget {
  const waiting = new WaitingTransfers()
  const { description } = new I2cTinyUsb({ submit: () => [] }, "1")
  return {
    name: "waiting",
    description,
    handle: (transfer) => (transfer.endpoint === 0 ? transfer.stall() : waiting.push(transfer)),
    reset: () => waiting.clear(),
  }
}

export const usbip: FuzzTarget<UsbipCase> = {
  name: "usbip",
  about: "sound, cut and absurd transfers and unlinks of a USB/IP client to the I2C adapters",
  cases: fc.record({
    gadget: fc.constantFrom("i2c-tiny-usb", "robotfuzz-osif", "waiting"),
    stream: fc
      .oneof(
        fc.array(piece, { maxLength: 30 }),
        // more than may wait
        fc.constant(
          Array.from({ length: 300 }, (_, at) =>
            submitBytes({ seqnum: at + 1, endpoint: 1, isIn: true, data: 8 }),
          ),
        ),
      )
      .map((parts) => Uint8Array.from(Buffer.concat(parts))),
    chunkBytes: fc.integer({ min: 1, max: 200 }),
  }),
  async run({ gadget: name, stream, chunkBytes }) {
    const forwarder = {
      submit: (requests: readonly { readonly readLength?: number }[]) =>
        requests.map(async ({ readLength = 0 }) => ({ ok: true, data: new Uint8Array(readLength) })),
    }
    const gadget =
      name === "waiting"
        ? waitingGadget()
        : name === "i2c-tiny-usb"
          ? new I2cTinyUsb(forwarder, "1")
          : new RobotfuzzOsif(forwarder, "1")
    let failures = 0
    const connection = new UrbConnection(gadget, {
      send(answer) {
        if (failures > 0) throw new Error("an answer to a client that was cut off")
        const view = new DataView(answer.buffer, answer.byteOffset, answer.length)
        const command = view.getUint32(0)
        if (command !== 3 && command !== 4) throw new Error(`an answer with command ${command}`)
        if (command === 4 && answer.length !== 48) throw new Error("an unlink's answer with data")
        if (answer.length > 48 && answer.length !== 48 + view.getInt32(24))
          throw new Error(`an answer of ${answer.length} bytes that says ${view.getInt32(24)}`)
      },
      fail() {
        failures++
      },
    })
    for (let at = 0; at < stream.length; at += chunkBytes) {
      connection.push(stream.subarray(at, at + chunkBytes))
      if (connection.pendingCount > MOST_PENDING) throw new Error(`${connection.pendingCount} transfers wait`)
    }
    for (let turn = 0; turn < 50 && connection.pendingCount > 0; turn++) await Promise.resolve()
    connection.close()
    if (failures > 1) throw new Error("a client was cut off twice")
    if (connection.pendingCount > 0) throw new Error("transfers are left behind the client's end")
  },
  ...plain,
}
