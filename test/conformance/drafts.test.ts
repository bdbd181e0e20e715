// Peers of older drafts are recognised by their frames, and named.

import { describe, expect, it } from "vitest"
import { VirtualClock } from "../../host/src/clock.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { checkDriver } from "../../host/src/conformance/check-driver.js"
import type { DevicePort } from "../../host/src/conformance/device-port.js"
import { draftOf } from "../../host/src/conformance/drafts.js"
import { ScriptedBus } from "../../host/src/conformance/driver/scripted-bus.js"
import { reportAsJunit } from "../../host/src/conformance/report-files.js"
import { formatReport } from "../../host/src/conformance/report-text.js"
import { isConforming } from "../../host/src/conformance/result.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { Emitter } from "../../host/src/emitter.js"
import { putU16, putU32 } from "../../shared-protocol/src/bytes.js"

const LIMIT_MS = 60_000
const paint = { good: String, bad: String, dim: String, strong: String }

/** What a peer of each draft answers; it is silent to what it does not know. */
const PEERS: Record<string, { answer: (frame: Uint8Array) => Uint8Array | undefined; sentence: string }> = {
  "alpha or rfc1": {
    answer: (frame) => {
      if (frame.length !== 40 || frame[1] !== 2) return undefined
      const reply = new Uint8Array(40)
      reply.set([1, 2, 0, 0])
      putU32(reply, 4, 1) // version
      putU32(reply, 8, 34)
      return reply
    },
    sentence:
      "this peer speaks the alpha or rfc1 draft: its messages have a fixed 40 bytes and a 4-byte header",
  },
  rfc2: {
    answer: (frame) => {
      if (frame.length !== 6 || frame[1] !== 2) return undefined
      const reply = new Uint8Array(6 + 24)
      reply.set([1, 2, frame[2] as number, frame[3] as number, reply.length, 0])
      putU32(reply, 6, 34)
      return reply
    },
    sentence:
      "this peer speaks the rfc2 draft: its header has 6 bytes: msg_size stands at offset 4, and there is no token",
  },
  rfc3: {
    answer: (frame) => {
      if (frame.length !== 8 || frame[0] !== 0 || frame[1] !== 2) return undefined
      const reply = new Uint8Array(8 + 24)
      reply.set(frame)
      reply[0] = 1
      putU16(reply, 6, reply.length)
      putU32(reply, 8, 34)
      return reply
    },
    sentence: "this peer speaks the rfc3 draft: GET_DEVICE_INFO is 24 bytes",
  },
}

function portTo(answer: (frame: Uint8Array) => Uint8Array | undefined, clock: VirtualClock): DevicePort {
  const onFrame = new Emitter<[frame: Uint8Array]>()
  const region = { address: 0n, lengthBytes: 4096 }
  return {
    name: "an older peer",
    busName: "plain profile",
    clock,
    isSimulated: true,
    isOwnFirmware: false,
    parameters: { revision: 1, maxMessageSize: 264, transportFeatures: 0 },
    memory: {
      driverRegion: region,
      deviceRegion: region,
      read: (_, lengthBytes) => new Uint8Array(lengthBytes),
      write: () => {},
      initialiseUsedRing: () => {},
      writeIndex: () => {},
    },
    onFrame,
    onSent: new Emitter<[frame: Uint8Array]>(),
    send: (frame) => {
      const reply = answer(frame)
      if (reply) clock.schedule(1, () => onFrame.emit(reply))
    },
    flush: () => {},
    hold: () => () => {},
    reconnect: async () => {},
    askParameters: async () => undefined,
    request: undefined,
    close: async () => {},
  }
}

describe("a device of an older draft", () => {
  it.each(Object.entries(PEERS))(
    "%s is named, and not checked any further",
    async (_, { answer, sentence }) => {
      const clock = new VirtualClock()
      const report = await clock.run(checkDevice(portTo(answer, clock), { rows: TABLE }), LIMIT_MS)
      expect(report.draft).toBe(sentence)
      expect(report.results).toEqual([])
      expect(isConforming(report)).toBe(false)
      const text = formatReport(report, { paint, columns: 200, isVerbose: false })
      expect(text).toContain(`${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`)
      expect(reportAsJunit(report)).toContain(`<failure message="${sentence}"/>`)
    },
  )

  it("is not mistaken for nothing at all", async () => {
    const clock = new VirtualClock()
    const silent = checkDevice(
      portTo(() => undefined, clock),
      { rows: TABLE },
    )
    await expect(clock.run(silent, LIMIT_MS)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "No device answers GET_DEVICE_INFO on an older peer.",
    })
  })
})

