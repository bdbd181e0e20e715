// A front end that wants the backend's process to end or to stand still: what it hands over may block, vanish or be
// endless (docs/security.md "What it can do to a Linux guest behind it").

import { ftruncateSync, writeSync } from "node:fs"
import koffi from "koffi"
import { afterEach, describe, expect, it } from "vitest"
import { DeviceQueue } from "../../host/src/node/vhost-user/device-queue.js"
import { GuestMemory } from "../../host/src/node/vhost-user/guest-memory.js"
import type { Libc } from "../../host/src/node/vhost-user/libc.js"
import { encodeNumber, REQUEST } from "../../host/src/node/vhost-user/messages.js"
import { DESCRIPTOR_INDIRECT, DESCRIPTOR_NEXT } from "../../shared-protocol/src/ring/layout.js"
import { because } from "../support/because.js"
import { memoryTable, until } from "./front-end.js"
import { GUEST_BASE, GuestRing, MEMORY_LENGTH, USER_BASE } from "./guest-ring.js"
import { skipReason } from "./requirements.js"
import { cleanUp, cleanUpAll, connect } from "./vhost-user-rig.js"

const skip = await skipReason({ koffi: true })
const EFD_CLOEXEC = 0o2000000
const MFD_ALLOW_SEALING = 2
const F_SETFL = 4
const FULL = new Uint8Array(new BigUint64Array([0xffff_ffff_ffff_fffen]).buffer)

describe.skipIf(skip)(`before a hostile front end${because(skip)}`, () => {
  afterEach(cleanUpAll)

  const c = koffi.load(null)
  const eventfd = c.func("int eventfd(uint32_t, int)")
  const fcntl = c.func("int fcntl(int, int, int)")
  const memfdCreate = c.func("int memfd_create(const char *, uint32_t)")

  it.each([
    ["that blocks", () => {}],
    ["that it makes block again", (descriptor: number) => fcntl(descriptor, F_SETFL, 0)],
  ])("a full call eventfd %s does not stop the process", async (_, spoil) => {
    const { frontEnd, device, libc } = await connect()
    await frontEnd.startQueue()
    const full: number = eventfd(0, EFD_CLOEXEC)
    cleanUp.push(() => libc.close(full))
    writeSync(full, FULL)
    expect(await frontEnd.acknowledged(REQUEST.SET_VRING_CALL, encodeNumber(0n), [full])).toBe(0n)
    spoil(full)
    frontEnd.ring.add([{ room: 1 }])
    libc.signal(frontEnd.kick)
    await until(() => device.kicks.length > 0)
    device.kicks[0]?.[0]?.complete(Uint8Array.of(7))
    expect(await frontEnd.stopQueue()).toBe(1)
  })

  it("a kick eventfd that it empties itself does not stop the process", async () => {
    const { frontEnd, device, libc } = await connect()
    await frontEnd.startQueue()
    const kick: number = eventfd(0, EFD_CLOEXEC)
    cleanUp.push(() => libc.close(kick))
    await frontEnd.acknowledged(REQUEST.SET_VRING_KICK, encodeNumber(0n), [kick])
    fcntl(kick, F_SETFL, 0)
    frontEnd.ring.add([{ room: 1 }])
    libc.signal(kick)
    await Promise.resolve()
    frontEnd.interrupts(kick) // it reads the count before we do
    libc.signal(kick)
    await until(() => device.kicks.length > 0)
    device.kicks[0]?.[0]?.complete(Uint8Array.of(7))
    expect(await frontEnd.stopQueue()).toBe(1)
  })

  it("a byte of memory at 2^60 is refused, so that no descriptor is walked byte by byte for ever", async () => {
    const { frontEnd, errors } = await connect()
    const table = memoryTable([{}, { gpa: 1n << 60n, size: 1n }])
    frontEnd.send(REQUEST.SET_MEM_TABLE, table, [frontEnd.memoryFile, frontEnd.memoryFile])
    await until(() => frontEnd.isClosed)
    expect(errors.map(({ message }) => message)).toEqual([
      "A region of guest memory lies beyond 2^53, where no memory is.",
    ])
  })

  it("memory whose file it makes shorter ends the device with a sentence, and not the process", async () => {
    const { frontEnd, errors, libc } = await connect()
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    ftruncateSync(frontEnd.memoryFile, 4096)
    libc.signal(frontEnd.kick)
    await until(() => errors.length > 0)
    expect(errors[0]).toMatchObject({
      code: "PROTOCOL",
      message: "The guest broke queue 0 of test: the file of the guest's memory became shorter.",
    })
    expect(await frontEnd.ask(REQUEST.GET_QUEUE_NUM)).toHaveLength(8)
  })

  it("memory whose file became shorter while the device has a chain is not written to", async () => {
    const { frontEnd, device, errors, libc } = await connect()
    await frontEnd.startQueue()
    frontEnd.ring.add([{ room: 1 }])
    libc.signal(frontEnd.kick)
    await until(() => device.kicks.length > 0)
    ftruncateSync(frontEnd.memoryFile, 4096)
    device.kicks[0]?.[0]?.complete(Uint8Array.of(7))
    await until(() => errors.length > 0)
    expect(errors[0]?.message).toContain("became shorter")
  })

  it("memory that can be sealed is sealed: it cannot become shorter any more", async () => {
    const { frontEnd, libc } = await connect()
    const file: number = memfdCreate("guest", MFD_ALLOW_SEALING)
    cleanUp.push(() => libc.close(file))
    ftruncateSync(file, MEMORY_LENGTH)
    expect(await frontEnd.acknowledged(REQUEST.SET_MEM_TABLE, memoryTable([{}]), [file])).toBe(0n)
    expect(() => ftruncateSync(file, 4096)).toThrow(/EPERM/)
  })

  it("descriptors that come a few with each byte of a message are not collected", async () => {
    const { frontEnd, errors } = await connect()
    frontEnd.sendRaw(Uint8Array.of(REQUEST.SET_MEM_TABLE, 0, 0, 0), new Array(6).fill(frontEnd.memoryFile))
    frontEnd.sendRaw(Uint8Array.of(1, 0, 0, 0), new Array(6).fill(frontEnd.memoryFile))
    await until(() => frontEnd.isClosed)
    expect(errors[0]?.message).toContain("more file descriptors than a message may have")
  })
})

