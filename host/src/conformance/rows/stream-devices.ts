// Rows of the entropy device (virtio 1.4 5.4), E1 to E3, and of the console device (5.3), C1 and C2.

import {
  CONSOLE_FEATURE_SIZE,
  CONSOLE_RECEIVE_QUEUE,
  CONSOLE_TRANSMIT_QUEUE,
  VIRTIO_ID_CONSOLE,
} from "../../../../shared-protocol/src/device-types/console.js"
import { VIRTIO_ID_RNG } from "../../../../shared-protocol/src/device-types/rng.js"
import { counted } from "../../counted.js"
import type { DeviceBench } from "../device-bench.js"
import { mustOfType, type Row } from "../row.js"
import { expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { serve } from "./serving.js"

export const RNG_WORKLOAD: Workload = {
  isRepeatable: false,
  queueIndex: 0,
  features: 0,
  request: () => [{ roomBytes: 8 }],
  judge: (_written, usedBytes) => (usedBytes === 0 ? "not one byte of entropy" : ""),
}

const entropy = mustOfType("5.4 Entropy Device", VIRTIO_ID_RNG)
const console = mustOfType("5.3 Console Device", VIRTIO_ID_CONSOLE)

/** What the device put into buffers of these sizes. */
async function draw(bench: DeviceBench, ...rooms: readonly number[]): Promise<Uint8Array[]> {
  const { queue } = await bench.start()
  const requests = rooms.map((roomBytes) => [{ roomBytes }])
  const served = await serve(queue, requests, "buffer")
  return served.map(({ bytes, usedBytes }) => {
    expect(usedBytes <= bytes.length, `Used length ${usedBytes} of a buffer of ${bytes.length}.`)
    return bytes.subarray(0, usedBytes)
  })
}

export const RNG_DEVICE_ROWS: readonly Row[] = [
  entropy("E1", "Every buffer gets at least one random byte.", async (bench) => {
    for (const bytes of await draw(bench, 1, 16, 200)) expect(bytes.length > 0, "A buffer came back empty.")
  }),
  entropy("E2", "The device takes no data from the driver: it has one queue.", async (bench) => {
    expect((await bench.getVqueue(0)).maxSize > 0, "There is no queue 0.")
    expect(bench.info.maxVirtqueues === 1, `The device has ${counted(bench.info.maxVirtqueues, "queue")}.`)
  }),
  entropy(
    "E3",
    "The bytes are random: no two buffers are the same.",
    async (bench) => {
      const drawn = (await draw(bench, 16, 16, 16, 16)).map((bytes) => bytes.join())
      expect(new Set(drawn).size === drawn.length, "Two buffers hold the same 16 bytes.")
    },
    { level: "SHOULD" },
  ),
]

export const CONSOLE_DEVICE_ROWS: readonly Row[] = [
  console("C1", "There are a receive and a transmit queue.", async (bench) => {
    for (const index of [CONSOLE_RECEIVE_QUEUE, CONSOLE_TRANSMIT_QUEUE])
      expect((await bench.getVqueue(index)).maxSize > 0, `There is no queue ${index}.`)
  }),
  console("C2", "With VIRTIO_CONSOLE_F_SIZE the configuration has columns and rows.", async (bench) => {
    if (!(await bench.offers(0, CONSOLE_FEATURE_SIZE))) skip("VIRTIO_CONSOLE_F_SIZE is not offered.")
    expect(bench.info.configSize >= 4, `The configuration has ${counted(bench.info.configSize, "byte")}.`)
    const { data, dataOffset } = await bench.getConfig(0, 4)
    const number = (at: number) =>
      (data[dataOffset + at] as number) | ((data[dataOffset + at + 1] as number) << 8)
    expect(
      number(0) > 0 && number(2) > 0,
      `It has ${counted(number(0), "column")} and ${counted(number(2), "row")}.`,
    )
  }),
]
