// Reading and writing a device's configuration space as a driver does, for the rows about it
// (virtio-msg "GET_CONFIG", "SET_CONFIG").

import { type ConfigData, decodeSetConfigResponse } from "../../../../shared-protocol/src/messages/config.js"
import type { DeviceBench } from "../device-bench.js"
import * as frames from "../frames.js"
import { blocked, skip } from "../verdict.js"
import { isStrict } from "./bus-parameters.js"

export const CONFIG_BASE_SIZE = 20

/** Reads the configuration, as much of it as `lengthBytes`, in messages that fit. */
export async function read(bench: DeviceBench, lengthBytes = bench.info.configSize): Promise<Uint8Array> {
  const most = bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE
  const bytes: number[] = []
  while (bytes.length < lengthBytes) {
    const part = await bench.getConfig(bytes.length, Math.min(most, lengthBytes - bytes.length))
    for (let i = 0; i < part.length; i++) bytes.push(part.data[part.dataOffset + i] as number)
    if (part.length === 0) blocked("GET_CONFIG returns no bytes.")
  }
  return Uint8Array.from(bytes)
}

export async function generation(bench: DeviceBench): Promise<number> {
  return (await bench.getConfig(0, Math.min(1, bench.info.configSize))).generation
}

export async function write(
  bench: DeviceBench,
  generationSent: number,
  offset: number,
  data: Uint8Array,
): Promise<{ answer: ConfigData; frame: Uint8Array }> {
  const frame = await bench.need("SET_CONFIG", frames.setConfig(bench.devNum, generationSent, offset, data))
  const decoded = decodeSetConfigResponse(frame)
  if (!decoded.ok) return blocked(`The response to SET_CONFIG is malformed: ${decoded.reason}.`)
  return { answer: decoded.value, frame }
}

/** What a driver sends as generation: 0, or the last one seen. */
export async function rightGeneration(bench: DeviceBench): Promise<number> {
  return isStrict(bench) ? generation(bench) : 0
}

/** A place and a length that the driver may write. Found by writing back what is there. */
export async function writable(
  bench: DeviceBench,
): Promise<{ offset: number; lengthBytes: number } | undefined> {
  const most = bench.port.parameters.maxMessageSize - CONFIG_BASE_SIZE
  const bytes = await read(bench, Math.min(64, bench.needConfig()))
  const attempts: [number, number][] = [[0, Math.min(bytes.length, most)]]
  for (const width of [4, 2, 1])
    for (let offset = 0; offset + width <= bytes.length; offset += width) attempts.push([offset, width])
  for (const [offset, lengthBytes] of attempts) {
    const data = bytes.slice(offset, offset + lengthBytes)
    const { answer } = await write(bench, await rightGeneration(bench), offset, data)
    if (answer.length === lengthBytes && lengthBytes > 0) return { offset, lengthBytes }
  }
  return undefined
}

export async function needWritable(bench: DeviceBench) {
  bench.needConfig()
  await bench.negotiate()
  return (await writable(bench)) ?? skip("The device lets a driver write no byte of its configuration.")
}

/** Inverts the bytes at a writable place. Returns what was there. */
export async function flip(bench: DeviceBench, place: { offset: number; lengthBytes: number }) {
  const before = (await read(bench)).slice(place.offset, place.offset + place.lengthBytes)
  const data = before.map((byte) => byte ^ 0x01)
  const { answer } = await write(bench, await rightGeneration(bench), place.offset, data)
  return { before, data, answer }
}
