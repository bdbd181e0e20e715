// A device model's session on /dev/virtio-msg-bridge, with a kernel that the suite plays: attaching, epochs, topology,
// windows, and that whatever is wrong ends it with a sentence.

import { constants } from "node:os"
import { afterEach, describe, expect, it } from "vitest"
import { Bus } from "../../../host/src/bus/bus.js"
import { systemClock } from "../../../host/src/clock.js"
import { KernelChannel, WINDOW_ADDRESS } from "../../../host/src/conformance/bridge/kernel-channel.js"
import { isAnswer } from "../../../host/src/conformance/bridge/kernel-conversation.js"
import * as layouts from "../../../host/src/node/bridge/layouts.js"
import { MANY_WINDOWS, MOST_WINDOWS } from "../../../host/src/node/bridge/windows.js"
import { OpenedBus } from "../../../host/src/open-bus.js"
import { TYPE_BUS } from "../../../shared-protocol/src/messages/header.js"
import { GET_DEVICE_INFO } from "../../../shared-protocol/src/messages/ids.js"
import { because } from "../../support/because.js"
import { endAll, newKernel, newModel, newSession, WHY_NOT } from "./rig.js"

const { EBUSY, EEXIST, EINVAL, ENODEV, ENOENT, ENOSPC } = constants.errno
const PAGE = 4096

afterEach(endAll)

const names = (kernel: { calls: readonly { name: string }[] }) => kernel.calls.map(({ name }) => name)

