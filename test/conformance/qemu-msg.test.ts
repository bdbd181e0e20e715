// A peer that speaks rings in shared files, as QEMU's public virtio-msg bus does: the suite and the driver talk to it,
// and one that is hostile, cut or gone ends with a sentence.

import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { makeFramePort } from "../../host/src/node/open-link.js"
import { simulatedModels } from "../../host/src/node/plain-board.js"
import { isQemuMsgPort, QemuMsgConnection } from "../../host/src/node/qemu-msg.js"
import { OpenedBus } from "../../host/src/opened-bus.js"
import { PlainChannel } from "../../host/src/plain/plain-channel.js"
import type { PlainEvents } from "../../host/src/plain/plain-peer.js"
import { putU16, putU32 } from "../../shared-protocol/src/bytes.js"
import { stdoutOf, virtioMsg } from "../cli/command.js"
import { QemuMsgPeer, type QemuMsgPeerOptions } from "../support/qemu-msg-peer.js"

const LIMIT_MS = 3_600_000
const GET_PING = Uint8Array.of(2, 3, 0, 0, 1, 0, 12, 0, 1, 2, 3, 4)

let folder: string
let clock: VirtualClock
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-rings-"))
  clock = new VirtualClock(1000)
})
afterEach(() => rmSync(folder, { recursive: true }))

const opener = (peer: QemuMsgPeer) => (events: PlainEvents) =>
  QemuMsgConnection.open(peer.port, events, { clock, openDoorbell: peer.openDoorbell(clock) })

/** Our own device code behind it. */
function ourDevice(options: QemuMsgPeerOptions = {}): QemuMsgPeer {
  const peer = new QemuMsgPeer(folder, "linux-user", options)
  peer.serve({ models: simulatedModels(clock) })
  return peer
}

async function check(peer: QemuMsgPeer, rows = TABLE) {
  const port = await ChannelPort.overPlain(peer.port, opener(peer), { clock })
  const report = await clock.run(checkDevice(port, { rows, chipAddress: 0x50 }), LIMIT_MS)
  await port.close()
  return report
}

describe("our device code behind rings in files", () => {
  it("conforms", async () => {
    const { results, facts } = await check(ourDevice())
    expect(facts[0]).toMatch(/^rings in files, .*messages up to 64 bytes/)
    const bad = results
      .filter(({ status }) => status === "fail" || status === "blocked")
      .map(({ row, detail }) => `${row.id}: ${detail}`)
    expect(bad).toEqual([])
    expect(results.filter(({ status }) => status === "pass").length).toBeGreaterThan(100)
  })

  it("conforms where the rings have room for three messages", async () => {
    const rows = TABLE.filter(({ id }) => ["V29", "V36", "V37", "V53", "R11", "R13"].includes(id))
    const { results } = await check(ourDevice({ slots: 4 }), rows)
    expect([...new Set(results.map(({ status }) => status))]).toEqual(["pass"])
  })

  it("serves the driver", async () => {
    const peer = ourDevice()
    const channel = new PlainChannel(peer.port, opener(peer))
    const bus = new OpenedBus(await clock.run(Bus.open(channel, { clock })))
    const i2c = await clock.run(bus.i2c())
    expect(await clock.run(i2c.readByte(0x54, 14))).toBe(0x66)
    // every message fills its slot, with zeros behind it
    for (const slot of peer.taken) {
      const size = slot[6] as number
      expect(slot.length).toBe(64)
      expect(slot.subarray(size).every((byte) => byte === 0)).toBe(true)
    }
    await clock.run(bus.close())
    expect(clock.pendingCount).toBe(0)
  })
})

/** What a device of each older draft answers to GET_DEVICE_INFO, whatever the message looked like otherwise. */
const DRAFTS: Record<string, (message: Uint8Array) => Uint8Array | undefined> = {
  "alpha or rfc1": (message) => {
    if (message[0] !== 0 || message[1] !== 2) return undefined
    const reply = new Uint8Array(40)
    reply.set([1, 2, 0, 0])
    putU32(reply, 4, 1) // version
    putU32(reply, 8, 34)
    putU32(reply, 12, 0x1af4)
    return reply
  },
  rfc2: (message) => {
    if (message[0] !== 0 || message[1] !== 2 || message[4] !== 6) return undefined
    const reply = new Uint8Array(30)
    reply.set([1, 2, message[2] as number, message[3] as number, 30, 0])
    putU32(reply, 6, 34)
    return reply
  },
  rfc3: (message) => {
    if (message[0] !== 0 || message[1] !== 2 || message[6] !== 8) return undefined
    const reply = new Uint8Array(32)
    reply.set(message.subarray(0, 8))
    reply[0] = 1
    putU16(reply, 6, 32)
    putU32(reply, 8, 34)
    return reply
  },
}

