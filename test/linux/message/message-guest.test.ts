// A real Linux that speaks virtio-msg itself, with our own module on Debian's unmodified kernel: first with our device
// code run natively, then, message by message forwarded, with the bytecode of a simulated board. One boot for all tests.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { Bus } from "../../../host/src/bus/bus.js"
import { systemClock } from "../../../host/src/clock.js"
import { checkDriver } from "../../../host/src/conformance/check-driver.js"
import { linuxSubject } from "../../../host/src/conformance/driver/linux-subject.js"
import { TABLE } from "../../../host/src/conformance/table.js"
import { JacdacLink } from "../../../host/src/link/jacdac-link.js"
import { openGuestMessageBus } from "../../../host/src/node/guest-message-bus.js"
import { LinuxGuest } from "../../../host/src/node/linux-guest/boot.js"
import { GuestPort } from "../../../host/src/node/linux-guest/guest-port.js"
import { BRIDGE_MODULE } from "../../../host/src/node/linux-guest/linux-module.js"
import { AWAIT_DEVICES, messageMachine } from "../../../host/src/node/linux-guest/message-machine.js"
import { DRIVERS_FOLDER } from "../../../host/src/node/linux-guest/prepare.js"
import { simulatedModels } from "../../../host/src/node/plain-board.js"
import { PlainDevice } from "../../../host/src/plain/plain-device.js"
import { Trace } from "../../../host/src/trace/trace.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../../host/src/vm/vm-port.js"
import { MAX_AREA_SIZE } from "../../../shared-protocol/src/mailbox/packet.js"
import { GET_DEVICE_INFO } from "../../../shared-protocol/src/messages/ids.js"
import { because } from "../../support/because.js"
import { CYCLES, HOSTILE_CASES, TRANSFERS } from "../counts.js"
import { preparedGuest } from "../prepared-guest.js"
import { expectWithinTwoSeconds, TIME_REQUESTS } from "../request-times.js"
import { skipReason } from "../requirements.js"

const skip = await skipReason({ guest: true })
const PLAIN = { revision: 1, maxMessageSize: 264, transportFeatures: 0 }
const CHIPS = "/sys/bus/i2c/devices"

/** What a kernel says when something is wrong with it. */
const TROUBLE = /WARNING|BUG|Oops|hung task|blocked for more|Call Trace|rcu.*stall|Unable to handle|leak/i

/** Repeats a shell condition for a minute. */
const until = (condition: string) =>
  `n=0; until ${condition}; do n=$((n + 1)); [ $n -gt 1200 ] && exit 1; sleep 0.05; done`

/** A program of the guest's, compiled from a C source beside this test or elsewhere below test/linux. */
function compiled(folder: string, source: string, name: string) {
  const program = path.join(folder, name)
  const file = path.join(import.meta.dirname, source)
  execFileSync("arm-linux-gnueabihf-gcc", ["-O2", "-Wall", "-static", "-s", "-o", program, file])
  return { path: `usr/bin/${name}`, bytes: readFileSync(program), isExecutable: true }
}

