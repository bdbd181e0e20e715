// The gadgets with bulk endpoints: random bytes as ChaosKey, the console as CDC-ACM. Nothing is lost when a board is
// slow or away, and what the computer takes back gets no answer.

import { describe, expect, it } from "vitest"
import { AsyncQueue } from "../../../host/src/async-queue.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { VirtioMsgError } from "../../../host/src/errors.js"
import { CdcAcm } from "../../../host/src/node/usbip/cdc-acm.js"
import { ChaosKey } from "../../../host/src/node/usbip/chaos-key.js"
import type { UsbGadget } from "../../../host/src/node/usbip/gadget.js"
import { UrbConnection } from "../../../host/src/node/usbip/urb-connection.js"
import { UsbClient } from "../../support/usb-client.js"

function connect(gadget: UsbGadget) {
  const client = new UsbClient((bytes) => connection.push(bytes))
  const connection = new UrbConnection(gadget, {
    send: (bytes) => client.take(bytes),
    fail: (reason) => expect.fail(reason),
  })
  return { client, connection }
}

describe("chaoskey", () => {
  it("gives 64 random bytes a request, each byte once", async () => {
    let next = 0
    const read = async (length: number) => Uint8Array.from({ length }, () => next++ & 255)
    const { client } = connect(new ChaosKey({ read }, "1"))
    const [one, other] = await Promise.all([client.read(1, 64), client.read(1, 64)])
    expect([one.data.length, other.data.length]).toEqual([64, 64])
    expect([one.data[0], other.data[0]]).toEqual([0, 64])
  })

  it("asks a board that is away again, and gives the bytes to whoever waits then", async () => {
    const clock = new VirtualClock()
    let isThere = false
    const read = async (length: number) => {
      if (!isThere) throw new VirtioMsgError("LINK_CLOSED", "gone")
      return new Uint8Array(length).fill(5)
    }
    const { client } = connect(new ChaosKey({ read }, "1", clock))
    void client.read(1, 64)
    await clock.advance(100)
    expect((await client.unlink()).status).toBe(-104)
    const later = client.read(1, 64)
    isThere = true
    await clock.advance(1000)
    expect((await later).data).toHaveLength(64)
    expect(client.answers).toHaveLength(2)
  })
})

describe("cdc-acm", () => {
  function setUp(write: (bytes: Uint8Array) => Promise<void> = async () => {}) {
    const output = new AsyncQueue<Uint8Array>()
    const gadget = new CdcAcm(
      {
        async *[Symbol.asyncIterator]() {
          for (;;) {
            const { done, value } = await output.next()
            if (done) return
            yield value
          }
        },
        write,
      },
      "1",
    )
    return { ...connect(gadget), output }
  }

  it("gives the console's output in order, in pieces as the computer asks", async () => {
    const { client, output } = setUp()
    output.push(Uint8Array.of(1, 2, 3, 4, 5))
    expect((await client.read(1, 3)).data).toEqual([1, 2, 3])
    expect((await client.read(1, 64)).data).toEqual([4, 5])
    const waiting = client.read(1, 64)
    output.push(Uint8Array.of(6))
    expect((await waiting).data).toEqual([6])
  })

  it("loses no output to a request that was taken back", async () => {
    const { client, output } = setUp()
    void client.read(1, 64)
    await client.unlink()
    output.push(Uint8Array.of(7))
    expect((await client.read(1, 64)).data).toEqual([7])
  })

  it("writes one piece after another, and ends each when the board has taken it", async () => {
    const written: number[][] = []
    const ends: (() => void)[] = []
    const { client } = setUp((bytes) => {
      written.push([...bytes])
      return new Promise((resolve) => ends.push(resolve))
    })
    const first = client.write(2, [1, 2])
    const second = client.write(2, [3])
    expect(written).toEqual([[1, 2]])
    ends[0]?.()
    expect(await first).toMatchObject({ status: 0, length: 2 })
    await expect.poll(() => written).toEqual([[1, 2], [3]])
    ends[1]?.()
    await second
  })

  it("keeps the line coding that it is given, and stalls on endpoints that it has not", async () => {
    const { client } = setUp()
    const coding = [0x80, 0x25, 0, 0, 0, 0, 8]
    expect((await client.control({ type: 0x21, request: 0x20, data: coding })).status).toBe(0)
    expect((await client.control({ type: 0xa1, request: 0x21, data: 7 })).data).toEqual(coding)
    expect((await client.control({ type: 0x21, request: 0x20, data: [1] })).status).toBe(-32)
    expect((await client.read(5, 64)).status).toBe(-32)
  })
})