describe("a device of an older draft behind rings", () => {
  it.each(Object.entries(DRAFTS))(
    "%s is recognised, its messages padded as they are",
    async (draft, answer) => {
      const { draft: sentence, results } = await check(new QemuMsgPeer(folder, "old", { answer }))
      expect(sentence).toMatch(new RegExp(`^this peer speaks the ${draft} draft: `))
      expect(results).toEqual([])
    },
  )

  it("is not what garbage is taken for", async () => {
    const answer = () => new Uint8Array(64).fill(0x5a)
    await expect(check(new QemuMsgPeer(folder, "noise", { answer }))).rejects.toMatchObject({
      code: "NOT_FOUND",
    })
  })
})

describe("a peer that breaks its rings", () => {
  /** Connects, lets `harm` happen, and returns why the connection ended, and what came. */
  async function reasonAfter(peer: QemuMsgPeer, harm: (connection: QemuMsgConnection) => void) {
    const frames: Uint8Array[] = []
    let reason: Error | undefined
    let endings = 0
    const connection = await opener(peer)({
      onFrame: (frame) => frames.push(frame),
      onClose: (why) => {
        reason = why
        endings++
      },
    })
    harm(connection)
    await clock.advance(50)
    connection.send(GET_PING) // goes nowhere when it ended
    await clock.advance(50)
    await connection.close()
    expect({ endings, left: clock.pendingCount }).toEqual({ endings: 1, left: 0 })
    return { message: reason?.message.replaceAll(folder, ""), frames }
  }

  it("by a head outside the ring ends with a sentence, and none of its messages is taken", async () => {
    const peer = ourDevice()
    const { message, frames } = await reasonAfter(peer, () => {
      peer.poke(peer.files.toDriver, 0, 4096)
      peer.ring()
    })
    expect(message).toBe("The ring /queue-linux-user-device says that its head is slot 4096, of 4096.")
    expect(frames).toEqual([])
  })

  it.each([
    ["outside the ring", 0xffffffff, "its tail is slot 4294967295, of 4096"],
    ["past what was written", 9, "9 messages were taken out, and there were 0"],
  ])("by a tail %s ends with a sentence", async (_, tail, what) => {
    const peer = ourDevice()
    const { message } = await reasonAfter(peer, (connection) => {
      peer.poke(peer.files.toDevice, 64, tail)
      connection.send(GET_PING)
    })
    expect(message).toBe(`The ring /queue-linux-user-driver says that ${what}.`)
  })

  it("by our own cursors does nothing to us: they are not read again", async () => {
    const peer = ourDevice()
    const frames: Uint8Array[] = []
    const connection = await opener(peer)({ onFrame: (frame) => frames.push(frame), onClose: () => {} })
    peer.poke(peer.files.toDriver, 64, 4000)
    connection.send(GET_PING)
    await clock.advance(50)
    expect(frames.map((frame) => frame[1])).toEqual([3])
    await connection.close()
  })

  it.each(["toDevice", "toDriver", "memory"] as const)("by cutting %s ends with a sentence", async (name) => {
    const peer = ourDevice()
    const { message } = await reasonAfter(peer, (connection) => {
      peer.cut(peer.files[name], 100)
      connection.send(GET_PING)
    })
    expect(message).toMatch(/^\/\S+ was cut: 100 of \d+ bytes are left\.$/)
  })

  it("by leaving ends the calls in flight", async () => {
    const peer = ourDevice()
    const channel = new PlainChannel(peer.port, opener(peer))
    const bus = new OpenedBus(await clock.run(Bus.open(channel, { clock })))
    const i2c = await clock.run(bus.i2c())
    const call = i2c.readByte(0x54, 14).catch((error) => error)
    await peer.stop()
    expect(await clock.run(call)).toMatchObject({ code: "LINK_CLOSED", hint: "Start the device side again." })
    await clock.run(bus.close())
  })

  it("by taking nothing out ends with a sentence, after 4096 messages more than the ring holds", async () => {
    const peer = new QemuMsgPeer(folder, "asleep", { slots: 8 })
    const { message } = await reasonAfter(peer, (connection) => {
      peer.work = () => {}
      for (let n = 0; n < 4096 + 8; n++) connection.send(GET_PING)
    })
    expect(message).toBe("4097 messages wait: nobody takes them out of the ring.")
  })
})