describe("a driver of an older draft", () => {
  it.each([
    ["alpha or rfc1", Uint8Array.from({ length: 40 }, (_, at) => (at === 1 ? 2 : 0))],
    ["rfc2", Uint8Array.of(0, 2, 3, 0, 6, 0)],
  ])("%s is named", async (draft, first) => {
    const clock = new VirtualClock()
    const subject = async (scenario: ConstructorParameters<typeof ScriptedBus>[0]) => {
      const memory = { read: (_: bigint, length: number) => new Uint8Array(length), write: () => {} }
      const bus = new ScriptedBus(scenario, memory, clock, () => {})
      bus.take(first)
      return { bus, outcome: { isDone: false, isKilled: true, how: "It waited for an answer." } }
    }
    const report = await checkDriver(subject, { rows: TABLE, name: "an old driver", clock })
    expect(report.draft).toMatch(new RegExp(`^this peer speaks the ${draft} draft: `))
    expect(isConforming(report)).toBe(false)
  })
})

describe("a driver of the rfc3 draft", () => {
  const header = (msgId: number, size: number) => [0, msgId, 3, 0, 9, 0, size, 0]
  const getInfo = Uint8Array.from(header(2, 8))
  const setStatus = Uint8Array.of(...header(8, 12), 0, 0, 0, 0)

  /** `talk` says something, and gets the answers. */
  async function draftOfDriver(talk: (ask: (frame: Uint8Array) => Uint8Array | undefined) => void) {
    const clock = new VirtualClock()
    const subject = async (scenario: ConstructorParameters<typeof ScriptedBus>[0]) => {
      const memory = { read: (_: bigint, length: number) => new Uint8Array(length), write: () => {} }
      let answer: Uint8Array | undefined
      const bus = new ScriptedBus(scenario, memory, clock, (frame) => {
        answer = frame
      })
      talk((frame) => {
        answer = undefined
        bus.take(frame)
        return answer
      })
      return { bus, outcome: { isDone: false, isKilled: false, how: "It ended with exit code 1." } }
    }
    return (await checkDriver(subject, { rows: [], name: "a driver", clock })).draft
  }

  it("is named when it goes on only behind a GET_DEVICE_INFO of 24 bytes", async () => {
    const draft = await draftOfDriver((ask) => {
      if (ask(getInfo)?.length === 8 + 24) ask(setStatus)
    })
    expect(draft).toBe("this peer speaks the rfc3 draft: it goes on only where GET_DEVICE_INFO is 24 bytes")
  })

  it("is named by its SET_VQUEUE when it takes GET_DEVICE_INFO as it is", async () => {
    const setVqueue = new Uint8Array(48)
    setVqueue.set(header(0x0a, 48))
    putU32(setVqueue, 16, 64) // size, behind 0 where flags are now
    putU32(setVqueue, 24, 0x1000)
    const draft = await draftOfDriver((ask) => {
      for (const frame of [getInfo, setStatus, setVqueue]) ask(frame)
    })
    expect(draft).toBe("this peer speaks the rfc3 draft: SET_VQUEUE has no flags, and so enables no queue")
    // one of this revision that enables its queue in a second step, and fails at something else
    const enabling = setVqueue.slice()
    enabling[12] = 1 // VQUEUE_ENABLE
    const other = await draftOfDriver((ask) => {
      for (const frame of [getInfo, setStatus, setVqueue, enabling]) ask(frame)
    })
    expect(other).toBeUndefined()
  })

  it("is not what a driver of this revision is taken for that gives up early, or goes on anyway", async () => {
    expect(await draftOfDriver((ask) => void ask(getInfo))).toBeUndefined()
    expect(
      await draftOfDriver((ask) => {
        ask(getInfo)
        ask(setStatus)
      }),
    ).toBeUndefined()
    expect(await draftOfDriver(() => {})).toBeUndefined()
  })
})

describe("a frame of revision 1", () => {
  it("is of no older draft, whatever its token", () => {
    for (const token of [0, 6, 8, 24, 32, 40, 52]) {
      for (const size of [8, 12, 16, 32, 40, 48, 52]) {
        const frame = new Uint8Array(size)
        frame.set([1, 9, 0, 0])
        putU16(frame, 4, token)
        putU16(frame, 6, size)
        expect(draftOf(frame)).toBeUndefined()
      }
    }
  })
})
