// A serial port of the class CDC-ACM (USB CDC 1.2, PSTN 1.2): the board's console as /dev/ttyACMn. Line coding and
// modem lines are stored and have no effect. When one side is slow, the other has to wait. Nothing is lost between
// them.

import { type Clock, delay, systemClock } from "../../clock.js"
import { VirtioMsgError } from "../../errors.js"
import type { UsbDescription } from "./descriptors.js"
import { ENDPOINT_IN, REQUEST_CLASS, REQUEST_TYPE_MASK, type UsbGadget, type UsbTransfer } from "./gadget.js"
import { WaitingTransfers } from "./waiting-transfers.js"

/** The board's console: its output, which is iterated again after an error, and its input. */
export interface ConsoleEnds extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array): Promise<void>
}

const DATA_IN = 1 | ENDPOINT_IN
const DATA_OUT = 2
const NOTIFY_IN = 3 | ENDPOINT_IN
const PACKET_SIZE = 64
const RETRY_MS = 100

const CLASS_CONTROL = 0x02
const SUBCLASS_ACM = 0x02
const CLASS_DATA = 0x0a
/** Header 1.1; no call management; line coding and modem lines are understood; interface 0 controls interface 1. */
const FUNCTIONAL_DESCRIPTORS = Uint8Array.of(
  ...[5, 0x24, 0x00, 0x10, 0x01],
  ...[5, 0x24, 0x01, 0x00, 1],
  ...[4, 0x24, 0x02, 0x02],
  ...[5, 0x24, 0x06, 0, 1],
)

const SET_LINE_CODING = 0x20
const GET_LINE_CODING = 0x21
const SET_CONTROL_LINE_STATE = 0x22
const SEND_BREAK = 0x23
const LINE_CODING_SIZE = 7

export class CdcAcm implements UsbGadget {
  readonly name = "cdc-acm"
  readonly description: UsbDescription

  readonly #console: ConsoleEnds
  readonly #clock: Clock
  readonly #readers = new WaitingTransfers()
  readonly #writers = new WaitingTransfers()
  readonly #notified = new WaitingTransfers()
  /** Output that the computer has not taken yet. */
  #output: Uint8Array = new Uint8Array(0)
  #onReader: (() => void) | undefined
  #isWriting = false
  /** 115200 baud, 1 stop bit, no parity, 8 bits. */
  #lineCoding: Uint8Array = Uint8Array.of(0x00, 0xc2, 0x01, 0x00, 0, 0, 8)
  #isClosed = false

  constructor(console: ConsoleEnds, serialNumber: string, clock: Clock = systemClock) {
    this.#console = console
    this.#clock = clock
    this.description = {
      // the number of Linux's own serial gadget, of which this is one
      vendorId: 0x0525,
      productId: 0xa4a7,
      release: 0x0100,
      class: CLASS_CONTROL,
      manufacturer: "virtio-msg",
      product: "console",
      serialNumber,
      interfaces: [
        {
          class: CLASS_CONTROL,
          subclass: SUBCLASS_ACM,
          protocol: 1,
          classDescriptors: FUNCTIONAL_DESCRIPTORS,
          endpoints: [{ address: NOTIFY_IN, type: "interrupt", maxPacketSize: 16, interval: 32 }],
        },
        {
          class: CLASS_DATA,
          endpoints: [
            { address: DATA_IN, type: "bulk", maxPacketSize: PACKET_SIZE },
            { address: DATA_OUT, type: "bulk", maxPacketSize: PACKET_SIZE },
          ],
        },
      ],
    }
    void this.#carryOutput()
  }

  handle(transfer: UsbTransfer): void {
    switch (transfer.endpoint) {
      case 0:
        this.#control(transfer)
        return
      case DATA_IN:
        this.#readers.push(transfer)
        this.#onReader?.()
        return
      case DATA_OUT:
        this.#writers.push(transfer)
        if (!this.#isWriting) void this.#carryInput()
        return
      case NOTIFY_IN:
        this.#notified.push(transfer) // there is never anything to say
        return
      default:
        transfer.stall()
    }
  }

  reset(): void {
    this.#readers.clear()
    this.#writers.clear()
    this.#notified.clear()
  }

  close(): void {
    this.#isClosed = true
    this.#onReader?.()
  }

  #control(transfer: UsbTransfer): void {
    const { setup, data } = transfer
    if (!setup || (setup.requestType & REQUEST_TYPE_MASK) !== REQUEST_CLASS) {
      transfer.stall()
      return
    }
    switch (setup.request) {
      case SET_LINE_CODING:
        if (data.length !== LINE_CODING_SIZE) {
          transfer.stall()
          return
        }
        this.#lineCoding = data.slice()
        transfer.complete()
        return
      case GET_LINE_CODING:
        transfer.complete(this.#lineCoding)
        return
      case SET_CONTROL_LINE_STATE:
      case SEND_BREAK:
        transfer.complete()
        return
      default:
        transfer.stall()
    }
  }

  /** Writes one after another. If the board has gone, its input is dropped. */
  async #carryInput(): Promise<void> {
    this.#isWriting = true
    for (let writer = this.#writers.shift(); writer; writer = this.#writers.shift()) {
      await this.#console.write(writer.data).catch(() => {})
      writer.complete()
    }
    this.#isWriting = false
  }

  async #carryOutput(): Promise<void> {
    while (!this.#isClosed) {
      try {
        for await (const bytes of this.#console) {
          this.#output = bytes
          await this.#giveOutput()
          if (this.#isClosed) return
        }
        return // the bus was closed
      } catch (error) {
        if (!(error instanceof VirtioMsgError)) throw error
        if (error.code === "DEVICE_REMOVED") return
        await delay(this.#clock, RETRY_MS)
      }
    }
  }

  async #giveOutput(): Promise<void> {
    while (this.#output.length > 0 && !this.#isClosed) {
      const reader = this.#readers.shift()
      if (!reader) {
        await new Promise<void>((resolve) => {
          this.#onReader = resolve
        })
        this.#onReader = undefined
        continue
      }
      reader.complete(this.#output.subarray(0, reader.length))
      this.#output = this.#output.subarray(reader.length)
    }
  }
}
