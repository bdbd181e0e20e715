// The two USB I2C adapters as Linux's drivers use them: what of a transfer is one bus transaction, what the kernel is
// told, and that nothing is called acknowledged that was not.

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../../host/src/clock.js"
import type { I2cOutcome, I2cRequest } from "../../../host/src/driver/i2c-adapter.js"
import { VirtioMsgError } from "../../../host/src/errors.js"
import type { UsbGadget } from "../../../host/src/node/usbip/gadget.js"
import { I2cTinyUsb } from "../../../host/src/node/usbip/i2c-tiny-usb.js"
import type { I2cUsbOptions } from "../../../host/src/node/usbip/i2c-usb-adapter.js"
import { RobotfuzzOsif } from "../../../host/src/node/usbip/robotfuzz-osif.js"
import { UrbConnection } from "../../../host/src/node/usbip/urb-connection.js"
import type { I2cForwarder } from "../../../host/src/node/vhost-user/i2c-device.js"
import { GET, SET, UsbClient } from "../../support/usb-client.js"

const CHIP = 0x48
const READ = 1
const BEGIN = 1
const END = 2
const STALL = -32
const UNLINKED = -104

type Respond = (requests: readonly I2cRequest[]) => Promise<I2cOutcome>[]
type Make = (forwarder: I2cForwarder, options: I2cUsbOptions) => UsbGadget

const tinyUsb: Make = (forwarder, options) => new I2cTinyUsb(forwarder, "1", options)
const osif: Make = (forwarder, options) => new RobotfuzzOsif(forwarder, "1", options)

function setUp(respond: Respond, make = tinyUsb) {
  const submissions: (readonly I2cRequest[])[] = []
  const notes: string[] = []
  const clock = new VirtualClock()
  const gadget = make(
    {
      submit(requests) {
        submissions.push(requests)
        return respond(requests)
      },
    },
    { clock, onNote: (text) => notes.push(text) },
  )
  const client = new UsbClient((bytes) => connection.push(bytes))
  const connection = new UrbConnection(gadget, {
    send: (bytes) => client.take(bytes),
    fail: (reason) => expect.fail(reason),
  })
  const status = async () => (await client.control({ type: GET, request: 3, data: 1 })).data[0]
  /** One message of a transfer: bytes to write, or how many to read. */
  const message = (place: number, data: number | readonly number[], address = CHIP) =>
    client.control(
      typeof data === "number"
        ? { type: GET, request: 4 | place, value: READ, index: address, data }
        : { type: SET, request: 4 | place, index: address, data },
    )
  return { client, clock, connection, message, notes, status, submissions }
}

/** Every read gives 0xa0, 0xa1, ... */
const acknowledged: Respond = (requests) =>
  requests.map(async ({ readLength = 0 }) =>
    readLength > 0
      ? { ok: true, data: Uint8Array.from({ length: readLength }, (_, at) => 0xa0 + at) }
      : { ok: true },
  )
const refused: Respond = (requests) => requests.map(async () => ({ ok: false }))

