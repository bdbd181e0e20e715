// /dev/virtio-msg-bridge as our own module offers it, in the stock guest: device models in C attach to it, keep its
// rules, break them, and die. One boot for all tests.

import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { GuestFile } from "../../../host/src/node/linux-guest/initramfs.js"
import { because } from "../../support/because.js"
import { CYCLES, HOSTILE_CASES, TRANSFERS } from "../counts.js"
import { expectWithinTwoSeconds, TIME_REQUESTS } from "../request-times.js"
import { packedCommand } from "../stock/guest-command.js"
import { prepareStock, StockGuest, skipReason } from "../stock/stock-guest.js"
import { attachTests } from "./attach-cases.js"
import { bridgeModules } from "./bridge-modules.js"
import { buildTests, SOURCE } from "./build-cases.js"
import { bytecodeTests } from "./bytecode-cases.js"
import { packLinuxSource } from "./linux-source.js"

const reason = skipReason()
if (reason) console.info(`skipped: ${reason}`)

/** What a kernel says when something is wrong with it. */
const TROUBLE = /WARNING|BUG|Oops|hung task|blocked for more|Call Trace|rcu.*stall|general protection|leak/i

/** The guest has another source of entropy, which was there first. */
const CHOOSE_RNG = "echo virtio_rng.1 > /sys/class/misc/hw_random/rng_current"

/** A program of the guest's, compiled from a C source below test/linux. */
function compiled(folder: string, source: string): GuestFile {
  const name = path.basename(source, ".c")
  const program = path.join(folder, name)
  const file = path.join(import.meta.dirname, source)
  execFileSync("gcc", [
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-static",
    "-pthread",
    "-s",
    "-o",
    program,
    file,
  ])
  return { path: `programs/${name}`, bytes: readFileSync(program), isExecutable: true }
}