describe.skipIf(skip)(`Linux that speaks virtio-msg${because(skip)}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "message-guest-"))
  let port: GuestPort
  let guest: LinuxGuest

  /** Runs a command that has to succeed, and returns its output. */
  async function sh(command: string): Promise<string> {
    const { code, output } = await guest.sh(command)
    expect(`${code}: ${output}`).toMatch(/^0:/)
    return output
  }

  /** Our device code, natively, has the guest's devices. */
  function beginNative(): void {
    const models = simulatedModels(systemClock)
    const device = new PlainDevice(
      { models, windowBytes: MAX_AREA_SIZE, maxMessageSize: PLAIN.maxMessageSize },
      port.window,
      (frame) => port.send(frame),
    )
    port.begin(
      { ...PLAIN, windowBytes: MAX_AREA_SIZE },
      { onFrame: (frame) => device.take(frame), onConnect: () => device.connect() },
    )
  }

  /** ST's five lines, and what Linux's own drivers make of the chips. */
  async function useChips(): Promise<void> {
    expect(await sh("i2cdetect -l")).toMatch(/^i2c-0\s+i2c\s+i2c_virtio at virtio bus/)
    expect(await sh("i2cdetect -y 0")).toMatch(/^50: 50 -- -- -- 54 -- 56/m)
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x66")
    await sh("i2cset -y 0 0x54 14 0x25")
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x25")
    await sh(`echo lm75 0x48 > ${CHIPS}/i2c-0/new_device; echo 24c02 0x50 > ${CHIPS}/i2c-0/new_device`)
    expect(Number(await sh(`cat ${CHIPS}/0-0048/hwmon/hwmon*/temp1_input`))).toBeGreaterThan(20_000)
    await sh(`echo hello > ${CHIPS}/0-0050/eeprom`)
    expect(await sh(`head -c 5 ${CHIPS}/0-0050/eeprom`)).toBe("hello")
    await sh(`echo 0x48 > ${CHIPS}/i2c-0/delete_device; echo 0x50 > ${CHIPS}/i2c-0/delete_device`)
    // no chip: an error, and not a wrong answer
    expect((await guest.sh("i2cget -y 0 0x33 14")).code).not.toBe(0)
  }

  beforeAll(async () => {
    const image = await preparedGuest()
    port = new GuestPort()
    const extraFiles = [
      compiled(folder, "../latency/i2c-loop.c", "i2c-loop"),
      compiled(folder, "hostile-device.c", "hostile-device"),
      compiled(folder, "../bridge/device-model.c", "device-model"),
      compiled(folder, "../bridge/bridge-rules.c", "bridge-rules"),
      compiled(folder, "../bridge/hostile-model.c", "hostile-model"),
      {
        path: `modules/${BRIDGE_MODULE}`,
        bytes: readFileSync(path.join(image.folder, DRIVERS_FOLDER, BRIDGE_MODULE)),
      },
    ]
    const machine = messageMachine(port)
    const relaxed = {
      ...machine,
      // hostile-device maps the card's memory, which the module has
      arguments: (paths: Parameters<typeof machine.arguments>[0]) =>
        machine
          .arguments(paths)
          .map((word) => (word.startsWith("console=") ? `${word} iomem=relaxed` : word)),
    }
    guest = new LinuxGuest({ image, machine: relaxed, extraFiles })
    beginNative()
    const startMs = performance.now()
    await guest.boot()
    await sh(`${AWAIT_DEVICES}; dmesg -c > /dev/null`)
    console.log(`${image.kernelRelease}: ${Math.round(performance.now() - startMs)} ms to the first device`)
  })

  afterEach(async () => {
    const { output } = await guest.sh("dmesg -c")
    expect(output.split("\n").filter((line) => TROUBLE.test(line))).toEqual([])
  })

  afterAll(async () => {
    await guest?.shutdown()
    port?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it("drives our device code: ST's five lines, lm75, at24, random bytes", async () => {
    await useChips()
    expect(await sh("cat /sys/class/misc/hw_random/rng_current")).toMatch(/^virtio_rng/)
    expect(await sh("head -c 64 /dev/hwrng | wc -c")).toBe("64")
    expect(await sh("gpiodetect")).toMatch(/virtio\d+/)
  })

  it(`makes ${TRANSFERS} transfers without a fault, and those of four processes at once`, async () => {
    const alone = await sh(`i2c-loop ${TRANSFERS} w1+r1`)
    console.log(`w1+r1, natively: ${alone} (p50, p99, min in us)`)
    const four = await sh("for i in 1 2 3 4; do (i2c-loop 300 w1+r1 || echo failed) & done; wait")
    expect(four.split("\n").filter((line) => line.startsWith("w1+r1"))).toHaveLength(4)
    expect(four).not.toContain("failed")
  })

  it("binds and unbinds its driver again and again, and nothing is left in the slabs", async () => {
    const device = await sh("basename $(readlink -f /sys/bus/virtio/drivers/i2c_virtio/virtio*)")
    const cycles = (count: number) =>
      sh(
        `cd /sys/bus/virtio/drivers/i2c_virtio; for i in $(seq ${count}); do echo ${device} > unbind; echo ${device} > bind || exit 1; done`,
      )
    const kilobytes = async () => Number(await sh("awk '/^SUnreclaim/ {print $2}' /proc/meminfo"))
    await cycles(50)
    const before = await kilobytes()
    await cycles(CYCLES)
    // what is only on its way out goes by itself; a single object of 2 kB that stayed each time would be more than this
    await expect.poll(async () => (await kilobytes()) - before).toBeLessThan(2 * CYCLES)
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x25")
  })

  describe("with the bytecode of a board behind it", () => {
    const machine = new VirtualMachine({ program: readFirmware("simulated") })
    const trace = new Trace()
    const seen: number[] = []
    let bus: Bus
    let guestBus: ReturnType<typeof openGuestMessageBus>

    beforeAll(async () => {
      trace.onMessage.on((direction, frame) => {
        if (direction === "out" && frame[0] === 0) seen.push(frame[1] as number)
      })
      await machine.start()
      bus = await Bus.open(new JacdacLink(new VmPort(machine)), { trace, reopen: true })
      guestBus = openGuestMessageBus(bus, port)
      await sh(AWAIT_DEVICES)
    })

    afterAll(async () => {
      guestBus?.close()
      await bus?.close()
      machine.stop()
    })

    it("reaches the M4 message by message: what Linux asks arrives there, and all its devices work", async () => {
      expect(seen).toContain(GET_DEVICE_INFO)
      await useChips()
      expect(await sh("head -c 32 /dev/hwrng | wc -c")).toBe("32")
      const chip = await sh("gpiodetect | grep virtio | cut -d' ' -f1")
      expect(await sh(`gpioinfo ${chip}`)).toContain("CLOCK")
      expect(await sh(`gpiomon -n 2 -B pull-up ${chip} 2 | wc -l`)).toBe("2")
      const shell = `(stty raw -echo; sleep 0.1; echo help >&0; timeout 20 head -n 1) <> /dev/hvc0`
      expect(await sh(shell)).not.toBe("")
    })

    it("gets over a board that is killed under load and comes back, without being loaded anew", async () => {
      await sh("(while :; do i2cget -y 0 0x54 14 > /dev/null 2>&1; done) & echo $! > /tmp/load")
      await sh("i2cget -y 0 0x54 14")
      machine.stop()
      const report = await sh(`${until("! i2cget -y 0 0x54 14 > /dev/null 2>&1")}
        ${TIME_REQUESTS}`)
      expectWithinTwoSeconds(report)
      await machine.start()
      await sh(`kill $(cat /tmp/load); ${until("i2cget -y 0 0x54 14")}`)
      // nobody but threads of the kernel's own, which have no program, waits in it
      const waiting = `for p in /proc/[0-9]*; do [ -e $p/exe ] && grep -q ^State:.D $p/status && cat $p/comm; done; true`
      expect(await sh(waiting)).toBe("")
    })
  })

  it("keeps every rule of the text that can be seen from outside", async () => {
    const rows = TABLE.filter((row) => row.driver !== undefined || row.side === "driver")
    const subject = linuxSubject(guest, port, () => Promise.reject(new Error("the guest hangs")))
    const { results, tookMs } = await checkDriver(subject, { rows, name: "Linux", clock: systemClock })
    const must = results.filter(({ row }) => row.level === "MUST")
    const bad = must.filter(({ status }) => status === "fail" || status === "blocked")
    expect(bad.map(({ row, detail }) => `${row.id}: ${detail}`)).toEqual([])
    const passed = must.filter(({ status }) => status === "pass").length
    console.log(`conform driver --linux: ${passed} MUST rows pass, in ${Math.round(tookMs / 1000)} s`)
    expect(passed).toBeGreaterThanOrEqual(80)
  })

  it("has the bridge on a 32-bit processor, too, beside that bus: its devices work, and its rules hold", async () => {
    beginNative()
    await sh(`${AWAIT_DEVICES}; ${until("i2cget -y 0 0x54 14")}`)
    await sh(`insmod /modules/${BRIDGE_MODULE}; (device-model > /tmp/model.log 2>&1 & echo $! > /tmp/model)`)
    await sh(until("i2cget -y 1 0x48 14"))
    expect(await sh("i2cget -y 1 0x48 14; i2cset -y 1 0x48 14 0x25; i2cget -y 1 0x48 14")).toBe("0x5b\n0x25")
    expect(await sh("i2cget -y 0 0x54 14")).toMatch(/^0x/)
    expect(await sh("cat /sys/class/misc/virtio-msg-bridge/endpoints")).toBe("loopback attached online 1")
    await sh(`kill $(cat /tmp/model); ${until("! kill -0 $(cat /tmp/model) 2> /dev/null")}`)
    await sh("echo 500 > /sys/module/virtio_msg_bridge/parameters/map_timeout_ms")
    expect(await sh("bridge-rules")).toMatch(/^(\d+) of \1 rules hold$/)
    console.log(await sh("rmmod virtio_rng; hostile-model 3000 7; insmod /modules/virtio-rng.ko"))
    await sh(until("rmmod virtio_msg_bridge"))
  })

  it(`stands a device side that breaks every rule, for ${HOSTILE_CASES} frames, and works afterwards`, async () => {
    port.end()
    // without virtio_rng: Linux 6.1's hwrng core stops a thread that may have ended by itself when its source goes, and
    // this device side takes its devices away all the time
    await sh(`rmmod virtio_rng; killall virtio-msg-relay; hostile-device ${HOSTILE_CASES} 7`)
    await sh("insmod /modules/virtio-rng.ko")
    const frames = await sh("ls -d /sys/class/virtio-ports/*; cat /sys/class/virtio-ports/*/name")
    expect(frames).toContain("virtio-msg")
    await sh(
      "(virtio-msg-relay /dev/$(basename $(dirname $(grep -l virtio-msg /sys/class/virtio-ports/*/name))) > /dev/null 2>&1 &)",
    )
    beginNative()
    await sh(`${AWAIT_DEVICES}; ${until("i2cget -y 0 0x54 14")}`)
    await useChips().catch(async (error) => {
      throw new Error(`${error}\n${(await guest.sh("dmesg | tail -40; i2cdetect -l")).output}`)
    })
  })
})