describe.skipIf(WHY_NOT)(`a device model on the bridge${because(WHY_NOT)}`, () => {
  it("resolves, attaches, publishes what the board has, and lets go of all of it in order", async () => {
    const { kernel, conversation } = await newKernel()
    const { model } = await newModel(kernel)
    expect(await conversation.awaitTopology()).toEqual([0, 1, 2])
    await model.close()
    expect(names(kernel)).toEqual(["OPEN", "RESOLVE", "ATTACH", "DETACH", "RELEASE", "CLOSE"])
    const [, resolve, attach] = kernel.calls
    expect(layouts.RESOLVE.get(resolve?.argument as Uint8Array)).toMatchObject({
      busName: "loopback",
      busId: "",
      flags: layouts.RESOLVE_CREATE,
    })
    expect(layouts.ATTACH.get(attach?.argument as Uint8Array)).toMatchObject({
      maxMessageSize: 264,
      txEntries: 256,
      txEntrySize: 384,
      rxEntrySize: 384,
    })
  })

  it("serves a driver in a window above 4 GiB: the simulated chip answers through rings of its own", async () => {
    const { conversation } = await newKernel().then(async (made) => {
      await newModel(made.kernel)
      return made
    })
    const bus = new OpenedBus(await Bus.open(new KernelChannel("played", conversation), {}))
    const i2c = await bus.i2c()
    for (let n = 0; n < 20; n++)
      expect(await i2c.transfer(0x54, [{ write: [14] }, { read: 1 }])).toEqual([Uint8Array.of(0x66)])
    await bus.close()
  })

  it("a new epoch makes the old one's windows void, publishes anew, and serves again", async () => {
    const { kernel, conversation } = await newKernel()
    await newModel(kernel)
    const channel = new KernelChannel("played", conversation)
    const bus = new OpenedBus(await Bus.open(channel, {}))
    await (await bus.i2c()).transfer(0x54, [{ write: [14] }, { read: 1 }])
    conversation.offline()
    expect(await conversation.waitUntil(() => names(kernel).includes("MUNMAP"))).toBe(true)
    // nothing of it is left, and nothing is said while offline
    const mark = kernel.taken.length
    conversation.send(conversation.bare(0, GET_DEVICE_INFO, 0, 0))
    conversation.mapAdd(WINDOW_ADDRESS, 0, PAGE)
    conversation.online(2n)
    expect(await conversation.awaitTopology()).toEqual([0, 1, 2])
    const said = conversation.said.slice(mark)
    expect(said.map(({ msgId }) => msgId)).toEqual([
      layouts.TOPOLOGY_RESET,
      ...[0, 1, 2].map(() => layouts.TOPOLOGY_DEV_ADD),
      layouts.TOPOLOGY_COMMIT,
    ])
    expect(await conversation.addWindow(WINDOW_ADDRESS, 0, PAGE)).toBe(0)
    expect(kernel.isAttached).toBe(true)
    await bus.close()
  })

  it("answers map requests in their order, each with its own status", async () => {
    const { kernel, conversation } = await newKernel()
    const { session } = await newSession(kernel)
    const first = conversation.mapAdd(WINDOW_ADDRESS, 0, PAGE)
    const asked = [
      { ask: first, status: 0 },
      { ask: conversation.mapAdd(WINDOW_ADDRESS, PAGE, PAGE), status: -EEXIST },
      { ask: conversation.mapAdd(WINDOW_ADDRESS + 8n, 0, PAGE), status: -EINVAL },
      { ask: conversation.mapAdd(0n, 0, PAGE), status: -EINVAL },
      { ask: conversation.mapAdd(1n << 60n, 0, PAGE), status: -EINVAL },
      { ask: conversation.mapAdd(0x1000n, 0, PAGE, { mmapLength: 0n }), status: -EINVAL },
      { ask: conversation.mapAdd(0x1000n, 0, PAGE, { flags: 2 }), status: -EINVAL },
      // what mmap says is the answer
      { ask: conversation.mapAdd(0x1000n, 64 << 20, PAGE), status: -EINVAL },
      { ask: conversation.mapDel({ ...first.values, length: 1n }), status: -EINVAL },
      { ask: conversation.mapDel({ ...first.values, id: 99n }), status: -ENOENT },
      { ask: conversation.mapDel(first.values), status: 0 },
      { ask: conversation.mapDel(first.values), status: -ENOENT },
    ]
    const statuses = await Promise.all(asked.map(({ ask }) => conversation.answerTo(ask)))
    expect(statuses).toEqual(asked.map(({ status }) => status))
    const answers = conversation.said.filter(isAnswer)
    expect(answers.map(({ token }) => token)).toEqual(asked.map(({ ask }) => ask.token))
    expect(session.window.count).toBe(0)
    expect(names(kernel).filter((name) => name === "MUNMAP")).toHaveLength(1)
  })

  it("reads and writes only what is mapped, across windows that touch", async () => {
    const { kernel, conversation } = await newKernel()
    const { session } = await newSession(kernel)
    // two windows that touch, in another order in the file
    await conversation.addWindow(WINDOW_ADDRESS, PAGE, PAGE)
    await conversation.addWindow(WINDOW_ADDRESS + BigInt(PAGE), 0, PAGE)
    const at = Number(WINDOW_ADDRESS)
    session.window.write(at + PAGE - 2, Uint8Array.of(1, 2, 3, 4))
    expect([...kernel.window.subarray(2 * PAGE - 2, 2 * PAGE)]).toEqual([1, 2])
    expect([...kernel.window.subarray(0, 2)]).toEqual([3, 4])
    expect([...session.window.read(at + PAGE - 1, 2)]).toEqual([2, 3])
    expect(session.window.holds(at, 2 * PAGE)).toBe(true)
    expect(session.window.holds(at, 2 * PAGE + 1)).toBe(false)
    session.window.write(at + 2 * PAGE - 1, Uint8Array.of(9, 9))
    expect([...session.window.read(at + 2 * PAGE - 1, 2)]).toEqual([9, 0])
    expect(kernel.window[2 * PAGE]).toBe(0)
  })

  it("lets unused windows go where there are many, and says so; there is a limit to all of them", async () => {
    const { kernel, conversation } = await newKernel()
    const { session } = await newSession(kernel)
    const place = (n: number) => WINDOW_ADDRESS + BigInt(n * PAGE)
    const statuses: (number | undefined)[] = []
    for (let first = 0; first <= MOST_WINDOWS; first += 205) {
      const numbers = Array.from({ length: 205 }, (_, n) => first + n)
      const asked = numbers.map((n) =>
        conversation.mapAdd(place(n), 0, PAGE, { flags: n < 4 ? layouts.MAP_RETAIN : 0 }),
      )
      for (const each of asked) statuses.push(await conversation.answerTo(each))
    }
    expect(statuses).toEqual([...Array(MOST_WINDOWS).fill(0), -ENOSPC])
    session.tidy((address) => address === Number(place(4)))
    await conversation.waitUntil(() => session.window.count === MANY_WINDOWS)
    const isMapped = (n: number) => session.window.holds(Number(place(n)), PAGE)
    expect([isMapped(0), isMapped(3), isMapped(4), isMapped(5)]).toEqual([true, true, true, false])
    await conversation.waitUntil(() => conversation.said.some(({ msgId }) => msgId === layouts.MAP_RELEASED))
    const released = conversation.said.find(({ msgId }) => msgId === layouts.MAP_RELEASED)
    expect(released).toMatchObject({ type: TYPE_BUS, devNum: 0, token: 0 })
    const values = layouts.RELEASED_PAYLOAD.get(released?.frame as Uint8Array, 8)
    expect(values).toMatchObject({ address: place(5), length: BigInt(PAGE), epoch: 1n })
    // a MAP_DEL that was under way
    expect(
      await conversation.answerTo(conversation.mapDel({ ...values, reserved: undefined } as never)),
    ).toBe(0)
  })

  it("says why a request gets no answer: a device that is not there, a message that is too long", async () => {
    const { kernel, conversation } = await newKernel()
    await newModel(kernel)
    await conversation.awaitTopology()
    const frame = conversation.bare(0, GET_DEVICE_INFO, 0, 9)
    new DataView(frame.buffer).setUint16(4, 0x1234, true)
    conversation.send(frame)
    await conversation.waitUntil(() => conversation.said.some(({ msgId }) => msgId === layouts.ERROR))
    const error = conversation.said.find(({ msgId }) => msgId === layouts.ERROR)
    expect(error).toMatchObject({ type: 3, devNum: 0, token: 0x1234 })
    expect(layouts.ERROR_PAYLOAD.get(error?.frame as Uint8Array, 8)).toEqual({
      devNum: 9,
      msgId: GET_DEVICE_INFO,
      error: -ENODEV,
    })
  })

  it("a board that goes takes its devices with it, and brings them when it comes back", async () => {
    const { kernel, conversation } = await newKernel()
    const { channel } = await newModel(kernel)
    await conversation.awaitTopology()
    const topologies: (readonly number[])[] = []
    conversation.onTopology.on((devices) => topologies.push(devices))
    channel.restart()
    await conversation.waitUntil(() => topologies.length === 2)
    expect(topologies).toEqual([[], [0, 1, 2]])
  })

  it("more than a ring holds goes through, in order, once the kernel takes it", async () => {
    const { kernel, conversation } = await newKernel()
    const { session } = await newSession(kernel)
    kernel.isHoldingBack = true
    session.publish(Array.from({ length: 600 }, (_, n) => n))
    expect(kernel.taken.length).toBe(0)
    kernel.isHoldingBack = false
    kernel.takeAll()
    await conversation.waitUntil(() => conversation.devices !== undefined)
    expect(conversation.devices).toEqual(Array.from({ length: 600 }, (_, n) => n))
  })

  it("serves a transfer on native device code with one message each way, and one kick for both cursors", async () => {
    const { kernel, conversation } = await newKernel()
    const { kicks } = await newModel(kernel)
    const bus = new OpenedBus(await Bus.open(new KernelChannel("played", conversation), {}))
    const i2c = await bus.i2c()
    const transfer = () => i2c.transfer(0x54, [{ write: [14] }, { read: 1 }])
    await transfer()
    const count = () => [kernel.sent.length, kernel.taken.length, kicks.count]
    const before = count()
    for (let n = 0; n < 10; n++) await transfer()
    expect(count().map((each, at) => each - (before[at] ?? 0))).toEqual([10, 10, 10])
    await bus.close()
  })

  it("kicks also for what waited, when a call makes room and brings nothing", async () => {
    const { kernel } = await newKernel()
    const { session, kicks } = await newSession(kernel, { ...systemClock, schedule: () => ({ cancel() {} }) })
    kernel.isHoldingBack = true
    session.publish(Array.from({ length: 600 }, (_, n) => n))
    await new Promise(setImmediate)
    const [prod, before] = [kernel.tx?.prod, kicks.count]
    kernel.takeAll()
    kernel.signal()
    await expect.poll(() => kernel.tx?.prod).not.toBe(prod)
    await new Promise(setImmediate)
    expect(kicks.count).toBe(before + 1)
  })

  it("refuses an interface of another version, and says what the kernel refuses", async () => {
    const { kernel } = await newKernel()
    kernel.caps = { ...kernel.caps, version: 2 }
    await expect(newSession(kernel)).rejects.toMatchObject({ code: "VERSION_MISMATCH" })
    kernel.refusals.set("ATTACH", EBUSY)
    await expect(newSession(kernel)).rejects.toMatchObject({ call: "ATTACH", errnoName: "EBUSY" })
    expect(names(kernel).filter((name) => name === "CLOSE")).toHaveLength(2)
  })

  const WRONG: readonly [string, (made: Awaited<ReturnType<typeof newKernel>>) => void, RegExp][] = [
    [
      "a message that is too short",
      ({ conversation }) => conversation.send(Uint8Array.of(0, 2, 0, 0, 0, 0, 7, 0)),
      /7 bytes/,
    ],
    [
      "one that is longer than agreed",
      ({ conversation }) => conversation.send(conversation.bare(0, 2, 300)),
      /308 bytes/,
    ],
    [
      "a MAP_ADD of another size",
      ({ conversation }) => conversation.send(conversation.bare(2, layouts.MAP_ADD, 60)),
      /0x89 of 68 bytes/,
    ],
    [
      "a bridge message to a device",
      ({ conversation }) => conversation.send(conversation.bare(2, layouts.ENDPOINT_OFFLINE, 16, 3)),
      /to device 3/,
    ],
    ["a future epoch", ({ conversation }) => conversation.offline(1, 9n), /epoch 9/],
    ["an epoch with too small messages", ({ conversation }) => conversation.online(2n, 20), /20 bytes/],
    [
      "a prod that jumps",
      ({ kernel }) => {
        if (kernel.rx) kernel.rx.prod = 300
        kernel.signal()
      },
      /rx ring .* prod is 300/,
    ],
    [
      "a prod that runs backwards",
      ({ kernel }) => {
        if (kernel.rx) kernel.rx.prod = 0xffff_ffff
        kernel.signal()
      },
      /rx ring/,
    ],
    [
      "a cons beyond what was sent",
      ({ kernel, conversation }) => {
        if (kernel.tx) kernel.tx.cons = 500
        conversation.mapAdd(WINDOW_ADDRESS, 0, PAGE)
      },
      /tx ring/,
    ],
    ["the kernel's own end of it", ({ kernel }) => kernel.end(), /ended the session/],
  ]
  it.each(WRONG)("ends with a sentence at %s", async (_, act, sentence) => {
    const made = await newKernel()
    const { ends } = await newSession(made.kernel)
    act(made)
    await made.conversation.waitUntil(() => ends.length > 0)
    expect(ends).toHaveLength(1)
    expect(ends[0]?.message).toMatch(sentence)
    expect(names(made.kernel).at(-1)).toBe("CLOSE")
  })

  it("drops what is stale or not for it, and goes on", async () => {
    const { kernel, conversation } = await newKernel()
    const { ends } = await newSession(kernel)
    conversation.say(layouts.ENDPOINT_ONLINE, layouts.ONLINE_PAYLOAD, {
      epoch: 1n,
      busName: "loopback",
      maxMessageSize: 264,
    })
    conversation.offline(1, 0n)
    conversation.mapAdd(WINDOW_ADDRESS, 0, PAGE, { epoch: 0n })
    for (const msgId of [2, 3, 0x40, 0x99, 0xfe]) conversation.send(conversation.bare(2, msgId, 4))
    conversation.send(conversation.bare(3, layouts.MAP_ADD, 4))
    conversation.send(conversation.bare(1, GET_DEVICE_INFO, 4))
    expect(await conversation.addWindow(WINDOW_ADDRESS, 0, PAGE)).toBe(0)
    expect(conversation.said).toHaveLength(1)
    expect(ends).toEqual([])
  })
})
