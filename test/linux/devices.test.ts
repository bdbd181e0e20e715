// A real Linux with all four devices of one microcontroller at once: gpiod's tools, /dev/hwrng, a virtio port that
// ends at the M4's shell, and I2C beside them. One boot for all tests.

import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { GuestDevices } from "../../host/src/node/guest-devices.js"
import { LinuxGuest } from "../../host/src/node/linux-guest/boot.js"
import { VhostUserBackend } from "../../host/src/node/vhost-user/backend.js"
import { VirtioI2cDevice } from "../../host/src/node/vhost-user/i2c-device.js"
import { because } from "../support/because.js"
import { BY_TURNS, CLOCK, edgesByTurns } from "./edges-by-turns.js"
import { preparedGuest } from "./prepared-guest.js"
import { skipReason } from "./requirements.js"
import { SimulatedBoard } from "./simulated-board.js"

const skip = await skipReason({ koffi: true, guest: true })

/** Settles when Linux has an interrupt of the chip for gpiomon: its type has reached the M4 by then. */
const UNTIL_WATCHING = "until ls -d /proc/irq/*/gpiomon > /dev/null 2>&1; do sleep 0.1; done"

/** A command for the guest: repeats `command` until it prints `wanted`, for a minute; prints what it printed last. */
function untilPrints(command: string, wanted: string): string {
  return `for i in $(seq 300); do o=$(${command}); [ "$o" = "${wanted}" ] && break; sleep 0.2; done; echo "$o"`
}

