// A real Linux on an emulated Cortex-A7: its own i2c-virtio driver, its tools and its chip drivers, on the bus
// that the vhost-user backend forwards to. The guest boots once for all tests.

import { PassThrough } from "node:stream"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { LinuxGuest } from "../../host/src/node/linux-guest/boot.js"
import { VhostUserBackend } from "../../host/src/node/vhost-user/backend.js"
import { VirtioI2cDevice } from "../../host/src/node/vhost-user/i2c-device.js"
import { because } from "../support/because.js"
import { TRANSFERS } from "./counts.js"
import { preparedGuest } from "./prepared-guest.js"
import { skipReason } from "./requirements.js"
import { SimulatedBoard } from "./simulated-board.js"

const skip = await skipReason({ koffi: true, guest: true })

/** Every address that i2cdetect asks, with the chips of the demonstration. */
const DETECTED = `     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f
00:                         -- -- -- -- -- -- -- -- 
10: -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- 
20: -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- 
30: -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- 
40: -- -- -- -- -- -- -- -- 48 -- -- -- -- -- -- -- 
50: 50 -- -- -- 54 -- 56 -- -- -- -- -- -- -- -- -- 
60: -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- 
70: -- -- -- -- -- -- 76 --                         `

describe.skipIf(skip)(`Linux${because(skip)}`, () => {
  let board: SimulatedBoard
  let guest: LinuxGuest
  let device: VirtioI2cDevice
  let backend: VhostUserBackend

  async function serve(): Promise<void> {
    device = new VirtioI2cDevice(board.forwarder)
    backend = new VhostUserBackend({ socketPath: guest.socketPath, device })
    await backend.start()
  }

  /** Runs a command that has to succeed, and returns its output. */
  async function sh(command: string): Promise<string> {
    const { code, output } = await guest.sh(command)
    expect(`${code}: ${output}`).toMatch(/^0:/)
    return output
  }

  beforeAll(async () => {
    const image = await preparedGuest()
    board = await SimulatedBoard.start()
    guest = new LinuxGuest({ image })
    const before = performance.now()
    await serve()
    await guest.boot()
    const bootMs = performance.now() - before
    console.log(`${image.kernelRelease} took ${Math.round(bootMs)} ms from QEMU's start to the shell`)
  })

  afterAll(async () => {
    await guest?.shutdown()
    backend?.close()
    await board?.stop()
  })

  it("runs on a Cortex-A7 with Linux's own driver", async () => {
    expect(await sh("grep 'CPU part' /proc/cpuinfo")).toMatch(/0xc07/)
    expect(await sh("readlink /sys/bus/virtio/devices/virtio0/driver")).toMatch(/\/i2c_virtio$/)
    expect(await sh("cat /sys/bus/virtio/devices/virtio0/device")).toBe("0x0022")
  })

  it("has that driver wait for the end of a transfer, whatever signal its process gets", async () => {
    expect(await guest.sh("grep -c wait_for_completion_interruptible /modules/i2c-virtio.ko")).toMatchObject({
      output: "0",
    })
  })

  it("i2cdetect -l names the adapter", async () => {
    expect(await sh("i2cdetect -l")).toMatch(/^i2c-0\ti2c +\ti2c_virtio at virtio bus 0 +\tI2C adapter$/)
  })

  it("i2cdetect shows all chips, and nothing else", async () => {
    expect(await sh("i2cdetect -y 0")).toBe(DETECTED)
  })

  it("ST's demonstration goes through, line by line", async () => {
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x66")
    expect(await sh("i2cset -y 0 0x54 14 0x25")).toBe("")
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x25")
    await sh("i2cset -y 0 0x54 14 0x66")
  })

  it("i2ctransfer's messages travel in one packet each way", async () => {
    await sh("i2ctransfer -y 0 w1@0x54 0x00 r4 w1@0x56 0x02 r3")
    board.resetCounts()
    const output = await sh("i2ctransfer -y 0 w1@0x54 0x00 r4 w1@0x56 0x02 r3")
    expect(output).toBe("0x31 0x32 0x33 0x34\n0x6d 0x6e 0x6f")
    expect(board.packetsOut).toBe(1)
    expect(board.packetsIn).toBe(1)
  })

  it("i2cdump reads a whole chip", async () => {
    const output = await sh("i2cdump -y -r 0x00-0x0f 0 0x54 b")
    expect(output).toMatch(/^00: 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 67 {4}123456789abcdefg$/m)
  })

  it("an absent chip gives an error, which is the board's answer and not a time-out", async () => {
    const before = board.requestCount
    const { code, output } = await guest.sh("i2cget -y 0 0x49 0")
    expect(code).toBe(2)
    expect(output).toBe("Error: Read failed")
    const transfer = await guest.sh("i2ctransfer -y 0 w1@0x49 0 r1")
    // Linux's driver tells how many messages went through before the error, and i2ctransfer takes that for success
    expect(transfer.output).toBe("Warning: only 0/2 messages were sent")
    expect(board.requestCount - before).toBe(4)
    expect(device.lostCount).toBe(0)
  })

  it("the driver lm75 reads a temperature that moves", async () => {
    await sh("echo lm75 0x48 > /sys/bus/i2c/devices/i2c-0/new_device")
    const input = "/sys/bus/i2c/devices/0-0048/hwmon/hwmon0/temp1_input"
    expect(await sh("cat /sys/bus/i2c/devices/0-0048/hwmon/hwmon0/name")).toBe("lm75")
    const first = Number(await sh(`cat ${input}`))
    expect(first).toBeGreaterThanOrEqual(22_000)
    expect(first).toBeLessThanOrEqual(28_000)
    const waits = `for i in $(seq 100); do [ $(cat ${input}) = ${first} ] || break; sleep 0.1; done; cat ${input}`
    expect(Number(await sh(waits))).not.toBe(first)
    await sh("echo 0x48 > /sys/bus/i2c/devices/i2c-0/delete_device")
  })

  it("the driver at24 writes and reads all of the EEPROM", async () => {
    await sh("echo 24c02 0x50 > /sys/bus/i2c/devices/i2c-0/new_device")
    const eeprom = "/sys/bus/i2c/devices/0-0050/eeprom"
    expect(await sh(`head -c 24 ${eeprom}`)).toBe("virtio-msg on a $4 board")
    await sh(`head -c 256 /dev/urandom > /tmp/new; cat /tmp/new > ${eeprom}; cmp /tmp/new ${eeprom}`)
    // across the end of a page, and of what is left of the next
    await sh(`printf 0123456789 | dd of=${eeprom} bs=1 seek=13 conv=notrunc 2> /dev/null`)
    expect(await sh(`dd if=${eeprom} bs=1 skip=13 count=10 2> /dev/null`)).toBe("0123456789")
    await sh("echo 0x50 > /sys/bus/i2c/devices/i2c-0/delete_device")
  })

  it("the driver bmp280 reads temperature, pressure and humidity of a BME280", async () => {
    await sh("echo bme280 0x76 > /sys/bus/i2c/devices/i2c-0/new_device")
    // the driver starts the chip's measurements again whenever it wakes it up, and one takes 70 ms
    const read = async (what: string) =>
      Number(await sh(`sleep 0.2; cat /sys/bus/i2c/devices/0-0076/iio:device0/in_${what}_input`))
    expect(await sh("cat /sys/bus/i2c/devices/0-0076/iio:device0/name")).toBe("bme280")
    const temperature = await read("temp")
    expect(temperature).toBeGreaterThan(10_000)
    expect(temperature).toBeLessThan(40_000)
    const pressure = await read("pressure")
    expect(pressure).toBeGreaterThan(90)
    expect(pressure).toBeLessThan(110)
    const humidity = await read("humidityrelative")
    expect(humidity).toBeGreaterThan(0)
    expect(humidity).toBeLessThanOrEqual(100_000)
    await sh("echo 0x76 > /sys/bus/i2c/devices/i2c-0/delete_device")
  })

  it("ten i2cgets are ten packets each way, and nothing else", async () => {
    await sh("i2cget -y 0 0x54 0")
    board.resetCounts()
    await sh("for i in 1 2 3 4 5 6 7 8 9 10; do i2cget -y 0 0x54 0; done")
    expect([board.packetsOut, board.packetsIn]).toEqual([10, 10])
  })

  it(`${TRANSFERS} transfers go through without an error`, { timeout: 1_000_000 }, async () => {
    // twenty register reads a call, as many as fit into Linux's 42 messages: the board sends 50 packets a second
    const read = Array.from({ length: 20 }, (_, at) => `w1@0x54 ${at % 19} r1`).join(" ")
    const loop = `for i in $(seq ${TRANSFERS / 20}); do i2ctransfer -y 0 ${read}; done | sort | uniq -c`
    const before = board.requestCount
    const { output } = await guest.sh(loop, { timeoutMs: 900_000 })
    const counts = output.split("\n").map((line) => line.trim())
    // the chip holds "123456789abcdefghij", and its first register is read twice a call
    const expected = [..."123456789abcdefghij"].map(
      (letter) => `${(letter === "1" ? 2 : 1) * (TRANSFERS / 20)} 0x${letter.charCodeAt(0).toString(16)}`,
    )
    expect(counts).toEqual(expected)
    expect((board.requestCount - before) / 2).toBe(TRANSFERS)
    expect(device.lostCount).toBe(0)
    expect(device.malformedCount).toBe(0)
  })

  it("two processes at once do not disturb each other", async () => {
    const dumps = (address: string) => `for i in 1 2; do i2cdump -y -r 0-0x12 0 ${address} b; done | md5sum`
    const loop = (address: string) => `(${dumps(address)} > /tmp/${address}) &`
    await sh(`${loop("0x54")} ${loop("0x56")} wait`)
    for (const address of ["0x54", "0x56"]) {
      const [expected, found] = (await sh(`${dumps(address)}; cat /tmp/${address}`)).split("\n")
      expect(found).toBe(expected)
    }
  })

  it("gives its shell to a person, and takes it back", async () => {
    const input = new PassThrough()
    const output = new PassThrough()
    input.write("cd /tmp && echo from the shell: $((6 * 7))\nexit 3\n")
    expect(await guest.interactive(input, output)).toBe(3)
    expect(String(output.read())).toMatch(/from the shell: 42/)
    expect(await sh("pwd")).toBe("/")
  })

  it("a board that does not answer gives an error, and is used again when it is back", async () => {
    board.machine.stop()
    expect((await guest.sh("i2cget -y 0 0x54 0")).code).toBe(2)
    await board.machine.start()
    await board.untilUp()
    expect(await sh("i2cget -y 0 0x54 0")).toBe("0x31")
  })

  it("a board that starts again in the middle of the load is used again, and no request is left over", async () => {
    const load = guest.sh("for i in $(seq 60); do i2cget -y 0 0x54 0 2> /dev/null; done | sort | uniq -c")
    await board.untilRequests(10)
    await board.machine.restart()
    const { output } = await load
    expect(output).toMatch(/^ +\d+ 0x31$/)
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x66")
  })

  it("the backend may start again in the middle of the load, and the guest goes on", async () => {
    const load = sh("for i in $(seq 60); do i2cget -y 0 0x54 0; done | sort | uniq -c")
    for (let round = 0; round < 3; round++) {
      await board.untilRequests(10)
      backend.close()
      await serve()
    }
    expect(await load).toMatch(/^ +60 0x31$/) // none was lost
  })

  it("nothing in the kernel's log complains", async () => {
    const log = await sh("dmesg | tail -n +2")
    const complaints = log
      .split("\n")
      .filter((line) => /oops|\bbug\b|warning|refcount|not a head|i2c.*(fail|error)/i.test(line))
    // the drivers are built by us, so Debian's kernel does not know their signature
    expect(complaints.filter((line) => !/module verification failed/.test(line))).toEqual([])
  })
})
