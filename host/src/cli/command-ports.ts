// `virtio-msg ports`: every serial port, what it probably is, and what is missing to use it; and the simulated boards that
// run on this computer.

import type { Command } from "commander"
import { RP2040 } from "../../../boards/src/chip.js"
import { countBootloaders, findBootDrives } from "../node/boot-drives.js"
import { namesOf, productOf } from "../node/find-boards.js"
import { findPortHolders, holdersHint, type PortHolder } from "../node/port-holders.js"
import { permissionHint } from "../node/port-permission.js"
import { listSerialPorts, type SerialPortInfo } from "../node/serial-ports.js"
import { type RunningBoard, runningBoards } from "../node/simulated-boards.js"
import { usbIdText } from "../node/usb-device.js"
import { colours, helpExamples, note, noteHint, print } from "./context.js"
import { formatTable } from "./table.js"

export function define(command: Command): void {
  command
    .option("--json", "as JSON")
    .addHelpText("after", helpExamples("virtio-msg ports", "virtio-msg ports --json"))
    .action(async (options: { json?: true }) => {
      const found = await listSerialPorts()
      const holders = await findPortHolders(found.map(({ path }) => path))
      const ports = await Promise.all(found.map((port) => describe(port, holders.get(port.path) ?? [])))
      const bootloaders = await findBootloaders()
      const simulated = runningBoards()
      if (options.json) print(JSON.stringify({ ports, bootloaders, simulated }, undefined, 2))
      else show(ports, bootloaders, simulated)
    })
}

type PortReport = Awaited<ReturnType<typeof describe>>

/** `heldBy` are the programs that have it open. What is `missing` to use it is null when nothing is. */
async function describe(port: SerialPortInfo, heldBy: readonly PortHolder[]) {
  return {
    path: port.path,
    what: whatIs(port),
    usbId: port.usb ? usbIdText(port.usb) : null,
    serialNumber: port.usb?.serialNumber ?? null,
    boards: port.boards.map(({ id }) => id),
    isUsable: port.isAccessible && heldBy.length === 0,
    heldBy,
    missing: port.isAccessible ? holdersHint(heldBy) || null : await permissionHint(port.path, port.usb),
  }
}

function whatIs({ usb, boards }: SerialPortInfo): string {
  if (!usb) return "a port of the computer itself"
  if (boards.length > 0) {
    // the bridge chip does not say what is behind it
    const isBridge = boards.every(({ chip }) => chip.serialBaud !== undefined)
    return isBridge ? `${namesOf(boards)}, or another with this USB bridge` : namesOf(boards)
  }
  const known = productOf(usb)
  return known ? `not a board that we know: ${known}` : "not a board that we know"
}

/** The `drive` of one that is not mounted is null. */
async function findBootloaders() {
  const usbId = usbIdText(RP2040.driveUsb)
  const drives = (await findBootDrives()).filter(({ boardId }) => boardId === RP2040.drive)
  const count = Math.max(await countBootloaders(RP2040.driveUsb), drives.length)
  return Array.from({ length: count }, (_, index) => ({
    what: "an RP2040 in its boot loader",
    usbId,
    drive: drives[index]?.folder ?? null,
  }))
}

function show(
  ports: readonly PortReport[],
  bootloaders: Awaited<ReturnType<typeof findBootloaders>>,
  simulated: readonly RunningBoard[],
): void {
  if (ports.length + bootloaders.length + simulated.length === 0) {
    note("No serial port is there. Plug a board in, or use the simulated one: --port sim")
    return
  }
  const rows = ports.map(({ path, usbId, what, isUsable, heldBy }) => [
    path,
    usbId ?? "-",
    isUsable ? "usable" : heldBy.length > 0 ? "in use" : "no permission",
    what,
  ])
  for (const { usbId, what, drive } of bootloaders)
    rows.push([drive ?? "(drive not mounted)", usbId, drive ? "to be flashed" : "to be mounted", what])
  for (const { port, what, pid } of simulated) rows.push([port, "-", "running", `${what}, process ${pid}`])
  const [title = "", ...lines] = formatTable([["PORT", "USB", "STATE", "WHAT IT IS"], ...rows])
  print(colours.bold(title))
  for (const line of lines) print(line)
  for (const { path, missing } of ports) if (missing) noteHint(`${path}: ${missing}`)
  if (bootloaders.length > 0) noteHint("Give it the runtime: virtio-msg flash --board pico")
}
