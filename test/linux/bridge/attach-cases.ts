// Our device model in the guest, on the node that our own module offers there: `virtio-msg attach --bus virtio-msg`, with
// the simulated board's devices, used by Linux's own drivers.

import { describe, expect, it } from "vitest"
import { BY_TURNS, edgesByTurns } from "../edges-by-turns.js"
import { COMMAND } from "../stock/guest-command.js"
import { Readers } from "../stock/readers.js"
import type { StockGuest } from "../stock/stock-guest.js"
import { Attached } from "./attached.js"

const ENDPOINTS = "/sys/class/misc/virtio-msg-bridge"
/**
 * What conform driver --bridge looks at: of every kind of scenario some, and all of it in `npm run test:long` or with
 * BRIDGE_ROWS=all npx vitest run test/linux/bridge/kernel-bridge.test.ts
 */
const DRIVER_ROWS = process.env.BRIDGE_ROWS ?? "G3,B10,B34,D20,D25,D27,D45,D46,D55,D-S3,I24,R25"

/** To be called in the suite that boots the guest, where somebody is attached; nobody is when they are over. */
export function attachTests(guest: () => StockGuest): void {
  const attached = new Attached(guest, () => "sim-native")
  const run = (command: string) => attached.run(command)

  describe("virtio-msg attach --bus virtio-msg", () => {
    it("gives the board's devices to Linux's own drivers: ST's five lines, entropy, GPIO edges", async () => {
      expect(await run("i2cdetect -y 0 | grep ^50")).toMatch(/^50: 50 -- -- -- 54 -- 56/)
      expect(await run("i2cget -y 0 0x54 14; i2cset -y 0 0x54 14 0x25; i2cget -y 0 0x54 14")).toBe(
        "0x66\n0x25",
      )
      expect(await guest().sh("i2cget -y 0 0x33 14")).toMatchObject({ code: 2 })
      // QEMU's own was there first
      expect(
        await run("echo virtio_rng.1 > /sys/class/misc/hw_random/rng_current; head -c 64 /dev/hwrng | wc -c"),
      ).toBe("64")
      expect(await run(edgesByTurns("gpiochip0"))).toMatch(BY_TURNS)
    })

    it("gives its chips to the drivers of hwmon, IIO and EEPROMs", async () => {
      await run("modprobe -a lm75 bmp280-i2c at24")
      const chip = (name: string, address: string) =>
        run(`echo ${name} ${address} > /sys/bus/i2c/devices/i2c-0/new_device`)
      await chip("lm75", "0x48")
      expect(Number(await run("cat /sys/bus/i2c/devices/0-0048/hwmon/hwmon*/temp1_input"))).toBeGreaterThan(
        20_000,
      )
      await chip("bme280", "0x76")
      const celsius = Number(await run("cat /sys/bus/i2c/devices/0-0076/iio:device*/in_temp_input"))
      expect(celsius).toBeGreaterThan(15_000)
      await chip("24c02", "0x50")
      const eeprom = "/sys/bus/i2c/devices/0-0050/eeprom"
      expect(await run(`echo hello > ${eeprom}; head -c 5 ${eeprom}`)).toBe("hello")
      for (const address of ["0x48", "0x76", "0x50"])
        await run(`echo ${address} > /sys/bus/i2c/devices/i2c-0/delete_device`)
      // lm75 looks for its chips on every new bus
      await run("rmmod lm75 bmp280_i2c at24")
    })

    it("has one device model at a time", async () => {
      const { code, output } = await guest().sh(attached.command)
      expect(code).not.toBe(0)
      expect(output).toContain("Another device model is attached to loopback.")
    })

    it("goes on through epochs that begin and end under load: its windows go and come", async () => {
      const reader = await Readers.start(guest(), 0, 0)
      await run(`for i in $(seq 10); do echo 'loopback reset' > ${ENDPOINTS}/online; sleep 0.3; done`)
      const [report] = await reader.reports()
      expect(Object.keys(report?.values ?? {})).toEqual(["0x25"])
      await attached.until("i2cget -y 0 0x54 14")
      expect(await attached.notes()).toMatch(/The endpoint is online/)
      expect(
        await run(
          "ls /proc/$(cat /tmp/attach)/fd | wc -l; grep -c virtio-msg-bridge /proc/$(cat /tmp/attach)/maps",
        ),
      ).toMatch(/^\d+\n[1-4]$/)
    })

    it(`conform driver --bridge finds this kernel's driver conforming (${DRIVER_ROWS}), beside a board that is attached`, async () => {
      // the suite is a process of a guest that a busy computer emulates: what it cannot do in time is no fault of the driver
      const limits = (completionMs: number, requestMs: number) =>
        run(
          `cd /sys/module/virtio_msg/parameters; echo ${completionMs} > completion_timeout_ms; echo ${requestMs} > request_timeout_ms`,
        )
      const before = await run("cat /sys/module/virtio_msg/parameters/request_timeout_ms")
      if (DRIVER_ROWS !== "all") await limits(10_000, 5000)
      const { code, output } = await guest().sh(
        `${COMMAND} conform driver --bridge ${DRIVER_ROWS === "all" ? "" : `--row ${DRIVER_ROWS}`}`,
      )
      await limits(1500, Number(before))
      expect(code, output).toBe(0)
      const [, held, must] = /(\d+) of (\d+) MUST/.exec(output) ?? []
      expect(held).toBe(must)
      expect(Number(must)).toBeGreaterThanOrEqual(11)
      expect(await run("i2cget -y 0 0x54 14")).toMatch(/^0x/)
    })

    it("takes its devices away when it is ended", async () => {
      await attached.end()
      expect(await run(`cat ${ENDPOINTS}/endpoints`)).toBe("")
    })
  })
}
