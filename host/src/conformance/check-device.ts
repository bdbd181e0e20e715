// Runs the rows against a device and its side of the bus, on any port.

import { getU32 } from "../../../shared-protocol/src/bytes.js"
import { VIRTIO_ID_CONSOLE } from "../../../shared-protocol/src/device-types/console.js"
import {
  type DeviceInfo,
  decodeGetDeviceInfoResponse,
  UUID_SIZE,
} from "../../../shared-protocol/src/messages/device-info.js"
import { HEADER_SIZE } from "../../../shared-protocol/src/messages/header.js"
import { counted } from "../counted.js"
import { deviceTypeName } from "../driver/names.js"
import { notFound, VirtioMsgError } from "../errors.js"
import { hex } from "../hex.js"
import { Conversation } from "./conversation.js"
import { DeviceBench } from "./device-bench.js"
import type { DevicePort } from "./device-port.js"
import { workloadOf } from "./device-suites.js"
import { recogniseDraft } from "./drafts.js"
import * as frames from "./frames.js"
import { Hotplug } from "./hotplug.js"
import { type Report, type RowResult, resultOf, sortAs, unchecked, worst } from "./result.js"
import type { Row } from "./row.js"
import { ShellConsole } from "./shell-console.js"
import { blocked } from "./verdict.js"

/** Where to look for devices on a bus without GET_DEVICES. */
const NUMBERS_TRIED = [0, 1, 2, 3]

export interface CheckDeviceOptions {
  readonly rows: readonly Row[]
  /** Only this device. */
  readonly devNum?: number
  readonly chipAddress?: number
  /** Plugs a device in, or out, or both. Settles when that is done. */
  readonly hotplug?: () => Promise<void>
  readonly onResult?: (result: RowResult) => void
}

/** Checks all `rows` against what is behind `port`. Rejects only when the port itself fails. */
export async function checkDevice(port: DevicePort, options: CheckDeviceOptions): Promise<Report> {
  const conversation = new Conversation(port)
  const startMs = port.clock.now()
  try {
    return await check(conversation, options, startMs)
  } finally {
    conversation.detach()
  }
}

async function check(
  conversation: Conversation,
  options: CheckDeviceOptions,
  startMs: number,
): Promise<Report> {
  const { port } = conversation
  const { parameters } = port
  const facts = [
    `${port.busName}, revision ${parameters.revision}, messages up to ${counted(parameters.maxMessageSize, "byte")}, ` +
      `transport features ${hex(parameters.transportFeatures)}`,
  ]
  const report = (results: RowResult[], draft?: string): Report => ({
    subject: port.name,
    facts,
    results,
    ...(draft === undefined ? {} : { draft }),
    tookMs: port.clock.now() - startMs,
  })
  conversation.hasPing = (await conversation.ask(frames.ping(0x70696e67))) !== undefined
  const listed = await conversation.listDevices()
  const devices = await findDevices(conversation, listed?.length ? listed : NUMBERS_TRIED)
  const draft = devices.length === 0 ? await recogniseDraft(conversation) : undefined
  if (draft !== undefined) return report([], draft)
  const chosen = devices.filter(({ devNum }) => options.devNum === undefined || devNum === options.devNum)
  if (chosen.length === 0)
    throw notFound(
      options.devNum === undefined
        ? `No device answers GET_DEVICE_INFO on ${port.name}.`
        : `No device ${options.devNum} answers GET_DEVICE_INFO on ${port.name}.`,
      { hint: "See what is there: virtio-msg info" },
    )
  const numbers = listed ?? devices.map(({ devNum }) => devNum)
  const hotplug = new Hotplug(conversation, {
    command: options.hotplug,
    shell: shellOf(conversation, devices, numbers),
  })
  const benches = chosen.map(
    (device) =>
      new DeviceBench(conversation, device, numbers, {
        workload: workloadOf(device.info.deviceId),
        chipAddress: options.chipAddress,
        hotplug,
      }),
  )
  for (const { devNum, info } of benches)
    facts.push(
      `device ${devNum}: ${deviceTypeName(info.deviceId)} (${info.deviceId}), ${counted(info.configSize, "byte")} of configuration`,
    )
  const results: RowResult[] = []
  const passive = (row: Row) => (row.isPassive ? 1 : 0)
  for (const row of [...options.rows].sort((a, b) => passive(a) - passive(b))) {
    const result = await checkRow(row, benches)
    results.push(result)
    options.onResult?.(result)
  }
  sortAs(options.rows, results)
  return report(results)
}

/** Types nothing into a console that may be somebody else's. */
function shellOf(conversation: Conversation, devices: readonly Found[], numbers: readonly number[]) {
  const console = devices.find(({ info }) => info.deviceId === VIRTIO_ID_CONSOLE)
  if (!conversation.port.isOwnFirmware || !console) return undefined
  return new ShellConsole(new DeviceBench(conversation, console, numbers))
}

async function checkRow(row: Row, benches: readonly DeviceBench[]): Promise<RowResult> {
  if (row.reason !== undefined) return unchecked(row, "not observable", row.reason)
  if (!row.device) return unchecked(row, "skipped", "Checked against a driver: virtio-msg conform driver.")
  const concerned = benches.filter(({ info }) => row.deviceId === undefined || row.deviceId === info.deviceId)
  const [first] = concerned
  if (!first) return unchecked(row, "skipped", `There is no ${deviceTypeName(row.deviceId ?? 0)} device.`)
  const results: RowResult[] = []
  for (const bench of row.side === "bus" ? [first] : concerned) {
    const result = await checkOn(row, bench)
    results.push(benches.length > 1 && row.side !== "bus" ? { ...result, devNum: bench.devNum } : result)
  }
  return worst(results)
}

async function checkOn(row: Row, bench: DeviceBench): Promise<RowResult> {
  const { conversation, port } = bench
  conversation.sentinelDevice = bench.devNum
  const mark = conversation.mark()
  const check = async () => {
    try {
      await row.device?.(bench)
    } catch (error) {
      // what the user gave us does not work: that says nothing about the peer
      if (!(error instanceof VirtioMsgError) || error.code === "INVALID_ARGUMENT") throw error
      // the bus gave up the peer: it begins anew, so that the other rows can be judged
      await port.reconnect().catch(() => {})
      blocked(error.message)
    }
  }
  return resultOf(row, check, () => conversation.history.slice(mark))
}

interface Found {
  readonly devNum: number
  readonly info: DeviceInfo
}

/** The devices of these numbers that answer. */
export async function findDevices(conversation: Conversation, numbers: readonly number[]): Promise<Found[]> {
  const responses = await conversation.askAll(numbers.map((devNum) => frames.getDeviceInfo(devNum)))
  return numbers.flatMap((devNum, n) => {
    const response = responses[n]
    if (!response || response.length < HEADER_SIZE + 4 || getU32(response, HEADER_SIZE) === 0) return []
    const decoded = decodeGetDeviceInfoResponse(response, new Uint8Array(UUID_SIZE))
    return decoded.ok ? [{ devNum, info: decoded.value }] : []
  })
}
