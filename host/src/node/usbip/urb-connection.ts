// The transfers of one USB device over USB/IP, for a client that has imported it. Reads submissions and unlinks, gives
// them to the device, and answers. A client that breaks the protocol, or asks for more than we hold, loses the device.

import { counted } from "../../counted.js"
import { ByteIntake } from "./byte-intake.js"
import {
  ENDPOINT_IN,
  REQUEST_STANDARD,
  REQUEST_TYPE_MASK,
  type Setup,
  type UsbGadget,
  type UsbTransfer,
} from "./gadget.js"
import {
  DIRECTION_IN,
  readUrb,
  STATUS_STALL,
  STATUS_UNLINKED,
  SUBMIT,
  type Submission,
  URB_SIZE,
  writeSubmitAnswer,
  writeUnlinkAnswer,
} from "./messages.js"
import { answerStandardRequest } from "./standard-requests.js"

/**
 * The most bytes of one transfer. Linux asks for no more: a control transfer's length has 16 bits, and its drivers'
 * buffers are small.
 */
const MAX_TRANSFER_BYTES = 0x10000
/** Transfers that a client may have waiting. Linux's cdc-acm has 32. */
const MAX_PENDING = 256
/** Bytes that wait with them. */
const MAX_PENDING_BYTES = 0x100000

export interface UrbEvents {
  /** Bytes for the client. */
  send(bytes: Uint8Array): void
  /** The client has to be disconnected. `reason` is for people. */
  fail(reason: string): void
}

export class UrbConnection {
  readonly #device: UsbGadget
  readonly #events: UrbEvents
  readonly #intake = new ByteIntake()
  /** The transfers that are submitted and neither answered nor taken back, by sequence number. */
  readonly #pending = new Map<number, Transfer>()
  #pendingBytes = 0
  /** Control transfers. The first one is with the device, and the others wait for it. */
  #control: Transfer[] = []
  #isClosed = false

  constructor(device: UsbGadget, events: UrbEvents) {
    this.#device = device
    this.#events = events
    device.reset()
  }

  /** Transfers that the client waits for. */
  get pendingCount(): number {
    return this.#pending.size
  }

  push(chunk: Uint8Array): void {
    if (this.#isClosed) return
    this.#intake.push(chunk)
    while (!this.#isClosed) {
      const header = this.#intake.peek(URB_SIZE)
      if (!header) return
      const urb = readUrb(header)
      if (!urb) {
        this.#fail("it sent what is no USB/IP transfer")
        return
      }
      if (urb.command !== SUBMIT) {
        this.#intake.take(URB_SIZE)
        this.#unlink(urb.seqnum, urb.unlinked)
        continue
      }
      if (urb.length > MAX_TRANSFER_BYTES) {
        this.#fail(`it sent a transfer of ${counted(urb.length, "byte")}; at most ${MAX_TRANSFER_BYTES} fit`)
        return
      }
      const dataLength = urb.direction === DIRECTION_IN ? 0 : urb.length
      if (this.#intake.length < URB_SIZE + dataLength) return
      this.#intake.take(URB_SIZE)
      this.#submit(urb, this.#intake.take(dataLength))
    }
  }

  /** The client has gone. Its transfers are dropped. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const transfer of this.#pending.values()) transfer.isCancelled = true
    this.#pending.clear()
    this.#control = []
    this.#intake.clear()
    this.#device.reset()
  }

  #submit(urb: Submission, data: Uint8Array): void {
    if (this.#pending.has(urb.seqnum)) {
      this.#fail(`it used sequence number ${urb.seqnum} twice`)
      return
    }
    if (this.#pending.size >= MAX_PENDING || this.#pendingBytes + data.length > MAX_PENDING_BYTES) {
      this.#fail("it has too many transfers waiting")
      return
    }
    const transfer = new Transfer(urb, data, (status, answer) => this.#answer(transfer, status, answer))
    this.#pending.set(urb.seqnum, transfer)
    this.#pendingBytes += data.length
    if (transfer.endpoint !== 0) {
      this.#device.handle(transfer)
      return
    }
    this.#control.push(transfer)
    if (this.#control.length === 1) this.#startControl(transfer)
  }

  #startControl(transfer: Transfer): void {
    const { setup } = transfer
    if (transfer.isCancelled) {
      transfer.complete()
      return
    }
    if ((setup.requestType & REQUEST_TYPE_MASK) !== REQUEST_STANDARD) {
      this.#device.handle(transfer)
      return
    }
    const answer = answerStandardRequest(this.#device.description, setup)
    if (answer) transfer.complete(answer)
    else transfer.stall()
  }

  /** A transfer ended, or the device has let go of one that was taken back. */
  #answer(transfer: Transfer, status: number, data: Uint8Array | undefined): void {
    if (this.#isClosed) return
    if (!transfer.isCancelled) {
      this.#forget(transfer)
      const isIn = transfer.direction === DIRECTION_IN
      const taken = isIn ? (data?.subarray(0, transfer.length) ?? new Uint8Array(0)) : undefined
      const length = status !== 0 ? 0 : (taken?.length ?? transfer.data.length)
      this.#events.send(writeSubmitAnswer(transfer.seqnum, status, length, status === 0 ? taken : undefined))
    }
    if (this.#control[0] !== transfer) return
    this.#control.shift()
    const next = this.#control[0]
    // not at once, so that a client that sends many of them cannot make the stack deep
    if (next) queueMicrotask(() => this.#control[0] === next && this.#startControl(next))
  }

  #unlink(seqnum: number, unlinked: number): void {
    const transfer = this.#pending.get(unlinked)
    if (transfer) {
      this.#forget(transfer)
      transfer.isCancelled = true
      // a transfer that is with the device holds up those behind it until the device has ended it
      const at = this.#control.indexOf(transfer)
      if (at > 0) this.#control.splice(at, 1)
    }
    this.#events.send(writeUnlinkAnswer(seqnum, transfer ? STATUS_UNLINKED : 0))
  }

  #forget(transfer: Transfer): void {
    this.#pending.delete(transfer.seqnum)
    this.#pendingBytes -= transfer.data.length
  }

  #fail(reason: string): void {
    this.close()
    this.#events.fail(reason)
  }
}

class Transfer implements UsbTransfer {
  readonly seqnum: number
  readonly endpoint: number
  readonly direction: number
  readonly setup: Setup
  readonly data: Uint8Array
  readonly length: number
  isCancelled = false
  #end: ((status: number, data: Uint8Array | undefined) => void) | undefined

  constructor(
    urb: Submission,
    data: Uint8Array,
    end: (status: number, data: Uint8Array | undefined) => void,
  ) {
    this.seqnum = urb.seqnum
    this.direction = urb.direction
    this.endpoint =
      urb.endpoint !== 0 && urb.direction === DIRECTION_IN ? urb.endpoint | ENDPOINT_IN : urb.endpoint
    this.setup = urb.setup
    this.data = data
    this.length = urb.length
    this.#end = end
  }

  complete(data?: Uint8Array): void {
    this.#endWith(0, data)
  }

  stall(): void {
    this.#endWith(STATUS_STALL, undefined)
  }

  #endWith(status: number, data: Uint8Array | undefined): void {
    const end = this.#end
    this.#end = undefined
    end?.(status, data)
  }
}