describe.skipIf(reason)(`the bridge's kernel side${because(reason)}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "kernel-bridge-"))
  let guest: StockGuest

  beforeAll(async () => {
    const { kernelRelease } = await prepareStock()
    const sources = ["device-model.c", "bridge-rules.c", "hostile-model.c", "../latency/i2c-loop.c"]
    const programs = sources.map((source) => compiled(folder, source))
    const source = {
      path: `programs/${SOURCE}.tar.xz`,
      bytes: readFileSync(await packLinuxSource(SOURCE, folder)),
    }
    guest = await StockGuest.boot({
      extraFiles: [...(await bridgeModules(kernelRelease)), ...(await packedCommand()), ...programs, source],
      // what is written to after it was freed is found: of the sizes that drivers and transport allocate
      kernelArguments: "slub_debug=FZP,kmalloc-*",
      // 6.1 stops its thread for entropy twice when the last source goes, the second time in memory that is freed
      devices: ["virtio-rng-pci"],
    })
    await guest.run("modprobe -a virtio-rng virtio_msg_bridge i2c-virtio gpio-virtio virtio_console i2c-dev")
  })

  afterEach(async () => {
    expect((await guest?.takeKernelLog())?.split("\n").filter((line) => TROUBLE.test(line))).toEqual([])
  })

  afterAll(async () => {
    await guest?.shutdown()
    rmSync(folder, { recursive: true, force: true })
  })

  const until = (condition: string) =>
    guest.run(`for i in $(seq 600); do ${condition} && exit 0; sleep 0.1; done; exit 1`)

  const BRIDGE = "/sys/class/misc/virtio-msg-bridge"
  const START_MODEL = "(device-model > /tmp/model.log 2>&1 & echo $! > /tmp/model)"

  // first, and in this order: each says what it begins with
  buildTests(() => guest)
  attachTests(() => guest)
  bytecodeTests(() => guest)

  it("gives a device model's devices to Linux's own drivers", async () => {
    await guest.run(START_MODEL)
    await until("i2cget -y 0 0x48 14 2> /dev/null")
    expect(await guest.run("i2cget -y 0 0x48 14; i2cset -y 0 0x48 14 0x25; i2cget -y 0 0x48 14")).toBe(
      "0x5b\n0x25",
    )
    expect(await guest.sh("i2cget -y 0 0x33 14")).toMatchObject({ code: 2 })
    expect(await guest.run(`${CHOOSE_RNG}; head -c 64 /dev/hwrng | wc -c`)).toBe("64")
    expect(await guest.run(`cat ${BRIDGE}/endpoints`)).toBe("loopback attached online 1")
  })

  it("gets over a device model that is killed under load: every request ends, and all comes back", async () => {
    await guest.run(
      "(while :; do i2cget -y 0 0x48 14 > /dev/null 2>&1 || sleep 0.2; done) & echo $! > /tmp/load",
    )
    expectWithinTwoSeconds(await guest.run(`kill -9 $(cat /tmp/model); ${TIME_REQUESTS}`))
    expect(await guest.run(`cat ${BRIDGE}/endpoints`)).toBe("loopback detached offline 1")
    await guest.run(START_MODEL)
    await until("i2cget -y 0 0x48 14 2> /dev/null")
    await guest.run("kill $(cat /tmp/load)")
    expect(await guest.run("! grep -ls ^State:.D /proc/[0-9]*/status")).toBe("")
  })

  it("leaves nothing of a transfer to come when its driver stops waiting: for one that failed, for one with a signal", async () => {
    for (let n = 0; n < 3; n++) {
      // i2c-virtio does not wait for what is behind the message that failed
      expect(await guest.sh("i2cget -y 0 0x4a 0")).toMatchObject({ code: 2 })
      // nor for anything once its process has a signal
      await guest.sh("timeout -s INT 0.1 i2cget -y 0 0x4b 0")
    }
    await guest.run(
      "[ $(cat /sys/kernel/slab/kmalloc-512/poison) = 1 ]; sleep 1; echo 1 > /sys/kernel/slab/kmalloc-512/validate",
    )
    expect(await guest.run("i2cget -y 0 0x48 14")).toBe("0x5b")
  })

  it("brings each device back once in an epoch", async () => {
    await guest.run("dmesg -c > /dev/null")
    for (let n = 0; n < 5; n++) {
      // later than the second within which a device is not tried again
      await guest.run(`sleep 1.2; echo 'loopback reset' > ${BRIDGE}/online`)
      await until("i2cget -y 0 0x48 14 2> /dev/null")
    }
    const back = "dmesg | grep -c 'is back'"
    await until(`[ $(${back}) -ge 10 ]`)
    await guest.run("sleep 0.5")
    expect(await guest.run(back)).toBe("10")
  })

  it("has one device model an endpoint at a time", async () => {
    expect(await guest.sh("device-model")).toMatchObject({
      code: 1,
      output: "device-model: Device or resource busy",
    })
    expect(await guest.run("i2cget -y 0 0x48 14")).toBe("0x5b")
  })

  it("makes thousands of transfers without a fault, those of four processes at once, and leaves nothing in the slabs", async () => {
    console.log(`${await guest.run(`i2c-loop ${TRANSFERS} w1+r1`)} (p50, p99, min in us)`)
    const four = await guest.run("for i in 1 2 3 4; do (i2c-loop 300 w1+r1 || echo failed) & done; wait")
    expect(four.split("\n").filter((line) => line.startsWith("w1+r1"))).toHaveLength(4)
    expect(four).not.toContain("failed")

    const device = await guest.run("basename $(readlink -f /sys/bus/virtio/drivers/i2c_virtio/virtio*)")
    const cycles = (count: number) =>
      guest.run(
        `cd /sys/bus/virtio/drivers/i2c_virtio; for i in $(seq ${count}); do echo ${device} > unbind; echo ${device} > bind || exit 1; done`,
      )
    // a device model that goes and comes: rings are pinned and let go of, windows shown and hidden
    const sessions = (count: number) => guest.run(`device-model again ${count}`)
    const kilobytes = async () => Number(await guest.run("awk '/^SUnreclaim/ {print $2}' /proc/meminfo"))
    await cycles(50)
    await sessions(50)
    const before = await kilobytes()
    await cycles(CYCLES)
    await sessions(CYCLES)
    // what is only on its way out goes by itself; a single object of 2 kB that stayed each time would be more than this
    await expect.poll(async () => (await kilobytes()) - before).toBeLessThan(2 * CYCLES)
    expect(await guest.run("i2cget -y 0 0x48 14")).toBe("0x5b")
  })

  it("keeps its rules: each is tried once, kept and broken", async () => {
    await guest.run("echo 500 > /sys/module/virtio_msg_bridge/parameters/map_timeout_ms")
    const { code, output } = await guest.sh("bridge-rules")
    const [, held, looked] = /^(\d+) of (\d+) rules hold$/m.exec(output) ?? []
    expect({ code, output }).toEqual({ code: 0, output: `${looked} of ${looked} rules hold` })
    expect(Number(held)).toBeGreaterThan(300)
  })

  it(`stands a device model that breaks every rule, for ${HOSTILE_CASES} cases, and works afterwards`, async () => {
    await guest.run("kill $(cat /tmp/model)")
    console.log(await guest.run(`hostile-model ${HOSTILE_CASES} 7`))
    // its devices go behind it, and with them the number that the adapter is to have
    await until("! ls /dev/i2c-* > /dev/null 2>&1")
    await guest.run(START_MODEL)
    await until("i2cget -y 0 0x48 14 2> /dev/null")
    await until("! grep -ls ^State:.D /proc/[0-9]*/status")
  })

  it("lets its modules be unloaded, with devices there", async () => {
    await guest.run("kill $(cat /tmp/model)")
    // a process has its node open until it has really ended
    await until("! kill -0 $(cat /tmp/model) 2> /dev/null")
    await guest.run("modprobe -r virtio_msg_bridge virtio_msg")
    await guest.run("modprobe virtio_msg_bridge window_kib=64")
  })

  it("takes back the room of buffers that a driver leaves behind in its device", async () => {
    await guest.run(START_MODEL)
    await until(
      "i2cget -y 0 0x48 14 2> /dev/null && grep -q virtio_rng.1 /sys/class/misc/hw_random/rng_available",
    )
    const device = await guest.run(
      "cd /sys/bus/virtio/drivers/virtio_rng; for d in virtio*; do readlink -f $d | grep -q loopback && echo $d; done",
    )
    // an eighth of the window is for what one device writes, and virtio-rng leaves 64 bytes each time
    await guest.run(
      `cd /sys/bus/virtio/drivers/virtio_rng; for i in $(seq 130); do echo ${device} > unbind; echo ${device} > bind || exit 1; done`,
    )
    expect(await guest.run(`${CHOOSE_RNG}; head -c 64 /dev/hwrng | wc -c`)).toBe("64")
  })
})
