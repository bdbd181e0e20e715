// The suite against a virtio-rtc device: the clock of the compiled firmware, and clocks that are wrong.

import { describe, expect, it } from "vitest"
import { allocateBytes } from "../../host/src/bytes.js"
import { VirtualClock } from "../../host/src/clock.js"
import { ChannelPort } from "../../host/src/conformance/channel-port.js"
import { checkDevice } from "../../host/src/conformance/check-device.js"
import { TABLE } from "../../host/src/conformance/table.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { RtcDevice } from "../../shared-protocol/src/device/rtc.js"
import { VIRTIO_ID_RTC } from "../../shared-protocol/src/device-types/rtc.js"
import { MemoryLink } from "../support/memory-link.js"
import { plugClock } from "./plugged-clock.js"

const LIMIT_MS = 3_600_000
const CLOCK_ROWS = ["T1", "T2", "T3", "T4", "T5"]
const clockRows = TABLE.filter(({ deviceId }) => deviceId === VIRTIO_ID_RTC)

/** Which of T1 to T5 fail on a clock of our device code that is natively run, and changed so. */
async function failures(change: (rtc: RtcDevice) => void, millis?: () => number): Promise<string[]> {
  const clock = new VirtualClock(1000)
  const rtc = new RtcDevice(millis ?? (() => clock.now()), allocateBytes(0), allocateBytes)
  change(rtc)
  const port = await clock.run(ChannelPort.overLink(new MemoryLink(clock, { types: [rtc] }), { clock }))
  const { results } = await clock.run(checkDevice(port, { rows: clockRows }), LIMIT_MS)
  await port.close()
  return results.filter(({ status }) => status !== "pass").map(({ row, status }) => `${row.id} ${status}`)
}

describe("a clock", () => {
  it("T1 T2 T3 T4 T5: of the compiled firmware, once it is plugged in, conforms in all rows", async () => {
    const clock = new VirtualClock(1000)
    const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
    const port = await clock.run(ChannelPort.overLink(new JacdacLink(new VmPort(machine), clock), { clock }))
    const devNum = await clock.run(plugClock(port), LIMIT_MS)
    const { results } = await clock.run(checkDevice(port, { rows: TABLE, devNum }), LIMIT_MS)
    await port.close()
    const ids = (...wanted: string[]) =>
      results.filter(({ status }) => wanted.includes(status)).map(({ row }) => row.id)
    expect(ids("fail", "blocked")).toEqual([])
    expect(ids("pass")).toEqual(expect.arrayContaining(CLOCK_ROWS))
  })

  it("conforms natively, also when it has UTC", async () => {
    expect(clockRows.map(({ id }) => id)).toEqual(CLOCK_ROWS)
    expect(await failures(() => {})).toEqual([])
    expect(await failures((rtc) => rtc.setUtc(1_800_000_000_000))).toEqual([])
  })

  it("T4: is noticed when it goes back", async () => {
    let nowMs = 1000
    expect(
      await failures(
        () => {},
        () => nowMs--,
      ),
    ).toEqual(["T4 fail"])
  })

  it("T2 T3 T5: is noticed when it knows no status but OK", async () => {
    const answerOk = (rtc: RtcDevice) => {
      const wrong = rtc as unknown as { bytes: Uint8Array; answer: (length: number) => void }
      wrong.answer = () => wrong.bytes.fill(0, 0, 16).fill(0xff, 8, 9)
    }
    expect(await failures(answerOk)).toEqual(["T2 fail", "T3 fail", "T4 skipped", "T5 fail"])
  })
})
