// The device's side of a guest's ring, over plain memory: what it does for a good guest, and what a hostile one
// cannot make it do (virtio 1.4 2.7).

import { describe, expect, it } from "vitest"
import { GuestMemory } from "../../host/src/node/vhost-user/guest-memory.js"
import { Vring } from "../../host/src/node/vhost-user/vring.js"
import {
  AVAIL_NO_INTERRUPT,
  DESCRIPTOR_INDIRECT,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_WRITE,
} from "../../shared-protocol/src/ring/layout.js"
import { BUFFERS_AT, GUEST_BASE, GuestRing, MEMORY_LENGTH, USER_BASE } from "./guest-ring.js"

const NEXT = DESCRIPTOR_NEXT
const WRITE = DESCRIPTOR_WRITE
const INDIRECT = DESCRIPTOR_INDIRECT

function setUp(options: { size?: number; base?: number; hasEventIdx?: boolean; limit?: number } = {}) {
  const bytes = new Uint8Array(MEMORY_LENGTH)
  const memory = new GuestMemory([{ guestAddress: GUEST_BASE, userAddress: USER_BASE, bytes }])
  const guest = new GuestRing(bytes, options.size ?? 8)
  guest.availableIdx = options.base ?? 0
  guest.setAvailableIdx(guest.availableIdx)
  const ring = new Vring(options.limit ?? 4096)
  const reason = ring.start(memory, guest.layout, options.base ?? 0, options.hasEventIdx ?? true)
  expect(reason).toBe("")
  return { bytes, memory, guest, ring }
}

describe("a good guest", () => {
  it("gets its chain through: what it wrote is copied, what is written reaches it", () => {
    const { bytes, guest, ring } = setUp()
    const { head, offsets } = guest.add([{ out: [1, 2, 3] }, { out: [4] }, { room: 2 }, { room: 3 }])
    const chain = ring.pop()
    expect(chain).toMatchObject({ head, readableLength: 4, writableLength: 5 })
    expect([...(chain?.readable ?? [])]).toEqual([1, 2, 3, 4])
    expect(ring.pop()).toBeUndefined()
    if (chain) ring.push(chain, Uint8Array.of(9, 8, 7), 1)
    expect(guest.takeUsed()).toEqual([])
    expect(ring.publish()).toBe(true)
    expect(guest.takeUsed()).toEqual([{ head, length: 3 }])
    expect([...bytes.subarray(offsets[2], (offsets[2] ?? 0) + 2)]).toEqual([0, 9])
    expect([...bytes.subarray(offsets[3], (offsets[3] ?? 0) + 3)]).toEqual([8, 7, 0])
  })

  it("may use an indirect table, also a longer one than its queue", () => {
    const { bytes, guest, ring } = setUp({ size: 2 })
    bytes.set([5, 6, 7], BUFFERS_AT)
    const rows = [0, 1, 2].map(
      (at) =>
        [GUEST_BASE + guest.allocate(1), 1, at < 2 ? NEXT : WRITE, at + 1] as [
          number,
          number,
          number,
          number,
        ],
    )
    guest.describe(1, guest.indirectTable(rows), 48, INDIRECT)
    guest.offer(1)
    const chain = ring.pop()
    expect(chain).toMatchObject({ head: 1, readableLength: 2, writableLength: 1 })
  })

  it("may run its indexes past 65535, at any size", () => {
    for (const size of [1, 2, 1024]) {
      const { guest, ring } = setUp({ size, base: 0xfffe })
      for (let lap = 0; lap < 5; lap++) {
        const { head } = guest.add([{ room: 1 }])
        const chain = ring.pop()
        expect(chain?.head).toBe(head)
        if (chain) ring.push(chain, Uint8Array.of(1), 0)
        ring.publish()
        expect(guest.takeUsed()).toEqual([{ head, length: 1 }])
      }
      expect(ring.nextAvailable).toBe(3)
    }
  })

  it("is interrupted when its used_event is passed, and not before", () => {
    const { guest, ring } = setUp()
    guest.usedEvent = 2
    const wantsInterrupt = [0, 1, 2, 3].map(() => {
      guest.add([{ room: 1 }])
      const chain = ring.pop()
      if (chain) ring.push(chain, Uint8Array.of(0), 0)
      return ring.publish()
    })
    // the first one always, since nobody knows what it was told before
    expect(wantsInterrupt).toEqual([true, false, true, false])
  })

  it("may switch interrupts off by flag when EVENT_IDX is not negotiated", () => {
    const { guest, ring } = setUp({ hasEventIdx: false })
    guest.flags = AVAIL_NO_INTERRUPT
    guest.add([{ room: 1 }])
    const chain = ring.pop()
    if (chain) ring.push(chain, Uint8Array.of(0), 0)
    expect(ring.publish()).toBe(false)
  })

  it("is told from where on to kick, and what came meanwhile is not missed", () => {
    const { guest, ring } = setUp()
    guest.add([{ room: 1 }])
    ring.pop()
    expect(ring.rearm()).toBe(false)
    expect(guest.availableEvent).toBe(1)
    guest.add([{ room: 1 }])
    expect(ring.rearm()).toBe(true)
  })

  it("may have buffers across two regions that touch", () => {
    const first = new Uint8Array(MEMORY_LENGTH)
    const second = new Uint8Array(4096)
    const memory = new GuestMemory([
      { guestAddress: GUEST_BASE, userAddress: USER_BASE, bytes: first },
      { guestAddress: GUEST_BASE + MEMORY_LENGTH, userAddress: 0x1000, bytes: second },
    ])
    expect(memory.copyOut(GUEST_BASE + MEMORY_LENGTH - 2, Uint8Array.of(1, 2, 3, 4))).toBe(true)
    expect([...first.subarray(-2), ...second.subarray(0, 2)]).toEqual([1, 2, 3, 4])
    const copy = new Uint8Array(4)
    expect(memory.copyIn(GUEST_BASE + MEMORY_LENGTH - 2, copy)).toBe(true)
    expect([...copy]).toEqual([1, 2, 3, 4])
    expect(memory.isMapped(GUEST_BASE + MEMORY_LENGTH + 4095, 2)).toBe(false)
  })
})

