// A USB/IP client for tests. It submits transfers, unlinks them, and reads the answers, as vhci-hcd does.

import { ByteIntake } from "../../host/src/node/usbip/byte-intake.js"

export const GET = 0xc1
export const SET = 0x41

export interface ControlRequest {
  /** Vendor, interface, to the computer (0xc1) or from it (0x41). */
  readonly type: number
  readonly request: number
  readonly value?: number
  readonly index?: number
  /** The number of bytes asked for, or the bytes to send. */
  readonly data?: number | readonly number[]
}

export interface Answer {
  readonly command: number
  readonly seqnum: number
  readonly status: number
  readonly length: number
  readonly data: number[]
}

/** A submission of a control transfer as its bytes. */
export function controlBytes(
  seqnum: number,
  { type, request, value = 0, index = 0, data = 0 }: ControlRequest,
): Buffer {
  const isRead = typeof data === "number"
  const length = isRead ? data : data.length
  const setup = Buffer.from([type, request, 0, 0, 0, 0, 0, 0])
  setup.writeUInt16LE(value, 2)
  setup.writeUInt16LE(index, 4)
  setup.writeUInt16LE(length, 6)
  // USB has no data phase of 0 bytes to the computer: such a transfer is one from the computer
  const isIn = (type & 0x80) !== 0 && length > 0
  return submitBytes({ seqnum, endpoint: 0, isIn, setup, data: isRead ? length : data })
}

/** A submission as its bytes. */
export function submitBytes(options: {
  readonly seqnum: number
  readonly endpoint: number
  readonly isIn: boolean
  readonly setup?: Uint8Array
  readonly data: number | readonly number[]
}): Buffer {
  const { seqnum, endpoint, isIn, setup, data } = options
  const header = Buffer.alloc(48)
  header.writeUInt32BE(1, 0)
  header.writeUInt32BE(seqnum, 4)
  header.writeUInt32BE(0x10001, 8)
  header.writeUInt32BE(isIn ? 1 : 0, 12)
  header.writeUInt32BE(endpoint, 16)
  header.writeInt32BE(typeof data === "number" ? data : data.length, 24)
  if (setup) header.set(setup, 40)
  return typeof data === "number" ? header : Buffer.concat([header, Buffer.from(data)])
}

export function unlinkBytes(seqnum: number, unlinked: number): Buffer {
  const header = Buffer.alloc(48)
  header.writeUInt32BE(2, 0)
  header.writeUInt32BE(seqnum, 4)
  header.writeUInt32BE(unlinked, 20)
  return header
}

export class UsbClient {
  /** In the order in which they came. */
  readonly answers: Answer[] = []
  readonly #send: (bytes: Uint8Array) => void
  readonly #intake = new ByteIntake()
  readonly #isIn = new Map<number, boolean>()
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #seqnum = 0

  constructor(send: (bytes: Uint8Array) => void) {
    this.#send = send
  }

  /** Takes bytes that the device's side sent. */
  take(bytes: Uint8Array): void {
    this.#intake.push(bytes)
    for (let header = this.#intake.peek(48); header; header = this.#intake.peek(48)) {
      const command = header.getUint32(0)
      const seqnum = header.getUint32(4)
      const status = header.getInt32(20)
      const length = command === 3 ? header.getInt32(24) : 0
      const dataLength = this.#isIn.get(seqnum) && status === 0 ? length : 0
      if (this.#intake.length < 48 + dataLength) return
      this.#intake.take(48)
      const answer = { command, seqnum, status, length, data: [...this.#intake.take(dataLength)] }
      this.answers.push(answer)
      this.#waiting.get(seqnum)?.(answer)
    }
  }

  control(request: ControlRequest): Promise<Answer> {
    const seqnum = ++this.#seqnum
    const isIn = (request.type & 0x80) !== 0
    return this.#await(seqnum, isIn, controlBytes(seqnum, request))
  }

  /** A transfer from endpoint `endpoint` of `length` bytes. */
  read(endpoint: number, length: number): Promise<Answer> {
    const seqnum = ++this.#seqnum
    return this.#await(seqnum, true, submitBytes({ seqnum, endpoint, isIn: true, data: length }))
  }

  write(endpoint: number, data: readonly number[]): Promise<Answer> {
    const seqnum = ++this.#seqnum
    return this.#await(seqnum, false, submitBytes({ seqnum, endpoint, isIn: false, data }))
  }

  /** Unlinks the last submission but `back`. */
  unlink(back = 0): Promise<Answer> {
    const unlinked = this.#seqnum - back
    const seqnum = ++this.#seqnum
    return this.#await(seqnum, false, unlinkBytes(seqnum, unlinked))
  }

  #await(seqnum: number, isIn: boolean, bytes: Uint8Array): Promise<Answer> {
    this.#isIn.set(seqnum, isIn)
    return new Promise((resolve) => {
      this.#waiting.set(seqnum, resolve)
      this.#send(bytes)
    })
  }
}