describe("a guest with 1024 chains of 1024 descriptors each", () => {
  it("gets its turn in pieces: other work is done between them", async () => {
    const bytes = new Uint8Array(MEMORY_LENGTH)
    const memory = new GuestMemory([{ guestAddress: GUEST_BASE, userAddress: USER_BASE, bytes }])
    const size = 1024
    const guest = new GuestRing(bytes, size)
    const table = guest.indirectTable(
      Array.from(
        { length: size },
        (_, at) => [GUEST_BASE, 1, at + 1 < size ? DESCRIPTOR_NEXT : 0, at + 1] as const,
      ),
    )
    for (let at = 0; at < size; at++) {
      guest.describe(at, table, 16 * size, DESCRIPTOR_INDIRECT)
      guest.offer(at)
    }
    const kicks: number[] = []
    const queue = new DeviceQueue({
      libc: {} as Libc,
      maxReadableLength: 16,
      handle: (chains) => kicks.push(chains.length),
      onBroken: (reason) => {
        throw new Error(reason)
      },
    })
    expect(queue.ring.start(memory, guest.layout, 0, false)).toBe("")
    queue.setEnabled(true)
    expect(kicks).toHaveLength(1)
    for (let turns = 0; turns < 200 && queue.ring.nextAvailable < size; turns++)
      await new Promise((resolve) => setImmediate(resolve))
    expect(kicks.reduce((sum, count) => sum + count, 0)).toBe(size)
    expect(Math.max(...kicks)).toBeLessThan(64)
  })
})
