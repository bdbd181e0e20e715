// "The Linux you sit at": Debian's unmodified kernel, in which `virtio-msg attach` runs, and to which `virtio-msg usbip`
// is attached. The board is a simulated one of this process, over TCP: the real bytecode, and packets can be counted.

import { readFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { BoardForwarder } from "../../../host/src/node/board-forwarder.js"
import { type BoardServer, serveBoard } from "../../../host/src/node/board-server.js"
import { servePlainBoard } from "../../../host/src/node/plain-board.js"
import { BoardGadgets } from "../../../host/src/node/usbip/board-gadgets.js"
import { UsbipServer } from "../../../host/src/node/usbip/usbip-server.js"
import { openBus } from "../../../host/src/open-bus.js"
import { Trace } from "../../../host/src/trace/trace.js"
import { readFirmware } from "../../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../../host/src/vm/virtual-machine.js"
import { PACKET_DATA } from "../../../shared-protocol/src/mailbox/packet.js"
import { because } from "../../support/because.js"
import { TRANSFERS_OVER_USB } from "../counts.js"
import { COMMAND, packedCommand } from "./guest-command.js"
import { Readers } from "./readers.js"
import { StockGuest, skipReason, THIS_MACHINE } from "./stock-guest.js"

const ROOT = path.join(import.meta.dirname, "../../..")
const reason = skipReason()
if (reason) console.info(`skipped: ${reason}`)

/** What a kernel says when something is wrong with it. */
const TROUBLE = /WARNING|BUG|Oops|hung task|blocked for more|Call Trace|rcu.*stall|general protection/i

describe.skipIf(reason)(`the Linux you sit at${because(reason)}`, () => {
  const machine = new VirtualMachine({ program: readFirmware("simulated") })
  /** By sequence number: a packet that was sent again, to a busy computer, is the same one. */
  const packets = { out: new Set<unknown>(), in: new Set<unknown>() }
  const trace = new Trace()
  let board: BoardServer
  let guest: StockGuest
  let folder: string

  beforeAll(async () => {
    trace.onPacket.on((direction, packet) => {
      if (((packet[0] ?? 0) & PACKET_DATA) === 0) return
      packets[direction].add(packet[3])
    })
    folder = await mkdtemp(path.join(tmpdir(), "own-linux-"))
    await machine.start()
    board = await serveBoard(machine, "tcp://127.0.0.1:0", trace)
    guest = await StockGuest.boot({ extraFiles: await packedCommand(), processors: 1 })
  })

  afterEach(async () => {
    expect((await guest?.takeKernelLog())?.split("\n").filter((line) => TROUBLE.test(line))).toEqual([])
  })

  afterAll(async () => {
    await guest?.shutdown()
    await board?.close()
    machine.stop()
    await rm(folder, { recursive: true, force: true })
  })

  /** The board as the guest reaches it. */
  const port = () => board.port.replace("127.0.0.1", THIS_MACHINE)

  const attachCommand = () => `${COMMAND} --port ${port()} attach`
  const busOf = (printed: string) => Number(/^\/dev\/i2c-(\d+)$/m.exec(printed)?.[1])
  const until = (condition: string) =>
    guest.run(`for i in $(seq 600); do ${condition} && exit 0; sleep 0.1; done; exit 1`)
  const untilGone = (bus: number) => until(`[ ! -e /dev/i2c-${bus} ]`)
  /** Nobody hangs in the kernel. */
  const untilNobodyWaits = () => until("! grep -ls ^State:.D /proc/[0-9]*/status")

  it("has the board as its adapter, for what is typed there and for its own drivers", async () => {
    const printed = await guest.run(
      `${attachCommand()} --detach --devices i2c,rng,console 2>/tmp/notes || { cat /tmp/notes; exit 1; }`,
    )
    const bus = busOf(printed)
    expect(printed.split("\n")).toEqual([`/dev/i2c-${bus}`, "/dev/hwrng", "/dev/ttyACM0"])
    expect(await guest.run("cat /tmp/notes")).toMatch(`Try: i2cdetect -y ${bus}\n`)

    const results: string[] = []
    for (const recipe of recipes()) results.push(await guest.run(forBus(recipe, bus)))
    const [tools = "", python, lm75, bme280, eeprom, random, shell] = results
    expect(tools).toContain("i2c-tiny-usb at bus")
    expect(tools).toMatch(/^50: 50 -- -- -- 54 -- 56/m)
    expect(tools).toMatch(/\n0x66\n0x25$/)
    expect(python).toBe("0x25")
    expect(Number(lm75?.split("\n").at(-1))).toBeGreaterThan(20_000)
    const [temperature, pressure] = bme280?.split("\n").slice(-2).map(Number) ?? []
    expect(temperature).toBeGreaterThan(15_000)
    expect(pressure).toBeGreaterThan(90)
    expect(eeprom).toMatch(/hello$/)
    expect(random).toMatch(/^( [0-9a-f]{2}){16}$/)
    expect(shell).not.toBe("")

    expect(await guest.sh(`i2cget -y ${bus} 0x33 14`)).toMatchObject({ code: 2 })
    const tooLong = await guest.sh(`i2ctransfer -y ${bus} w1@0x54 0 r5000`)
    expect(tooLong.output).toMatch(/Input\/output error/)
    // where Linux's driver says so, too, and of nothing else
    expect((await guest.takeKernelLog()).match(/failure .*/g)).toEqual(["failure reading data"])
  })

  it("keeps the adapter while the board goes and comes back, and every request ends within 2 s", async () => {
    const reader = await Readers.start(guest, 0, 0)
    const { port: where } = board
    await board.close()
    await reader.untilFailed()
    board = await serveBoard(machine, where, trace)
    const [report] = await reader.reports()
    expect(Object.keys(report?.errors ?? {})).toEqual(["ENXIO"])
    expect(Object.keys(report?.values ?? {})).toEqual(["0x25"])
    // the guest's clock is the computer's, and so slow a computer is not the kernel's 2 s
    expect(report?.slowestMs).toBeLessThan(30_000)
  })

  it("gets over a serving process that is killed in mid-transfer", async () => {
    const readers = await Readers.start(guest, 0, 100_000, 100_000)
    await guest.run("pkill -9 -f '[m]ain.js --port'")
    for (const { errors } of await readers.reports()) expect(Object.keys(errors).length).toBeGreaterThan(0)
    await untilGone(0)
    await untilNobodyWaits()
  })

  it("has another adapter where a kernel has no i2c-tiny-usb, and lets go of it under load", async () => {
    const printed = await guest.run(
      `${attachCommand()} --adapter robotfuzz-osif >/tmp/printed 2>/tmp/notes &
      for i in $(seq 600); do grep -q Ctrl-C /tmp/notes && break; kill -0 $! || break; sleep 0.1; done; cat /tmp/printed`,
    )
    const bus = busOf(printed)
    expect(await guest.run("cat /tmp/notes")).toMatch(/every message is a bus transaction of its own/)
    expect(await guest.run(`i2cget -y ${bus} 0x54 14`)).toBe("0x25")
    expect(await guest.sh(`i2cget -y ${bus} 0x33 14`)).toMatchObject({ code: 2 })
    const reader = await Readers.start(guest, bus, 100_000)
    expect(await guest.run(`${COMMAND} detach`)).toMatch(/^detached robotfuzz-osif \(USB .*\)$/m)
    await reader.reports()
    await untilGone(bus)
    await untilNobodyWaits()
    await until("! pgrep -f '[m]ain.js --port' > /dev/null")
  })

  it(`attaches boards over the network: one packet each way for a register read; ${2 * TRANSFERS_OVER_USB} transfers of two processes at once, none wrong, and a detaching under load`, async () => {
    const plain = await servePlainBoard(`plain:unix:${path.join(folder, "plain.sock")}`)
    const forwarders = [plain.port, board.port].map((port) => new BoardForwarder(() => openBus({ port })))
    await Promise.all(forwarders.map((forwarder) => forwarder.start()))
    const gadgets = await Promise.all(
      forwarders.map((forwarder) =>
        BoardGadgets.of(forwarder, ["i2c"], { adapter: "i2c-tiny-usb", onNote: () => {} }),
      ),
    )
    const server = new UsbipServer(gadgets.flatMap((each) => [...each.gadgets.values()]))
    const { port: tcpPort } = new URL(await server.listen("tcp://127.0.0.1:0"))
    try {
      // whose driver looks for chips on every new adapter
      await guest.run("modprobe -r lm75")
      for (const at of [0, 1]) {
        await guest.run(`usbip --tcp-port ${tcpPort} attach -r ${THIS_MACHINE} -b 1-${at + 1}`)
        await until(`[ -e /dev/i2c-${at} ]`)
      }
      for (let i = 0; i < 8; i++) {
        for (const numbers of Object.values(packets)) numbers.clear()
        expect(await guest.run("i2ctransfer -f -y 1 w1@0x48 0 r2")).toMatch(/^0x/)
        expect({ out: packets.out.size, in: packets.in.size }).toEqual({ out: 1, in: 1 })
      }
      await guest.run("i2cset -y 0 0x54 14 0x77")
      const reports = await (await Readers.start(guest, 0, TRANSFERS_OVER_USB, TRANSFERS_OVER_USB)).reports()
      expect(reports.map(({ values, errors }) => [values, errors])).toEqual([
        [{ "0x77": TRANSFERS_OVER_USB }, {}],
        [{ "0x77": TRANSFERS_OVER_USB }, {}],
      ])
      const readers = await Readers.start(guest, 0, 100_000, 100_000)
      await guest.run("usbip detach -p 0")
      await readers.reports()
      await guest.run("usbip detach -p 1")
      await untilGone(0)
      await untilGone(1)
      await untilNobodyWaits()
    } finally {
      await server.close()
      for (const each of gadgets) each.close()
      await Promise.all(forwarders.map((forwarder) => forwarder.close()))
      await plain.close()
    }
  })
})

/** The shell lines of the section "Your own Linux" in docs/linux.md from "Recipes" on, block by block. */
function recipes(): string[] {
  const text = readFileSync(path.join(ROOT, "docs/linux.md"), "utf8")
  const [, section = ""] = /^### Recipes$(.*?)^### Without root/ms.exec(text) ?? []
  const found = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) => block ?? [])
  expect(found).toHaveLength(7)
  return found
}

/** A recipe as it is typed where `attach` printed another number than 7; the guest has no sudo, and needs none. */
function forBus(recipe: string, bus: number): string {
  const typed = recipe
    .replaceAll("i2c-7", `i2c-${bus}`)
    .replaceAll("-y 7", `-y ${bus}`)
    .replaceAll("SMBus(7)", `SMBus(${bus})`)
    .replaceAll("/7-00", `/${bus}-00`)
  return `set -e -o pipefail; sudo() { "$@"; }\n${typed}`
}
