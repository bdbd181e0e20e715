// The vhost-user backend, against a front end that does what the test says: the protocol, memory, doorbells,
// both ways of connecting, and a peer that breaks the rules or goes away at any moment.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { systemClock, VirtualClock } from "../../host/src/clock.js"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { VhostUserBackend, type VhostUserBackendOptions } from "../../host/src/node/vhost-user/backend.js"
import type { Chain, VhostUserDevice } from "../../host/src/node/vhost-user/device.js"
import { loadLibc } from "../../host/src/node/vhost-user/libc.js"
import {
  decodeNumber,
  encodeConfig,
  encodeNumber,
  encodeVringState,
  REQUEST,
} from "../../host/src/node/vhost-user/messages.js"
import { VhostUserSession } from "../../host/src/node/vhost-user/session.js"
import { FrontEnd, memoryTable, until } from "./front-end.js"
import { GUEST_BASE, MEMORY_LENGTH } from "./guest-ring.js"
import { skipReason } from "./requirements.js"

const skip = await skipReason({ koffi: true })

/** Keeps what it gets until the test completes it. */
class TestDevice implements VhostUserDevice {
  readonly name = "test"
  readonly queueCount = 1
  readonly features = 1n
  readonly maxReadableLength = 256
  readonly config = Uint8Array.of(1, 2, 3, 4)
  readonly kicks: Chain[][] = []
  resets = 0
  handle(_queueIndex: number, chains: readonly Chain[]): void {
    this.kicks.push([...chains])
  }
  writeConfig(offset: number, bytes: Uint8Array): boolean {
    if (offset + bytes.length > this.config.length) return false
    this.config.set(bytes, offset)
    return true
  }
  reset(): void {
    this.resets++
  }
}

