// Our own device code behind the plain profile: the same rows over memory that is really shared, with messages of up to
// 264 bytes, and as a process of its own that other implementations can drive.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { simulatedModels } from "../../host/src/node/plain-board.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import { type EntropySource, RngDevice } from "../../shared-protocol/src/device/rng.js"
import { startUntilLine, stdoutOf, virtioMsg, withFolder } from "../cli/command.js"
import { type PlainPeerOptions, plainDevicePeer } from "../support/plain-device-peer.js"

const LIMIT_MS = 3_600_000
/** Four seconds of it are waiting for answers that must not come; the rest is as long as the machine is busy. */
const SUITE_LIMIT_MS = 80_000

async function check(options: Omit<PlainPeerOptions, "models">, types?: readonly DeviceModel[]) {
  const clock = new VirtualClock(1000)
  const { open } = plainDevicePeer(clock, { ...options, models: types ?? simulatedModels(clock) })
  const port = await ChannelPort.overPlain("in process", open, { clock })
  const { results } = await clock.run(checkDevice(port, { rows: TABLE, chipAddress: 0x50 }), LIMIT_MS)
  await port.close()
  return {
    bad: results
      .filter(({ status }) => status === "fail" || status === "blocked")
      .map(({ row, detail }) => `${row.id}: ${detail}`),
    passed: results.filter(({ status }) => status === "pass").map(({ row }) => row.id),
  }
}

describe("our device code over the plain profile", () => {
  it.each([264, 52])("conforms with messages of up to %d bytes", async (maxMessageSize) => {
    const { bad, passed } = await check({ maxMessageSize })
    expect(bad).toEqual([])
    // the rows about sizes went up to the limit, and I/O was done
    expect(passed).toEqual(expect.arrayContaining(["B8", "V1", "V15", "V17", "R12", "R13", "I1", "P2", "E1"]))
  })

  it("conforms with the strict profile of configuration", async () => {
    expect((await check({ maxMessageSize: 264, isStrict: true })).bad).toEqual([])
  })

  it("B40: conforms without notifications, where both sides look by themselves", async () => {
    const { bad, passed } = await check({ maxMessageSize: 264, isPolling: true })
    expect(bad).toEqual([])
    expect(passed).toEqual(expect.arrayContaining(["B40", "V34", "R11", "R12", "R13"]))
    expect(passed).not.toContain("V35")
  })

  it("B40: fails where EVENT_USED shows on such a bus", async () => {
    const usedEvent = Uint8Array.of(0, 0x42, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0)
    const out = (frame: Uint8Array) => (frame[1] === 8 ? [frame, usedEvent] : [frame])
    expect((await check({ maxMessageSize: 264, isPolling: true, out })).bad).toEqual([
      "B40: The bus has no notifications, and EVENT_USED came.",
    ])
  })

  it("R3: fails where a device looks at what lies in its device-writable buffers", async () => {
    let found = 0
    const source: EntropySource = {
      fill(into, offset, length) {
        found = into[offset] ?? 0
        into.fillAt(offset, length, 9)
      },
    }
    const looking = new RngDevice(source, allocateBytes(0))
    const serve = looking.serve.bind(looking)
    looking.serve = async (queueIndex, ring) => {
      const push = ring.push.bind(ring)
      ring.push = (head, length) => push(head, found === 0x5a ? 1 : length)
      const problem = await serve(queueIndex, ring)
      ring.push = push
      return problem
    }
    const { bad } = await check({ maxMessageSize: 264 }, [looking])
    expect(bad.map((text) => text.slice(0, 3))).toEqual(["E3:", "R3:"].sort().reverse())
  })

  it("discards a request whose response would have 268 bytes, and answers one of 264", async () => {
    const clock = new VirtualClock(1000)
    const { open } = plainDevicePeer(clock, { maxMessageSize: 264, models: simulatedModels(clock) })
    const frames: Uint8Array[] = []
    const peer = await open({ onFrame: (frame) => frames.push(frame), onClose: () => {} })
    for (const blocks of [63, 62])
      peer.send(Uint8Array.of(0, 3, 0, 0, blocks, 0, 16, 0, 0, 0, 0, 0, blocks, 0, 0, 0))
    await clock.run(new Promise((resolve) => clock.schedule(10, () => resolve(undefined))), LIMIT_MS)
    expect(frames.map(({ length }) => length)).toEqual([264])
    await peer.close()
  })
})

describe("virtio-msg sim on the plain profile", { timeout: 120_000 }, () => {
  it("serves one driver after another, each with a clean bus, and conforms", async () => {
    await withFolder(async (folder) => {
      const port = `plain:unix:${folder}/plain.sock`
      const sim = await startUntilLine(["sim", "--listen", port])
      expect(sim.line).toBe(port)
      const report = JSON.parse(await stdoutOf(`--port ${port} conform --json`, SUITE_LIMIT_MS))
      expect(report.rows.filter(({ status }: { status: string }) => status === "fail")).toEqual([])
      expect(report).toMatchObject({ subject: port, conforming: true })
      expect(report.facts[0]).toContain("messages up to 264 bytes")
      // what the suite left in the window does not disturb whoever comes next
      expect(await stdoutOf(`--port ${port} i2c get 0x54 14`)).toBe("0x66\n")
      expect(await stdoutOf(`--port ${port} rng --bytes 4 --hex`)).toMatch(/^[0-9a-f]{8}\n$/)
      expect((await sim.stop()).code).toBe(0)
    })
  })

  it("refuses what the plain profile cannot do, and says what can be done", async () => {
    expect(await virtioMsg("sim --listen plain:tcp://127.0.0.1:7000")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'error: "plain:tcp://127.0.0.1:7000" is nothing to listen on.\n' +
        "hint: The plain profile shares memory on one machine: use plain:unix:PATH.\n",
    })
    expect(await virtioMsg("sim --blank --listen plain:unix:/tmp/never.sock")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--blank is for a board that runs bytecode."),
    })
    const nowhere = await virtioMsg("sim --listen plain:unix:/no/such/folder/socket")
    expect(nowhere).toMatchObject({ code: 1, stdout: "" })
    expect(nowhere.stderr).toMatch(
      /^error: No socket can be at \/no\/such\/folder\/socket: there is no folder/,
    )
  })
})
