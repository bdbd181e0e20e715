// Devices that come and go while the suite looks on: it has them come by itself, and notices what is wrong with it.

import { readFileSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { delay, VirtualClock } from "../../host/src/clock.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { RngDevice } from "../../shared-protocol/src/device/rng.js"
import { startUntilLine, stdoutOf, virtioMsg, withFolder } from "../cli/command.js"
import { MemoryLink } from "../support/memory-link.js"

const LIMIT_MS = 3_600_000
const HOTPLUG_ROWS = ["B33", "B34", "B51", "B52", "B53", "B-S3"]
const rows = TABLE.filter(({ id }) => [...HOTPLUG_ROWS, "V24"].includes(id))

const newType = () =>
  new RngDevice({ fill: (into, at, length) => into.fillAt(at, length, 7) }, allocateBytes(0))

/** Which rows end how, over our device code natively, with what `plug` does to it. */
async function statuses(plug: (link: MemoryLink, clock: VirtualClock) => Promise<void>) {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock)
  const port = await clock.run(ChannelPort.overLink(link, { clock }))
  const check = checkDevice(port, { rows, hotplug: () => plug(link, clock) })
  const { results } = await clock.run(check, LIMIT_MS)
  await port.close()
  const ids = (wanted: string) => results.filter(({ status }) => status === wanted).map(({ row }) => row.id)
  return { passed: ids("pass"), failed: ids("fail"), skipped: ids("skipped") }
}

/** In and out, twice, with time to look between. */
async function plugTwice(link: MemoryLink, clock: VirtualClock): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const devNum = link.endpoint.bus.plug(newType())
    await delay(clock, 300)
    link.endpoint.bus.unplug(devNum)
    await delay(clock, 300)
  }
}

describe("devices that come and go", () => {
  it("B33 B34 B51 B52 B53 B-S3: the shell of our firmware has them come and go, over the bytecode", async () => {
    const clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    const port = await clock.run(ChannelPort.overLink(new JacdacLink(new VmPort(machine), clock), { clock }))
    const { results } = await clock.run(checkDevice(port, { rows }), LIMIT_MS)
    await port.close()
    expect(Object.fromEntries(results.map(({ row, status }) => [row.id, status]))).toEqual(
      Object.fromEntries(rows.map(({ id }) => [id, "pass"])),
    )
  })

  it("may be brought about by whoever runs the suite", async () => {
    expect(await statuses(plugTwice)).toEqual({ passed: rows.map(({ id }) => id), failed: [], skipped: [] })
  })

  it("are missed where none came: the rows are skipped", async () => {
    expect((await statuses(async () => {})).skipped).toEqual(HOTPLUG_ROWS)
  })

  it("B52: are noticed when they are announced before they answer", async () => {
    const early = async (link: MemoryLink, clock: VirtualClock) => {
      link.post(Uint8Array.of(2, 0x40, 0, 0, 0, 0, 12, 0, 1, 0, 1, 0))
      await delay(clock, 3000)
      link.endpoint.bus.plug(newType())
      await delay(clock, 300)
    }
    expect((await statuses(early)).failed).toEqual(["B52"])
  })

  it("B53: are noticed when they are said to be gone and still answer", async () => {
    const undead = async (link: MemoryLink, clock: VirtualClock) => {
      const devNum = link.endpoint.bus.plug(newType())
      await delay(clock, 300)
      link.post(Uint8Array.of(2, 0x40, 0, 0, 0, 0, 12, 0, devNum, 0, 2, 0))
      await delay(clock, 3000)
      link.endpoint.bus.unplug(devNum)
      await delay(clock, 300)
    }
    expect((await statuses(undead)).failed).toEqual(["B51", "B53"])
  })

  it("B34: are noticed when they go without a word", async () => {
    const silent = async (link: MemoryLink, clock: VirtualClock) => {
      const devNum = link.endpoint.bus.plug(newType())
      await delay(clock, 300)
      const { mailbox } = link.endpoint
      const post = mailbox.post.bind(mailbox)
      mailbox.post = () => {}
      link.endpoint.bus.unplug(devNum)
      mailbox.post = post
    }
    expect((await statuses(silent)).failed).toEqual(["B34"])
  })

  it("B-S3: are noticed when a number is used again at once", async () => {
    const reusing = async (link: MemoryLink, clock: VirtualClock) => {
      for (let round = 0; round < 2; round++) {
        const devNum = link.endpoint.bus.plug(newType())
        await delay(clock, 300)
        link.endpoint.bus.unplug(devNum)
        Object.assign(link.endpoint.bus, { nextDeviceNumber: devNum })
        await delay(clock, 300)
      }
    }
    expect((await statuses(reusing)).failed).toEqual(["B-S3"])
  })
})

describe("virtio-msg conform --hotplug", { timeout: 120_000 }, () => {
  it("runs the command, and skips the rows when nothing came of it", async () => {
    await withFolder(async (folder) => {
      const port = `plain:unix:${path.join(folder, "plain.sock")}`
      const sim = await startUntilLine(["sim", "--listen", port])
      const file = path.join(folder, "ran")
      const args = ["--port", port, "conform", "--row", "B33", "--json", "--hotplug", `echo ran > ${file}`]
      const { code, stdout } = await virtioMsg(args, {}, 60_000)
      expect(code).toBe(0)
      expect(readFileSync(file, "utf8")).toBe("ran\n")
      expect(JSON.parse(stdout).rows[0]).toMatchObject({ id: "B33", status: "skipped" })
      const failing = await virtioMsg(
        ["--port", port, "conform", "--row", "B33", "--hotplug", "echo no hub >&2; exit 3"],
        {},
        60_000,
      )
      expect(failing).toMatchObject({
        code: 2,
        stderr: "error: The command of --hotplug failed: echo no hub >&2; exit 3\nhint: no hub\n",
      })
      await sim.stop()
    })
  })

  it("is not for the simulated board in this process, whose shell is used", async () => {
    const refused = await virtioMsg("--port sim conform --hotplug true")
    expect(refused).toMatchObject({ code: 2, stdout: "" })
    expect(refused.stderr).toMatch(
      /^error: No command reaches the simulated board in this process\.\nhint: Leave/,
    )
    expect(await stdoutOf("--port sim conform --row B52,B53,B34 -v")).toContain("3 rows: 3 passed")
  })
})
