// The vhost-user backend, against a front end that does what the test says: the protocol, memory, doorbells,
// both ways of connecting, and a peer that goes away at any moment.

import { writeFileSync } from "node:fs"
import { afterEach, describe, expect, it } from "vitest"
import { systemClock } from "../../host/src/clock.js"
import { loadLibc } from "../../host/src/node/vhost-user/libc.js"
import {
  decodeNumber,
  encodeConfig,
  encodeVringState,
  REQUEST,
} from "../../host/src/node/vhost-user/messages.js"
import { VhostUserSession } from "../../host/src/node/vhost-user/session.js"
import { because } from "../support/because.js"
import { FrontEnd, until } from "./front-end.js"
import { GUEST_BASE, MEMORY_LENGTH } from "./guest-ring.js"
import { skipReason } from "./requirements.js"
import {
  cleanUp,
  cleanUpAll,
  connect,
  newBackend,
  newPath,
  openDescriptors,
  TestDevice,
} from "./vhost-user-rig.js"

const skip = await skipReason({ koffi: true })

describe.skipIf(skip)(`vhost-user backend${because(skip)}`, () => {
  afterEach(cleanUpAll)

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

  it("takes no file of somebody's for a socket", async () => {
    const path = newPath()
    writeFileSync(path, "precious")
    await expect(newBackend(path)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" })
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
})