describe.skipIf(skip)(`Linux with four devices${because(skip)}`, () => {
  let board: SimulatedBoard
  let guest: LinuxGuest
  let backend: VhostUserBackend
  const devices = new GuestDevices()
  const errors: string[] = []
  /** The guest's name for the microcontroller's GPIO chip, and its virtio port. */
  let chip = ""
  let port = ""

  /** Runs a command that has to succeed, and returns its output. */
  async function sh(command: string): Promise<string> {
    const { code, output } = await guest.sh(command)
    expect(`${code}: ${output}`).toMatch(/^0:/)
    return output
  }

  /** Types a line into the M4's shell, from Linux; what it printed. */
  async function m4(line: string): Promise<string> {
    const output = await sh(
      `exec 3<>${port}; echo '${line}' >&3; while IFS= read -r -t 60 -n 1 -d '' c <&3; do printf %s "$c"; case $t$c in *"m4> ") break; esac; t="$t$c"; [ \${#t} -gt 6 ] && t=\${t#?}; done; exec 3>&-`,
    )
    return output.replace(/m4> $/, "").replace(/m4>$/, "")
  }

  beforeAll(async () => {
    const image = await preparedGuest()
    board = await SimulatedBoard.start()
    const { bus } = board.forwarder
    const moreDevices = await GuestDevices.on(bus)
    expect(moreDevices).toEqual(["gpio", "rng", "console"])
    guest = new LinuxGuest({ image, moreDevices })
    backend = new VhostUserBackend({
      socketPath: guest.socketPath,
      device: new VirtioI2cDevice(board.forwarder),
    })
    await backend.start()
    await devices.start(
      bus,
      moreDevices,
      (device) => guest.socketOf(device),
      (error) => errors.push(error.message),
    )
    await guest.boot()
    chip = await sh("gpiodetect | grep virtio | cut -d ' ' -f 1")
    port = `/dev/${await sh("basename $(dirname $(grep -l m4 /sys/class/virtio-ports/*/name))")}`
  })

  afterAll(async () => {
    await guest?.shutdown()
    backend?.close()
    devices.close()
    await board?.stop()
  })

  it("binds its own drivers to all of them", async () => {
    const drivers = await sh(
      "for d in /sys/bus/virtio/devices/*; do basename $(readlink $d/driver); done | sort",
    )
    expect(drivers.split("\n")).toEqual(["gpio_virtio", "i2c_virtio", "virtio_console", "virtio_rng"])
  })

  it("reads and writes I2C as before", async () => {
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x66")
  })

  it("gpioinfo shows the lines with their names", async () => {
    const info = await sh(`gpioinfo ${chip}`)
    expect(info).toMatch(/^gpiochip\d+ - 7 lines:/)
    for (const [offset, name] of [
      [0, '"LED"'],
      [1, '"BUTTON"'],
      [2, '"CLOCK"'],
      [3, '"OUT"'],
      [4, '"IN"'],
      [5, "unnamed"],
    ] as const)
      expect(info).toMatch(new RegExp(`line +${offset}: +${name} +unused +input +active-high`))
  })

  it("gpioset drives OUT, and the M4 senses it on IN; gpioget reads", async () => {
    await sh(`gpioset -m signal ${chip} 3=1 > /dev/null 2>&1 & echo $! > /tmp/gpioset`)
    expect(await sh(untilPrints(`gpioget ${chip} 4`, "1"))).toBe("1")
    expect(await m4("pins")).toContain("OUT          output  1\n")
    await sh("kill $(cat /tmp/gpioset)")
    expect(await sh(untilPrints(`gpioget ${chip} 4`, "0"))).toBe("0")
  })

  it("gpioset refuses a line that is an input only", async () => {
    expect((await guest.sh(`gpioset ${chip} 1=1`)).code).not.toBe(0)
  })

  it("gpiomon sees the clock's interrupts, both edges by turns", async () => {
    expect(await sh(edgesByTurns(chip))).toMatch(BY_TURNS)
    expect(await sh(`gpiomon -n 1 -F %o ${chip} ${CLOCK}`)).toBe("2")
    expect(await sh("grep -c gpio /proc/interrupts || true")).toMatch(/^\d+$/)
  })

  it("gpiomon sees the button that a person presses at the M4's shell", async () => {
    const monitor = sh(`gpiomon -n 2 -F '%e' ${chip} 1 > /tmp/button & ${UNTIL_WATCHING}; echo watching`)
    expect(await monitor).toBe("watching")
    await m4("press 3000")
    expect(await sh(untilPrints("wc -l < /tmp/button", "2"))).toBe("2")
    expect(await sh("cat /tmp/button")).toBe("1\n0")
  })

  it("/dev/hwrng is the M4, by name, and gives other bytes each time", async () => {
    expect(await sh("cat /sys/class/misc/hw_random/rng_current")).toMatch(/^virtio_rng\.\d$/)
    const read = () =>
      sh("dd if=/dev/hwrng bs=64 count=4 iflag=fullblock 2> /dev/null | hexdump -v -e '1/1 \"%02x\"'")
    const [one, other] = [await read(), await read()]
    expect(one).toMatch(/^[0-9a-f]{512}$/)
    expect(other).not.toBe(one)
    expect(await m4("stats")).toMatch(/rng +bytes given away [1-9]\d+/)
  })

  it("a virtio port talks to the M4's shell, and no byte of a flood is lost", async () => {
    expect(await m4("chips")).toContain("0x48 lm75\n0x50 24c02\n")
    const flood = await m4("flood 100")
    const numbers = flood.split("\n").flatMap((line) => /^(\d+) +0123456789abc.*xyz$/.exec(line)?.[1] ?? [])
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, at) => `${at}`))
  })

  it("all four work at the same time", async () => {
    const load = sh(
      `(gpiomon -n 4 -F '%e' ${chip} ${CLOCK} | wc -l > /tmp/g) & (dd if=/dev/hwrng bs=64 count=20 iflag=fullblock 2> /dev/null | wc -c > /tmp/r) & ` +
        "for i in $(seq 40); do i2cget -y 0 0x54 0; done | sort | uniq -c; wait; cat /tmp/g /tmp/r",
    )
    expect((await load).split("\n").map((line) => line.trim())).toEqual(["40 0x31", "4", "1280"])
    expect(errors).toEqual([])
  })

  it("a board that starts again is used again: I2C, lines, interrupts, entropy and shell", async () => {
    await sh(`gpiomon -n 12 -F '%e' ${chip} ${CLOCK} > /tmp/clock & ${UNTIL_WATCHING}`)
    await board.machine.restart()
    // more than came before the restart
    expect(await sh(untilPrints("wc -l < /tmp/clock", "12"))).toBe("12")
    expect(await sh("i2cget -y 0 0x54 14")).toBe("0x66")
    expect(await sh("dd if=/dev/hwrng bs=16 count=1 iflag=fullblock 2> /dev/null | wc -c")).toBe("16")
    expect(await m4("chips")).toContain("0x76 bme280")
  })

  it("nothing in the kernel's log complains", async () => {
    const log = await sh("dmesg | tail -n +2")
    const complaints = log
      .split("\n")
      .filter((line) =>
        /oops|\bbug\b|warning|refcount|not a head|(i2c|gpio|rng|console).*(fail|error)/i.test(line),
      )
    // our modules have no signature that Debian's kernel knows, BUTTON was asked to be an output above, and CLOCK may
    // have been read just when the board started again
    const expected = /module verification failed|GPIO request failed: [12]$/
    expect(complaints.filter((line) => !expected.test(line))).toEqual([])
  })
})