describe("a hostile guest", () => {
  const cases: Record<string, { reason: RegExp; size?: number; write(guest: GuestRing): void }> = {
    "offers a head outside its table": {
      reason: /descriptor 8 is outside a table of 8/,
      write: (g) => g.offer(8),
    },
    "moves its index ahead of the queue": {
      reason: /9 ahead in a queue of 8/,
      write: (g) => g.setAvailableIdx(9),
    },
    "makes a loop": {
      reason: /or a loop/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 1, NEXT, 1)
        g.describe(1, GUEST_BASE, 1, NEXT, 0)
        g.offer(0)
      },
    },
    "points behind its memory": {
      reason: /outside the guest's memory/,
      write: (g) => {
        g.describe(0, GUEST_BASE + MEMORY_LENGTH - 1, 2, 0)
        g.offer(0)
      },
    },
    "points before its memory": {
      reason: /outside the guest's memory/,
      write: (g) => {
        g.describe(0, GUEST_BASE - 1, 2, 0)
        g.offer(0)
      },
    },
    "uses an address of the front end's process": {
      reason: /outside the guest's memory/,
      write: (g) => {
        g.describe(0, USER_BASE, 1, 0)
        g.offer(0)
      },
    },
    "lets address and length wrap around 2^64": {
      reason: /outside the guest's memory/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 0xffff_ffff, WRITE)
        new DataView(g.bytes.buffer).setBigUint64(0x1000, 0xffff_ffff_ffff_fff0n, true)
        g.offer(0)
      },
    },
    "claims 4 GiB": {
      reason: /4294967295 bytes at .*outside/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 0xffff_ffff, 0)
        g.offer(0)
      },
    },
    "puts a readable buffer behind a writable one": {
      reason: /readable buffer behind a device-writable/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 1, NEXT | WRITE, 1)
        g.describe(1, GUEST_BASE, 1, 0)
        g.offer(0)
      },
    },
    "nests indirect tables": {
      reason: /indirect descriptor that does not end its chain/,
      write: (g) => {
        g.describe(0, g.indirectTable([[GUEST_BASE, 16, INDIRECT, 0]]), 16, INDIRECT)
        g.offer(0)
      },
    },
    "continues a chain behind an indirect table": {
      reason: /indirect descriptor that does not end its chain/,
      write: (g) => {
        g.describe(0, g.indirectTable([[GUEST_BASE, 1, 0, 0]]), 16, INDIRECT | NEXT, 1)
        g.offer(0)
      },
    },
    "gives an indirect table of odd length": {
      reason: /indirect table of 17 bytes/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 17, INDIRECT)
        g.offer(0)
      },
    },
    "gives an empty indirect table": {
      reason: /indirect table of 0 bytes/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 0, INDIRECT)
        g.offer(0)
      },
    },
    "gives an indirect table of 4 GiB": {
      reason: /indirect table of 4294967280 bytes/,
      write: (g) => {
        g.describe(0, GUEST_BASE, 0xffff_fff0, INDIRECT)
        g.offer(0)
      },
    },
    "gives an indirect table outside its memory": {
      reason: /indirect table at 0x1000, outside/,
      write: (g) => {
        g.describe(0, 0x1000, 16, INDIRECT)
        g.offer(0)
      },
    },
    "jumps out of an indirect table": {
      reason: /descriptor 7 is outside a table of 1/,
      write: (g) => {
        g.describe(0, g.indirectTable([[GUEST_BASE, 1, NEXT, 7]]), 16, INDIRECT)
        g.offer(0)
      },
    },
  }

  for (const [what, { reason, write }] of Object.entries(cases))
    it(`${what}: the ring is broken and takes nothing more`, () => {
      const { guest, ring } = setUp()
      write(guest)
      expect(ring.pop()).toBeUndefined()
      expect(ring.brokenReason).toMatch(reason)
      guest.add([{ room: 1 }])
      expect(ring.pop()).toBeUndefined()
      expect(ring.rearm()).toBe(false)
    })

  it("cannot make the device copy more than its limit", () => {
    const { guest, ring } = setUp({ limit: 10 })
    for (let index = 0; index < 8; index++)
      guest.describe(index, GUEST_BASE, MEMORY_LENGTH, index < 7 ? NEXT : 0, index + 1)
    guest.offer(0)
    const chain = ring.pop()
    expect(chain?.readable.length).toBe(10)
    expect(chain?.readableLength).toBe(8 * MEMORY_LENGTH)
  })

  it("does not get more than it has room for", () => {
    const { bytes, guest, ring } = setUp()
    const { head, offsets } = guest.add([{ room: 2 }])
    const chain = ring.pop()
    bytes[(offsets[0] ?? 0) + 2] = 0x55
    if (chain) ring.push(chain, Uint8Array.of(1, 2, 3), 0)
    ring.publish()
    expect(guest.takeUsed()).toEqual([{ head, length: 2 }])
    expect(bytes[(offsets[0] ?? 0) + 2]).toBe(0x55)
  })

  it("survives random rings: nothing throws, nothing takes long", () => {
    let state = 1
    const below = (limit: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return Math.floor((state / 0x1_0000_0000) * limit)
    }
    for (let run = 0; run < 2000; run++) {
      const { bytes, guest, ring } = setUp()
      for (let at = 0x1000; at < 0x1080; at++) bytes[at] = below(256)
      for (let index = 0; index < 8; index++)
        if (below(10) < 8)
          guest.describe(index, GUEST_BASE + below(2 * MEMORY_LENGTH), below(64), below(8), below(9))
      for (let count = 0; count < 8; count++) guest.offer(below(9))
      for (let chain = ring.pop(); chain; chain = ring.pop())
        ring.push(chain, new Uint8Array(below(100)), below(50))
      ring.publish()
    }
  })
})