describe("i2c-tiny-usb", () => {
  it("sends a register read as one group, when its last message is there", async () => {
    const { message, status, submissions } = setUp(acknowledged)
    expect(await message(BEGIN, [0x0e])).toMatchObject({ status: 0, length: 1 })
    expect(await status()).toBe(1)
    expect(submissions).toEqual([])
    expect(await message(END, 2)).toMatchObject({ status: 0, data: [0xa0, 0xa1] })
    expect(await status()).toBe(1)
    expect(submissions).toEqual([
      [
        { address: CHIP, write: Uint8Array.of(0x0e), failNext: true },
        { address: CHIP, readLength: 2, failNext: false },
      ],
    ])
  })

  it("takes the messages of I2C_RDWR, which Linux marks as safe for DMA", async () => {
    const { client, submissions } = setUp(acknowledged)
    await client.control({ type: SET, request: 5, value: 0x200, index: CHIP, data: [1] })
    const read = await client.control({ type: GET, request: 6, value: 0x201, index: CHIP, data: 2 })
    expect(read).toMatchObject({ status: 0, data: [0xa0, 0xa1] })
    expect(submissions.map((requests) => requests.length)).toEqual([2])
  })

  it("gives the kernel what a read in the middle of a transfer read", async () => {
    const { message, submissions } = setUp(acknowledged)
    await message(BEGIN, [1])
    expect(await message(0, 2)).toMatchObject({ status: 0, data: [0xa0, 0xa1] })
    await message(END, [2])
    expect(submissions.map((requests) => requests.length)).toEqual([2, 1])
  })

  it("answers what no chip acknowledged with all bytes and status 2, which Linux takes for ENXIO", async () => {
    const { message, status } = setUp(refused)
    await message(BEGIN, [0x0e])
    expect(await message(END, 3)).toMatchObject({ status: 0, length: 3 })
    expect(await status()).toBe(2)
    expect(await message(BEGIN | END, [1])).toMatchObject({ status: 0, length: 1 })
    expect(await status()).toBe(2)
  })

  it("probes with no bytes, to write or to read", async () => {
    const { message, status, submissions } = setUp((requests) =>
      requests.map(async () => ({ ok: requests[0]?.address === CHIP })),
    )
    expect(await message(BEGIN | END, [])).toMatchObject({ status: 0, length: 0 })
    expect(await status()).toBe(1)
    expect(await message(BEGIN | END, 0, 0x33)).toMatchObject({ status: 0, length: 0 })
    expect(await status()).toBe(2)
    expect(submissions).toEqual([[{ address: CHIP, failNext: false }], [{ address: 0x33, failNext: false }]])
  })

  it("ends every request before the kernel's 2 s while the board does not answer, and at once when it is gone", async () => {
    let isGone = false
    const { clock, message, status } = setUp((requests) =>
      requests.map(() =>
        isGone ? Promise.reject(new VirtioMsgError("LINK_CLOSED", "gone")) : new Promise<never>(() => {}),
      ),
    )
    const late = message(BEGIN | END, 1)
    await clock.advance(1999)
    expect(await late).toMatchObject({ status: 0, length: 1 })
    expect(await status()).toBe(2)
    isGone = true
    await message(BEGIN | END, 1)
    expect(await status()).toBe(2)
  })

  it("refuses at once what can never be carried out, with a line for people", async () => {
    const tooLong = () => {
      throw new VirtioMsgError("INVALID_ARGUMENT", "An I2C message of 4096 bytes is too long.")
    }
    const { message, status, notes } = setUp(tooLong)
    expect((await message(BEGIN | END, 4096)).status).toBe(STALL)
    expect(await status()).toBe(2)
    expect(notes).toEqual([
      "The kernel's I2C transfer was refused (EIO): An I2C message of 4096 bytes is too long.",
    ])
  })

  it.each([
    ["a 10-bit address", { type: GET, request: 7, value: 0x11, index: 0x148, data: 1 }],
    [
      "a read whose length comes with the data",
      { type: GET, request: 7, value: 0x401, index: CHIP, data: 1 },
    ],
    ["a message without a beginning", { type: GET, request: 6, value: 1, index: CHIP, data: 1 }],
    ["a request that there is not", { type: GET, request: 9, data: 1 }],
  ])("stalls on %s, and forwards nothing", async (_, request) => {
    const { client, submissions } = setUp(acknowledged)
    expect((await client.control(request)).status).toBe(STALL)
    expect(submissions).toEqual([])
  })

  it("forgets a transfer without an end when the next one begins", async () => {
    const { message, submissions } = setUp(acknowledged)
    await message(BEGIN, [1])
    await message(BEGIN, [2])
    await message(END, 1)
    expect(submissions.map(([first]) => first?.write)).toEqual([Uint8Array.of(2)])
  })

  it("says once that the kernel's delay changes nothing", async () => {
    const { client, notes } = setUp(acknowledged)
    for (let i = 0; i < 3; i++)
      expect((await client.control({ type: SET, request: 2, value: 10, data: [] })).status).toBe(0)
    expect(notes).toHaveLength(1)
  })

  it("can do what its functionality says: plain messages, and SMBus with them", async () => {
    const { client } = setUp(acknowledged)
    expect((await client.control({ type: GET, request: 1, data: 4 })).data).toEqual([0x09, 0x00, 0xff, 0x0e])
  })

  it("takes an unlink of a request in flight, and answers the next when the bus is free", async () => {
    const ends: ((outcome: I2cOutcome) => void)[] = []
    const { client, message } = setUp((requests) =>
      requests.map(() => new Promise((resolve) => ends.push(resolve))),
    )
    void message(BEGIN | END, [1])
    expect((await client.unlink()).status).toBe(UNLINKED)
    const next = message(BEGIN | END, [2])
    expect(ends).toHaveLength(1)
    ends[0]?.({ ok: true })
    await expect.poll(() => ends.length).toBe(2)
    ends[1]?.({ ok: true })
    expect(await next).toMatchObject({ status: 0, length: 1 })
    expect(client.answers).toHaveLength(2)
  })

  it("agrees with a model of chips in 20,000 random transfers", async () => {
    const model = new Map(
      [CHIP, 0x50].map((address) => [address, { registers: new Uint8Array(256), pointer: 0 }]),
    )
    const real = new Map(
      [CHIP, 0x50].map((address) => [address, { registers: new Uint8Array(256), pointer: 0 }]),
    )
    const carryOut = (chips: typeof model, { address, write, readLength = 0 }: I2cRequest): I2cOutcome => {
      const chip = chips.get(address)
      if (!chip) return { ok: false }
      if (write) chip.pointer = write[0] as number
      for (const byte of write?.subarray(1) ?? []) chip.registers[chip.pointer++ & 255] = byte
      if (readLength === 0) return { ok: true }
      return {
        ok: true,
        data: Uint8Array.from({ length: readLength }, () => chip.registers[chip.pointer++ & 255] as number),
      }
    }
    const { message, status } = setUp((requests) => {
      let hasFailed = false
      return requests.map(async (request) => {
        const outcome = hasFailed ? { ok: false } : carryOut(real, request)
        hasFailed = !outcome.ok
        return outcome
      })
    })
    let seed = 17
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % below
    }
    let wrong = 0
    for (let transfer = 0; transfer < 20_000; transfer++) {
      const address = [CHIP, 0x50, 0x33][random(3)] as number
      const count = 1 + random(3)
      for (let at = 0; at < count; at++) {
        const place = (at === 0 ? BEGIN : 0) | (at === count - 1 ? END : 0)
        const isRead = random(2) === 0
        const data = isRead ? random(5) : Array.from({ length: random(4) }, () => random(256))
        const answer = await message(place, data, address)
        const isAcknowledged = (await status()) === 1
        const write = typeof data === "number" || data.length === 0 ? undefined : Uint8Array.from(data)
        const expected = carryOut(model, {
          address,
          ...(write ? { write } : {}),
          ...(isRead && data ? { readLength: data as number } : {}),
          failNext: false,
        })
        // a write that waits for the transfer's end is acknowledged with it
        const isHeld = !isRead && (place & END) === 0
        if (!isHeld && isAcknowledged !== expected.ok) wrong++
        if (isRead && isAcknowledged && `${answer.data}` !== `${[...(expected.data ?? [])]}`) wrong++
        if (!isAcknowledged) break // as the kernel's driver does
      }
    }
    expect(wrong).toBe(0)
    expect(real).toEqual(model)
  })
})

