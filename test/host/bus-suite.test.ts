// The bus's behaviour over every link: the VM in this process, a Unix socket, a pseudo-terminal through the
// serialport stack, and the device code natively.

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterAll } from "vitest"
import { Bus } from "../../host/src/bus/bus.js"
import { VirtualClock } from "../../host/src/clock.js"
import { JacdacLink } from "../../host/src/link/jacdac-link.js"
import { serveBoard } from "../../host/src/node/board-server.js"
import { OpenedBus, openBus } from "../../host/src/open-bus.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { VmPort } from "../../host/src/vm/vm-port.js"
import { busSuite, type Subject } from "../suites/bus-suite.js"
import { MemoryLink } from "../support/memory-link.js"

const folder = mkdtempSync(path.join(tmpdir(), "virtio-msg-suite-"))
afterAll(() => rmSync(folder, { recursive: true }))

busSuite("the DeviceScript VM in this process", async (): Promise<Subject> => {
  const clock = new VirtualClock(1000)
  const machine = new VirtualMachine({ program: readFirmware("simulated"), clock })
  const link = new JacdacLink(new VmPort(machine), clock)
  return {
    bus: new OpenedBus(await clock.run(Bus.open(link, { clock }))),
    run: (promise) => clock.run(promise),
    restartBoard: () => machine.restart(),
    stop: async () => machine.stop(),
    leftovers: () => clock.pendingCount,
  }
})

busSuite("the in-memory pair", async (): Promise<Subject> => {
  const clock = new VirtualClock(1000)
  const link = new MemoryLink(clock)
  return {
    bus: new OpenedBus(await clock.run(Bus.open(link, { clock }))),
    run: (promise) => clock.run(promise),
    restartBoard: async () => link.restart(),
    stop: async () => {},
    leftovers: () => clock.pendingCount,
  }
})

for (const [name, listen] of [
  ["a Unix socket", `unix:${folder}/board.sock`],
  ["a TCP socket", "tcp://127.0.0.1:0"],
  ["a pseudo-terminal", "pty"],
] as const)
  busSuite(name, async (): Promise<Subject> => {
    const before = activeHandles()
    const machine = new VirtualMachine({ program: readFirmware("simulated") })
    await machine.start()
    const server = await serveBoard(machine, listen)
    return {
      bus: await openBus({ port: server.port }),
      run: (promise) => promise,
      restartBoard: () => machine.restart(),
      stop: async () => {
        await server.close()
        machine.stop()
      },
      leftovers: () => Math.max(0, activeHandles() - before),
    }
  })

/** Timers, sockets and terminals that keep this process alive. */
function activeHandles(): number {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => /^(Timeout|TCPSocketWrap|TCPServerWrap|PipeWrap|PipeServerWrap|TTYWrap)$/.test(kind))
    .length
}