describe.skipIf(skip)(`vhost-user backend${skip ? ` (skipped: ${skip})` : ""}`, () => {
  const cleanUp: (() => void)[] = []
  afterEach(() => {
    for (const undo of cleanUp.splice(0).reverse()) undo()
  })

  function newPath(): string {
    const folder = mkdtempSync(join(tmpdir(), "vu-"))
    cleanUp.push(() => rmSync(folder, { recursive: true }))
    return join(folder, "s")
  }

  async function newBackend(path: string, more: Partial<VhostUserBackendOptions> = {}) {
    const device = new TestDevice()
    const backend = new VhostUserBackend({ socketPath: path, device, ...more })
    const errors: VirtioMsgError[] = []
    backend.onError.on((error) => errors.push(error))
    cleanUp.push(() => backend.close())
    await backend.start()
    return { backend, device, errors }
  }

  /** A front end on a socket of its own, and a backend that connected to it. */
  async function connect(more: Partial<VhostUserBackendOptions> = {}) {
    const path = newPath()
    const libc = await loadLibc()
    const listener = libc.listen(path)
    cleanUp.push(() => libc.close(listener))
    const made = await newBackend(path, more)
    const frontEnd = await FrontEnd.accept(listener)
    cleanUp.push(() => frontEnd.close())
    return { ...made, frontEnd, listener, libc, path }
  }

  it("negotiates features, queues and the configuration space", async () => {
    const { frontEnd } = await connect()
    const features = decodeNumber(await frontEnd.ask(REQUEST.GET_FEATURES))
    expect(features).toBe((1n << 32n) | (1n << 30n) | (1n << 29n) | (1n << 28n) | 1n)
    const protocol = decodeNumber(await frontEnd.ask(REQUEST.GET_PROTOCOL_FEATURES))
    expect(protocol).toBe((1n << 9n) | (1n << 3n) | 1n)
    expect(decodeNumber(await frontEnd.ask(REQUEST.GET_QUEUE_NUM))).toBe(1n)
    const request = encodeConfig({ offset: 1, bytes: new Uint8Array(2) })
    const answer = encodeConfig({ offset: 1, bytes: Uint8Array.of(2, 3) })
    expect(await frontEnd.ask(REQUEST.GET_CONFIG, request)).toEqual(answer)
    const outside = encodeConfig({ offset: 3, bytes: new Uint8Array(2) })
    expect((await frontEnd.ask(REQUEST.GET_CONFIG, outside)).length).toBe(0)
    const change = encodeConfig({ offset: 0, bytes: Uint8Array.of(9) })
    expect(await frontEnd.acknowledged(REQUEST.SET_CONFIG, change)).toBe(0n)
    expect(await frontEnd.acknowledged(REQUEST.SET_CONFIG, outside)).toBe(1n)
    expect(await frontEnd.acknowledged(1234, new Uint8Array(0))).toBe(1n)
    expect(await frontEnd.acknowledged(REQUEST.SET_OWNER, new Uint8Array(0))).toBe(0n)
  })

  it("hands all chains of a kick over together, and completes them in any order with one interrupt", async () => {
    const { frontEnd, device } = await connect()
    await frontEnd.startQueue()
    const heads = [1, 2, 3].map((value) => frontEnd.ring.add([{ out: [value] }, { room: 1 }]).head)
    frontEnd.libc.signal(frontEnd.kick)
    const [chains] = await until(() => device.kicks.length > 0 && device.kicks)
    expect(chains?.map((chain) => [...chain.readable])).toEqual([[1], [2], [3]])
    expect(frontEnd.ring.takeUsed()).toEqual([])
    chains?.[2]?.complete(Uint8Array.of(30))
    chains?.[0]?.complete(Uint8Array.of(10))
    chains?.[1]?.complete(Uint8Array.of(20))
    await Promise.resolve()
    expect(frontEnd.interrupts()).toBe(1)
    expect(frontEnd.ring.takeUsed()).toEqual([
      { head: heads[2], length: 1 },
      { head: heads[0], length: 1 },
      { head: heads[1], length: 1 },
    ])
    expect(() => chains?.[0]?.complete(Uint8Array.of(1))).toThrow(/twice/)
  })

  it("takes what was available before the queue started, and what is added while it looks", async () => {
    const { frontEnd, device } = await connect()
    frontEnd.ring.add([{ out: [1] }, { room: 1 }])
    await frontEnd.startQueue()
    await until(() => device.kicks.length === 1)
    expect(frontEnd.ring.availableEvent).toBe(1)
  })

  it("takes nothing before the queue is enabled, unless the front end knows no enabling", async () => {
    const { frontEnd, device } = await connect()
    frontEnd.ring.add([{ room: 1 }])
    await frontEnd.startQueue()
    await until(() => device.kicks.length === 1)
    expect(
      await frontEnd.acknowledged(REQUEST.SET_VRING_ENABLE, encodeVringState({ index: 0, value: 0 })),
    ).toBe(0n)
    frontEnd.ring.add([{ room: 1 }])
    frontEnd.libc.signal(frontEnd.kick)
    await frontEnd.ask(REQUEST.GET_QUEUE_NUM)
    expect(device.kicks.length).toBe(1)
    expect(
      await frontEnd.acknowledged(REQUEST.SET_VRING_ENABLE, encodeVringState({ index: 0, value: 1 })),
    ).toBe(0n)
    expect(device.kicks.length).toBe(2)
  })

  it("stops a queue only when the device has completed what it has", async () => {
    const { frontEnd, device } = await connect()
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    frontEnd.libc.signal(frontEnd.kick)
    await until(() => device.kicks.length === 1)
    let base: number | undefined
    const stopped = frontEnd.stopQueue().then((value) => {
      base = value
    })
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(base).toBeUndefined()
    device.kicks[0]?.[0]?.complete(Uint8Array.of(5))
    await stopped
    expect(base).toBe(1)
    expect(frontEnd.ring.takeUsed()).toHaveLength(1)
    expect(device.resets).toBe(1)
  })

  it("abandons what the device has when the front end goes away, and touches its memory no more", async () => {
    const { frontEnd, device, backend } = await connect()
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    frontEnd.libc.signal(frontEnd.kick)
    await until(() => device.kicks.length === 1)
    cleanUp.pop()
    frontEnd.close()
    await until(() => !backend.isConnected)
    expect(device.resets).toBe(1)
    device.kicks[0]?.[0]?.complete(Uint8Array.of(5))
  })

  it("goes on in a new memory table with chains in flight", async () => {
    const { frontEnd, device } = await connect()
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    frontEnd.libc.signal(frontEnd.kick)
    await until(() => device.kicks.length === 1)
    frontEnd.shareMemory()
    await frontEnd.ask(REQUEST.GET_QUEUE_NUM)
    device.kicks[0]?.[0]?.complete(Uint8Array.of(5))
    await Promise.resolve()
    expect(frontEnd.ring.takeUsed()).toHaveLength(1)
  })

  it("stands still with one error when the guest breaks its ring, until it is set up again", async () => {
    const { frontEnd, device, errors } = await connect()
    await frontEnd.startQueue()
    frontEnd.ring.describe(0, GUEST_BASE + MEMORY_LENGTH, 1, 0)
    frontEnd.ring.offer(0)
    frontEnd.libc.signal(frontEnd.kick)
    await until(() => errors.length > 0)
    expect(errors[0]?.message).toMatch(/The guest broke queue 0 of test: .*outside the guest's memory/)
    expect(frontEnd.interrupts(frontEnd.error)).toBe(1)
    frontEnd.libc.signal(frontEnd.kick)
    expect(await frontEnd.stopQueue()).toBe(0)
    expect(errors).toHaveLength(1)
    frontEnd.ring.setAvailableIdx(0)
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    frontEnd.libc.signal(frontEnd.kick)
    await until(() => device.kicks.length === 1)
  })

  const violations: Record<string, { reason: RegExp; send(frontEnd: FrontEnd): void }> = {
    "a message of another version": { reason: /version 2/, send: (f) => f.send(1, new Uint8Array(0), [], 2) },
    "a message that is too long": {
      reason: /payload of 4294967295 bytes/,
      send: (f) => f.sendRaw(Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255)),
    },
    "a payload of the wrong size": {
      reason: /SET_VRING_NUM with a payload of 7 bytes/,
      send: (f) => f.send(REQUEST.SET_VRING_NUM, new Uint8Array(7)),
    },
    "a queue that does not exist": {
      reason: /SET_VRING_BASE with queue 1,/,
      send: (f) => f.send(REQUEST.SET_VRING_BASE, encodeVringState({ index: 1, value: 0 })),
    },
    "a kick that is no eventfd": {
      reason: /SET_VRING_KICK with no eventfd/,
      send: (f) => f.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [f.memoryFile]),
    },
    "a kick before everything else": {
      reason: /SET_VRING_KICK with no address/,
      send: (f) => f.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [f.kick]),
    },
    "a kick to be polled for": {
      reason: /polling is not offered/,
      send: (f) => f.send(REQUEST.SET_VRING_KICK, encodeNumber(256n)),
    },
    "more regions than descriptors": {
      reason: /1 file descriptors for 2 regions/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{}, {}]), [f.memoryFile]),
    },
    "a region longer than its file": {
      reason: /its file has 262144/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ size: 0x10_0000n }]), [f.memoryFile]),
    },
    "a region behind its file": {
      reason: /at 1844674407370954\d+, but/,
      send: (f) =>
        f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ offset: 0xffff_ffff_ffff_f000n }]), [f.memoryFile]),
    },
    "a region above 4 GiB": {
      reason: /at most 4 GiB/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ size: 1n << 33n }]), [f.memoryFile]),
    },
    "a region that is no file": {
      reason: /without a file/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{}]), [f.kick]),
    },
    "a ring outside the memory": {
      reason: /SET_VRING_KICK with a queue outside/,
      send: (f) => {
        f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ uva: 0n }]), [f.memoryFile])
        f.send(REQUEST.SET_VRING_NUM, encodeVringState({ index: 0, value: 8 }))
        f.send(REQUEST.SET_VRING_ADDR, f.addressPayload())
        f.send(REQUEST.SET_VRING_KICK, encodeNumber(0n), [f.kick])
      },
    },
    "a memory table that takes a running ring away": {
      reason: /leaves a queue outside/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{ uva: 0n }]), [f.memoryFile]),
    },
    "more descriptors than a message may have": {
      reason: /more file descriptors than/,
      send: (f) => f.send(REQUEST.SET_MEM_TABLE, memoryTable([{}]), new Array(40).fill(f.memoryFile)),
    },
  }
  for (const [what, { reason, send }] of Object.entries(violations))
    it(`hangs up on ${what}, with one error, and leaves no descriptor open`, async () => {
      const clock = new VirtualClock() // it does not come back before its descriptors are counted
      const { frontEnd, backend, errors, listener } = await connect({ clock })
      if (what.includes("running")) await frontEnd.startQueue()
      const before = openDescriptors()
      send(frontEnd)
      await until(() => frontEnd.isClosed)
      expect(errors.map((error) => error.code)).toEqual(["PROTOCOL"])
      expect(errors[0]?.message).toMatch(reason)
      expect(backend.isConnected).toBe(false)
      expect(openDescriptors()).toBeLessThanOrEqual(before - 1)
      await clock.advance(100)
      const again = await FrontEnd.accept(listener)
      cleanUp.push(() => again.close())
      await again.startQueue()
    })

  it("comes back when the front end starts again, and goes on at its base", async () => {
    const { frontEnd, device, listener, backend } = await connect()
    await frontEnd.startQueue()
    cleanUp.pop()
    frontEnd.close()
    await until(() => !backend.isConnected)
    const again = await FrontEnd.accept(listener)
    cleanUp.push(() => again.close())
    again.ring.availableIdx = 7
    again.ring.add([{ room: 1 }])
    await again.startQueue({ base: 7 })
    await until(() => device.kicks.length === 1)
    expect(device.kicks[0]).toHaveLength(1)
  })

  it("shows what it completed before it closes the socket, where the front end then goes on", async () => {
    const path = newPath()
    const libc = await loadLibc()
    const listener = libc.listen(path)
    cleanUp.push(() => libc.close(listener))
    const usedAtClose: number[] = []
    const device = new TestDevice()
    const socket = libc.connect(path)
    const close = libc.close.bind(libc)
    libc.close = (descriptor) => {
      if (descriptor === socket) usedAtClose.push(frontEnd.ring.takeUsed().length)
      close(descriptor)
    }
    cleanUp.push(() => Reflect.deleteProperty(libc, "close"))
    const frontEnd = await FrontEnd.accept(listener)
    cleanUp.push(() => frontEnd.close())
    const session = new VhostUserSession(socket, {
      libc,
      device,
      clock: systemClock,
      onEnd: () => {},
      onDeviceBroken: () => {},
    })
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    frontEnd.libc.signal(frontEnd.kick)
    await until(() => device.kicks.length === 1)
    device.kicks[0]?.[0]?.complete(Uint8Array.of(1))
    session.close()
    expect(usedAtClose).toEqual([1])
  })

  it("is there before the front end's socket is, and finds it", async () => {
    const path = newPath()
    const { backend } = await newBackend(path)
    expect(backend.isConnected).toBe(false)
    const libc = await loadLibc()
    const listener = libc.listen(path)
    cleanUp.push(() => libc.close(listener))
    const frontEnd = await FrontEnd.accept(listener)
    cleanUp.push(() => frontEnd.close())
    await frontEnd.startQueue()
  })

  it("listens, for one front end after another, in a socket of the user alone", async () => {
    const path = newPath()
    const { backend, device } = await newBackend(path, { mode: "listen" })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    for (let turn = 1; turn <= 2; turn++) {
      const frontEnd = await FrontEnd.connect(path)
      frontEnd.ring.add([{ room: 1 }])
      await frontEnd.startQueue()
      await until(() => device.kicks.length === turn)
      frontEnd.close()
      await until(() => !backend.isConnected)
    }
  })

  it("replaces a socket that a former run left, but no file of somebody's", async () => {
    const path = newPath()
    const libc = await loadLibc()
    libc.close(libc.listen(path))
    const { backend } = await newBackend(path, { mode: "listen" })
    backend.close()
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
    writeFileSync(path, "precious")
    await expect(newBackend(path, { mode: "listen" })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
  })

  it("refuses a path that is too long for a socket", async () => {
    const path = `/tmp/${"x".repeat(110)}`
    await expect(newBackend(path)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
  })

  it("leaves no descriptor open when it is closed, with a queue running and a message half sent", async () => {
    const before = openDescriptors()
    const { frontEnd, backend } = await connect()
    await frontEnd.startQueue()
    frontEnd.sendRaw(Uint8Array.of(5, 0, 0, 0), [frontEnd.memoryFile])
    await new Promise((resolve) => setTimeout(resolve, 5))
    backend.close()
    await until(() => frontEnd.isClosed)
    for (const undo of cleanUp.splice(0).reverse()) undo()
    expect(openDescriptors()).toBe(before)
  })

  function openDescriptors(): number {
    return readdirSync("/proc/self/fd").length
  }
})
