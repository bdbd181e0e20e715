// An i2c-tiny-usb adapter, as Linux's driver of that name expects it: control transfers only.
//
//   request 1 GET_FUNC (le32), 2 SET_DELAY (value in us), 3 GET_STATUS (u8), 4 I2C_IO, + 1 in a transfer's first
//   message, + 2 in its last: value = flags of the i2c_msg (bit 0 = read), index = address, length = bytes

import type { I2cForwarder } from "../vhost-user/i2c-device.js"
import type { Setup, UsbTransfer } from "./gadget.js"
import { type AdapterMessage, messageOf } from "./i2c-transactions.js"
import { I2cUsbAdapter, type I2cUsbOptions } from "./i2c-usb-adapter.js"

const ECHO = 0
const GET_FUNC = 1
const SET_DELAY = 2
const GET_STATUS = 3
const I2C_IO = 4
const IO_BEGIN = 1
const IO_END = 2
const IO_MASK = ~(IO_BEGIN | IO_END)

const STATUS_IDLE = 0
const STATUS_ACKNOWLEDGED = 1
const STATUS_NOT_ACKNOWLEDGED = 2

/** I2C_FUNC_I2C and I2C_FUNC_SMBUS_EMUL: plain messages, and SMBus transactions that Linux makes of them. */
const FUNCTIONALITY = Uint8Array.of(0x09, 0x00, 0xff, 0x0e)
/** i2c-dev puts fewer into one transfer. So only a hostile client reaches this. */
const MAX_HELD_BYTES = 0x80000

const IDENTITY = { name: "i2c-tiny-usb", vendorId: 0x0403, productId: 0xc631, release: 0x0205 }

export class I2cTinyUsb extends I2cUsbAdapter {
  #status = STATUS_IDLE
  /**
   * Writes of a transfer whose last message has not come yet. They are sent together with it. Undefined between
   * transfers.
   */
  #held: AdapterMessage[] | undefined
  #heldBytes = 0
  #isDelayNoted = false

  constructor(forwarder: I2cForwarder, serialNumber: string, options: I2cUsbOptions = {}) {
    super(IDENTITY, forwarder, serialNumber, options)
  }

  protected override answer(setup: Setup, transfer: UsbTransfer): void {
    const { request, value } = setup
    switch (request) {
      case ECHO:
        transfer.complete(Uint8Array.of(value & 0xff, value >> 8))
        return
      case GET_FUNC:
        transfer.complete(FUNCTIONALITY)
        return
      case SET_DELAY:
        this.#noteDelay()
        transfer.complete()
        return
      case GET_STATUS:
        transfer.complete(Uint8Array.of(this.#status))
        return
      default:
        if ((request & IO_MASK) === I2C_IO) this.#message(transfer, setup)
        else transfer.stall()
    }
  }

  override reset(): void {
    this.#status = STATUS_IDLE
    this.#held = undefined
    this.#heldBytes = 0
  }

  #message(transfer: UsbTransfer, { request, value, index, length }: Setup): void {
    if (request & IO_BEGIN) {
      this.#held = []
      this.#heldBytes = 0
    }
    const message = messageOf(value, index, transfer.data, length)
    if (!this.#held || !message) {
      this.#refuse(
        transfer,
        message ? "it has no beginning" : "only plain reads and writes at 7-bit addresses are possible",
      )
      return
    }
    this.#heldBytes += message.data.length
    if (this.#heldBytes > MAX_HELD_BYTES) {
      this.#refuse(transfer, `it writes more than ${MAX_HELD_BYTES} bytes`)
      return
    }
    this.#held.push(message)
    // a write that is not the last message waits, and gets the acknowledgement of the last one; a read is needed now
    if (!(request & IO_END) && !message.isRead) {
      this.#status = STATUS_ACKNOWLEDGED
      transfer.complete()
      return
    }
    const messages = this.#held
    this.#held = request & IO_END ? undefined : []
    this.#heldBytes = 0
    void this.#run(transfer, messages, length)
  }

  async #run(transfer: UsbTransfer, messages: readonly AdapterMessage[], length: number): Promise<void> {
    const end = await this.run(messages)
    if (transfer.isCancelled) {
      transfer.complete()
      return
    }
    if (end.kind === "refused") {
      this.#refuse(transfer, end.reason)
      return
    }
    this.#status = end.kind === "done" ? STATUS_ACKNOWLEDGED : STATUS_NOT_ACKNOWLEDGED
    // the kernel takes a short answer for a broken adapter, and only asks for the status after a full one
    transfer.complete(end.kind === "done" ? end.data : new Uint8Array(length))
  }

  #refuse(transfer: UsbTransfer, reason: string): void {
    this.#held = undefined
    this.#heldBytes = 0
    this.#status = STATUS_NOT_ACKNOWLEDGED
    this.noteRefusal(reason)
    transfer.stall()
  }

  #noteDelay(): void {
    if (this.#isDelayNoted) return
    this.#isDelayNoted = true
    this.note(
      "The kernel's parameter delay of i2c-tiny-usb changes nothing: the board's I2C speed is deploy's.",
    )
  }
}
