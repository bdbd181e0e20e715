// Rows of the virtio-gpio device (virtio 1.4 5.18): P1 to P8. No line is driven: lines are read, and set to "none".

import {
  GPIO_CONFIG_SIZE,
  GPIO_DIRECTION_NONE,
  GPIO_GET_DIRECTION,
  GPIO_GET_LINE_NAMES,
  GPIO_IRQ_EDGE_BOTH,
  GPIO_SET_DIRECTION,
  GPIO_SET_IRQ_TYPE,
  GPIO_STATUS_ERROR,
  GPIO_STATUS_OK,
  VIRTIO_ID_GPIO,
} from "../../../../shared-protocol/src/device-types/gpio.js"
import { counted } from "../../counted.js"
import type { DeviceBench } from "../device-bench.js"
import { mustOfType, type Row } from "../row.js"
import type { SuiteQueue } from "../suite-queue.js"
import { expect, skip } from "../verdict.js"
import type { Workload } from "../workload.js"
import { judgeLength, type Served, serve } from "./serving.js"

const UNKNOWN_TYPE = 0x7fff

export const GPIO_WORKLOAD: Workload = {
  isRepeatable: true,
  queueIndex: 0,
  features: 0,
  request: () => [{ data: Uint8Array.of(GPIO_GET_DIRECTION, 0, 0, 0, 0, 0, 0, 0) }, { roomBytes: 2 }],
  judge: judgeLength(2),
}

const gpio = mustOfType("5.18 GPIO Device", VIRTIO_ID_GPIO)

/** The configuration: how many lines, and how many bytes their names have. */
async function lines(bench: DeviceBench): Promise<{ count: number; namesBytes: number; padding: number }> {
  const { data, dataOffset } = await bench.getConfig(0, GPIO_CONFIG_SIZE)
  const bytes = Uint8Array.from({ length: GPIO_CONFIG_SIZE }, (_, at) => data[dataOffset + at] as number)
  const view = new DataView(bytes.buffer)
  return {
    count: view.getUint16(0, true),
    padding: view.getUint16(2, true),
    namesBytes: view.getUint32(4, true),
  }
}

/** Sends requests in one kick; the bytes of each response. */
function ask(
  queue: SuiteQueue,
  roomBytes: number,
  ...messages: readonly (readonly [type: number, line: number, value: number])[]
): Promise<Served[]> {
  const requests = messages.map(([type, line, value]) => [
    { data: Uint8Array.of(type & 0xff, type >> 8, line & 0xff, line >> 8, value & 0xff, 0, 0, 0) },
    { roomBytes },
  ])
  return serve(queue, requests)
}

export const GPIO_DEVICE_ROWS: readonly Row[] = [
  gpio("P1", "The configuration names the number of lines; its padding is 0.", async (bench) => {
    expect(
      bench.info.configSize >= GPIO_CONFIG_SIZE,
      `The configuration has ${counted(bench.info.configSize, "byte")}.`,
    )
    const { count, padding } = await lines(bench)
    expect(count > 0, "The device has no line.")
    expect(padding === 0, `The padding is ${padding}.`)
  }),
  gpio(
    "P2",
    "Names are zero-terminated, one for each line, and unique where there is one.",
    async (bench) => {
      const { count, namesBytes } = await lines(bench)
      if (namesBytes === 0) skip("The device has no names for its lines.")
      const { queue } = await bench.start()
      const [answer] = await ask(queue, 1 + namesBytes, [GPIO_GET_LINE_NAMES, 0, 0])
      expect(answer?.bytes[0] === GPIO_STATUS_OK, `GET_LINE_NAMES has status ${answer?.bytes[0]}.`)
      expect(
        answer?.usedBytes === 1 + namesBytes,
        `Used length ${answer?.usedBytes} for ${counted(namesBytes, "byte")} of names.`,
      )
      const names = String.fromCharCode(...(answer?.bytes.subarray(1) ?? [])).split("\0")
      expect(
        names.length === count + 1 && names.at(-1) === "",
        `${counted(names.length - 1, "name")} for ${counted(count, "line")}.`,
      )
      const given = names.filter((name) => name !== "")
      expect(new Set(given).size === given.length, "Two lines have the same name.")
    },
  ),
  gpio("P3", "A line's direction is none, out or in.", async (bench) => {
    const { count } = await lines(bench)
    const { queue } = await bench.start()
    for (let line = 0; line < count; line++) {
      const [answer] = await ask(queue, 2, [GPIO_GET_DIRECTION, line, 0])
      const [status = -1, value = -1] = answer?.bytes ?? []
      expect(
        status === GPIO_STATUS_OK && value <= 2,
        `Line ${line} has status ${status}, direction ${value}.`,
      )
    }
  }),
  gpio("P4", "All fields of a response are set, and used length counts them.", async (bench) => {
    const { queue } = await bench.start()
    const [answer] = await ask(queue, 2, [GPIO_GET_DIRECTION, 0, 0])
    expect(answer?.usedBytes === 2, `Used length ${answer?.usedBytes} for a response of 2 bytes.`)
  }),
  gpio("P5", "A request for a line that is not there fails.", async (bench) => {
    const { count } = await lines(bench)
    const { queue } = await bench.start()
    for (const line of [count, 0xffff]) {
      const [answer] = await ask(queue, 2, [GPIO_GET_DIRECTION, line, 0])
      expect(
        answer?.bytes[0] === GPIO_STATUS_ERROR,
        `Line ${line} of ${count} has status ${answer?.bytes[0]}.`,
      )
    }
  }),
  gpio("P6", "A message of no known type fails, and the device goes on.", async (bench) => {
    const { queue } = await bench.start()
    const answers = await ask(queue, 2, [UNKNOWN_TYPE, 0, 0], [GPIO_GET_DIRECTION, 0, 0])
    expect(answers[0]?.bytes[0] === GPIO_STATUS_ERROR, `It has status ${answers[0]?.bytes[0]}.`)
    expect(answers[1]?.bytes[0] === GPIO_STATUS_OK, `The next request has status ${answers[1]?.bytes[0]}.`)
  }),
  gpio("P7", "Messages for one line are answered in order.", async (bench) => {
    const { queue } = await bench.start()
    const messages = Array.from({ length: 4 }, () => [GPIO_SET_DIRECTION, 0, GPIO_DIRECTION_NONE] as const)
    await ask(queue, 2, ...messages)
    const order = messages.map((_, n) => queue.usedElement(n).id)
    expect(order.join() === [...order].sort((a, b) => a - b).join(), `They came back as ${order.join(", ")}.`)
  }),
  gpio("P8", "Without VIRTIO_GPIO_F_IRQ there is no interrupt to enable.", async (bench) => {
    const { queue } = await bench.start()
    const [answer] = await ask(queue, 2, [GPIO_SET_IRQ_TYPE, 0, GPIO_IRQ_EDGE_BOTH])
    expect(answer?.bytes[0] === GPIO_STATUS_ERROR, `SET_IRQ_TYPE has status ${answer?.bytes[0]}.`)
  }),
]