describe("robotfuzz-osif", () => {
  it("carries out every message by itself, and tells the kernel which one failed", async () => {
    const { client, submissions } = setUp(
      (requests) =>
        requests.map(async ({ address, readLength }) =>
          address === CHIP
            ? { ok: true, ...(readLength ? { data: Uint8Array.of(7, 8) } : {}) }
            : { ok: false },
        ),
      osif,
    )
    const status = async () => (await client.control({ type: GET, request: 23, data: 1 })).data[0]
    expect(await client.control({ type: SET, request: 21, index: CHIP, data: [14] })).toMatchObject({
      status: 0,
      length: 1,
    })
    expect((await client.control({ type: SET, request: 22, data: [] })).status).toBe(0)
    expect(await status()).toBe(0)
    expect(
      (await client.control({ type: GET, request: 20, value: READ, index: CHIP, data: 2 })).data,
    ).toEqual([7, 8])
    expect(await status()).toBe(0)
    await client.control({ type: SET, request: 21, index: 0x33, data: [14] })
    expect(await status()).toBe(1)
    expect(submissions).toHaveLength(3)
  })

  it("refuses what it cannot carry out, with a line for people", async () => {
    const { client, notes, submissions } = setUp(acknowledged, osif)
    expect((await client.control({ type: GET, request: 20, value: 0x11, index: CHIP, data: 2 })).status).toBe(
      STALL,
    )
    expect(notes).toHaveLength(1)
    expect(submissions).toEqual([])
  })
})