describe("files that make no bus", () => {
  const refusal = (peer: QemuMsgPeer) =>
    opener(peer)({ onFrame: () => {}, onClose: () => {} }).then(
      () => "none",
      (error) => ({ code: error.code, message: error.message.replaceAll(folder, ""), hasHint: !!error.hint }),
    )

  it.each<[string, (peer: QemuMsgPeer) => void, string, string]>([
    ["is missing", (peer) => rmSync(peer.files.toDevice), "CONNECT_FAILED", "cannot be opened: ENOENT"],
    [
      "is a symbolic link",
      ({ files }) => {
        renameSync(files.toDevice, `${files.toDevice}.real`)
        symlinkSync(`${files.toDevice}.real`, files.toDevice)
      },
      "CONNECT_FAILED",
      "is no regular file",
    ],
    [
      "has a second name",
      ({ files }) => linkSync(files.toDevice, `${files.toDevice}.too`),
      "CONNECT_FAILED",
      "has other names, too",
    ],
    [
      "is a folder",
      ({ files }) => {
        rmSync(files.toDevice)
        mkdirSync(files.toDevice)
      },
      "CONNECT_FAILED",
      "is no regular file",
    ],
    ["is too small", (peer) => peer.cut(peer.files.toDevice, 128 + 64), "PROTOCOL", "it has 192 bytes"],
    ["is too large", (peer) => peer.cut(peer.files.toDevice, 1 << 24), "PROTOCOL", "it has 16777216 bytes"],
    [
      "stands nowhere",
      (peer) => peer.poke(peer.files.toDevice, 0, 5000),
      "PROTOCOL",
      "head is slot 5000, of 4096",
    ],
  ])("a ring that %s is refused", async (_, spoil, code, what) => {
    const peer = new QemuMsgPeer(folder, "spoilt")
    spoil(peer)
    expect(await refusal(peer)).toEqual({ code, message: expect.stringContaining(what), hasHint: true })
  })

  it("a memory that has no room for a queue is refused", async () => {
    const peer = new QemuMsgPeer(folder, "tiny", { windowBytes: 100 })
    expect(await refusal(peer)).toMatchObject({ code: "PROTOCOL", hasHint: true })
  })
})

describe("--port qemu-msg:", { timeout: 60_000 }, () => {
  it.each([
    ["qemu-msg:/tmp/vm/linux-user", true],
    ["qemu-msg:linux-user,socket=/run/a,memory=/dev/shm/b", true],
    ["qemu-msg:", false],
    ["qemu-msg:/tmp/vm/", false],
    ["qemu-msg:/tmp/vm/a,window=b", false],
    ["qemu-msg:/tmp/vm/a,socket=", false],
    ["plain:unix:/tmp/a", false],
  ])("%s is one: %s", (port, is) => expect(isQemuMsgPort(port)).toBe(is))

  it.each(["qemu-msg:/tmp/vm/linux-user", "plain:unix:/tmp/plain.sock"])(
    "%s has no board of ours",
    (port) => {
      expect(() => makeFramePort(port)).toThrow(`No board of ours is at ${port}, only virtio devices.`)
    },
  )

  it("reaches a device from the command, which takes our device for what it is, and an old one for what that is", async () => {
    const peer = ourDevice()
    peer.serve({ models: simulatedModels(clock) })
    await peer.listen()
    expect(await stdoutOf(`--port ${peer.port} i2c get 0x54 14`)).toBe("0x66\n")
    expect(await virtioMsg(`--port ${peer.port} conform --row V37,V53,V66`)).toMatchObject({ code: 0 })
    await peer.stop()
    const old = new QemuMsgPeer(folder, "old", { answer: DRAFTS["alpha or rfc1"] as () => Uint8Array })
    await old.listen()
    const { code, stdout } = await virtioMsg(`--port ${old.port} conform`)
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringContaining(
        "This peer speaks the alpha or rfc1 draft: its messages have a fixed 40 bytes",
      ),
    })
    await old.stop()
  })

  it("says what is missing, and what to do", async () => {
    expect(await virtioMsg(`--port qemu-msg:${folder}/nobody i2c detect`)).toEqual({
      code: 3,
      stdout: "",
      stderr: expect.stringMatching(
        /^error: The shared memory \S+queue-nobody-driver cannot be opened: ENOENT.*\nhint: /,
      ),
    })
    const peer = new QemuMsgPeer(folder, "silent")
    const nobody = await virtioMsg(`--port ${peer.port} i2c detect`)
    expect(nobody).toMatchObject({ code: 3, stdout: "" })
    expect(nobody.stderr).toMatch(/^error: Cannot connect to qemu-msg:\S+silent.*\nhint: .*silent\.socket/)
  })
})