describe("a ring that stops", () => {
  it("touches no memory any more", () => {
    const { guest, ring, memory } = setUp()
    guest.add([{ room: 1 }])
    const chain = ring.pop()
    ring.stop()
    memory.close()
    if (chain) ring.push(chain, Uint8Array.of(1), 0)
    expect(ring.publish()).toBe(false)
    expect(ring.pop()).toBeUndefined()
    expect(ring.rearm()).toBe(false)
    expect(guest.takeUsed()).toEqual([])
  })

  it("goes on in a new memory table", () => {
    const { bytes, guest, ring } = setUp()
    const { head, offsets } = guest.add([{ room: 1 }])
    const chain = ring.pop()
    const moved = new Uint8Array(MEMORY_LENGTH)
    moved.set(bytes)
    const memory = new GuestMemory([{ guestAddress: GUEST_BASE, userAddress: 0x10_0000, bytes: moved }])
    const { layout } = guest
    const shift = (address: number) => address - USER_BASE + 0x10_0000
    const reason = ring.move(memory, {
      size: layout.size,
      descriptors: shift(layout.descriptors),
      available: shift(layout.available),
      used: shift(layout.used),
    })
    expect(reason).toBe("")
    if (chain) ring.push(chain, Uint8Array.of(7), 0)
    ring.publish()
    expect(moved[offsets[0] ?? 0]).toBe(7)
    expect(new GuestRing(moved, 8).takeUsed()).toEqual([{ head, length: 1 }])
  })

  it("is broken when a buffer of it has gone", () => {
    const { guest, ring } = setUp()
    guest.add([{ room: 1 }])
    const chain = ring.pop()
    const memory = new GuestMemory([
      { guestAddress: 0, userAddress: USER_BASE, bytes: new Uint8Array(MEMORY_LENGTH) },
    ])
    expect(ring.move(memory, guest.layout)).toBe("")
    if (chain) ring.push(chain, Uint8Array.of(7), 0)
    expect(ring.brokenReason).toMatch(/went out of the guest's memory/)
  })
})

describe("a layout", () => {
  it.each([
    ["of no descriptors", { size: 0 }, /queue of 0/],
    ["of no power of two", { size: 12 }, /queue of 12/],
    ["of 2048 descriptors", { size: 2048 }, /queue of 2048/],
    ["outside the memory", { used: USER_BASE + MEMORY_LENGTH - 8 }, /outside the guest's memory/],
    ["at guest addresses", { descriptors: GUEST_BASE }, /outside the guest's memory/],
    ["at an odd address", { available: USER_BASE + 0x6001 }, /misaligned/],
    ["with misaligned descriptors", { descriptors: USER_BASE + 0x1008 }, /misaligned/],
    ["with a misaligned used ring", { used: USER_BASE + 0x8002 }, /misaligned/],
  ])("%s is refused", (_, change, reason) => {
    const bytes = new Uint8Array(MEMORY_LENGTH)
    const memory = new GuestMemory([{ guestAddress: GUEST_BASE, userAddress: USER_BASE, bytes }])
    const ring = new Vring(64)
    const { layout } = new GuestRing(bytes, 8)
    expect(ring.start(memory, { ...layout, ...change }, 0, true)).toMatch(reason)
    expect(ring.isRunning).toBe(false)
  })
})
