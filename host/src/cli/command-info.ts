// `virtio-msg info`: what the bus and its devices are.

import type { Command } from "commander"
import { TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION } from "../../../shared-protocol/src/messages/hello.js"
import { VQUEUE_ENABLED } from "../../../shared-protocol/src/messages/vqueue.js"
import { counted } from "../counted.js"
import { deviceTypeName, featureBits, featureName, statusName } from "../driver/names.js"
import type { VirtioDevice } from "../driver/virtio-device.js"
import { VirtioMsgError } from "../errors.js"
import { hex, hexBytes } from "../hex.js"
import type { OpenedBus } from "../open-bus.js"
import { helpExamples, portSourceOf, print, withBus } from "./context.js"
import { watchDevices } from "./info-watch.js"
import { hanging } from "./table.js"
import { untilStopped } from "./until-stopped.js"

export function define(command: Command): void {
  command
    .option("--json", "as JSON")
    .option("-w, --watch", "go on and tell which devices come and go, until Ctrl-C")
    .addHelpText("after", helpExamples("virtio-msg --port sim info", "virtio-msg --port sim info --json"))
    .action(async (options: { json?: boolean; watch?: boolean }, command: Command) => {
      const stopped = options.watch ? untilStopped() : undefined
      await withBus(command, async (bus) => {
        const watching = options.watch ? watchDevices(bus, options.json === true) : undefined
        const report = await gather(bus, portSourceOf(command))
        if (options.json) print(JSON.stringify(report, undefined, options.watch ? 0 : 2))
        else for (const line of format(report)) print(line)
        if (watching) await Promise.race([watching(), stopped])
      })
    })
}

type Report = Awaited<ReturnType<typeof gather>>

/** `portFrom`: who named the port. */
async function gather(opened: OpenedBus, portFrom: ReturnType<typeof portSourceOf>) {
  const hello = opened.board
  const devices: ReturnType<typeof describe>[] = []
  for (const found of await opened.devices()) {
    // features and queues are only known after a driver has set the device up
    try {
      devices.push(describe((await opened.driverOf(found.devNum))?.device ?? found))
    } catch (error) {
      // it has gone while we looked at it
      if (!(error instanceof VirtioMsgError) || error.code !== "DEVICE_REMOVED") throw error
    }
  }
  const isStrict = (hello.transportFeatures & TRANSPORT_FEATURE_STRICT_CONFIG_GENERATION) !== 0
  return {
    port: opened.bus.name,
    portFrom,
    board: hello.board,
    firmwareVersion: hello.firmwareVersion.slice(0, 3).join("."),
    simulatedChips: hello.hasSimulatedChips,
    bus: {
      revision: hello.revision,
      maxMessageSize: hello.maxMessageSize,
      transportFeatures: hello.transportFeatures,
      configProfile: isStrict ? "strict" : "baseline",
      driverAreaSize: hello.driverAreaSize,
      deviceAreaSize: hello.deviceAreaSize,
      epoch: hello.epoch,
    },
    devices,
  }
}

function describe(device: VirtioDevice) {
  const info = device.info
  const deviceId = info?.deviceId ?? 0
  const selected = new Set(featureBits(device.selected))
  const uuid = hexBytes((info?.uuid ?? []) as Uint8Array)
  const place = (address: { low: number; high: number }) => `${address.high >>> 16}:${hex(address.low, 4)}`
  return {
    number: device.devNum,
    deviceId,
    type: deviceTypeName(deviceId),
    vendorId: info?.vendorId ?? 0,
    uuid: /^0*$/.test(uuid) ? null : uuid,
    configSize: info?.configSize ?? 0,
    status: statusName(device.status),
    features: featureBits(device.offered).map((bit) => ({
      bit,
      name: featureName(deviceId, bit),
      selected: selected.has(bit),
    })),
    queues: device.queues.map(({ state }) => ({
      index: state.index,
      maxSize: state.maxSize,
      size: state.curSize,
      enabled: (state.flags & VQUEUE_ENABLED) !== 0,
      descriptorTable: place(state.desc),
      availableRing: place(state.driver),
      usedRing: place(state.device),
    })),
  }
}

const PORT_FROM: Record<Report["portFrom"], string> = {
  "--port": "from --port",
  VIRTIO_MSG_PORT: "from VIRTIO_MSG_PORT",
  default: "the one board that is connected",
}

/** The column where the values begin. */
const INDENT = 11

function format(report: Report): string[] {
  const { bus } = report
  const lines = [
    `Board      ${report.board}`,
    `Firmware   ${report.firmwareVersion}${report.simulatedChips ? ", simulated chips" : ""}`,
    `Port       ${report.port}, ${PORT_FROM[report.portFrom]}`,
    `Bus        virtio-msg revision ${bus.revision}, messages up to ${counted(bus.maxMessageSize, "byte")}, ` +
      `${bus.configProfile} configuration profile`,
    `Window     ${counted(bus.driverAreaSize, "byte")} driver-written (area 1), ${bus.deviceAreaSize} device-written (area 2)`,
    `Epoch      ${hex(bus.epoch, 4)}`,
  ]
  for (const device of report.devices) {
    lines.push("", `Device ${device.number}   ${device.type} (${device.deviceId})`)
    lines.push(`  Vendor   ${hex(device.vendorId, 8)}`)
    if (device.uuid) lines.push(`  UUID     ${device.uuid}`)
    lines.push(`  Status   ${device.status}`)
    lines.push(`  Config   ${counted(device.configSize, "byte")}`)
    for (const feature of device.features)
      lines.push(
        `  Feature  ${feature.name} (${feature.bit})${feature.selected ? ", selected" : ", offered"}`,
      )
    for (const queue of device.queues)
      lines.push(
        `  Queue ${queue.index}  ${queue.size} of at most ${counted(queue.maxSize, "descriptor")}, ` +
          `table ${queue.descriptorTable}, available ring ${queue.availableRing}, used ring ${queue.usedRing}`,
      )
  }
  return lines.flatMap((line) => hanging(line.slice(0, INDENT), line.slice(INDENT)))
}
