// The twelve steps of the tour, from the first packet to the first temperature. Each waits for a message that the
// system in the page really sends, and points at the panel that it explains.

import type { MessageRow } from "../wire/row.js"

export interface TourStep {
  readonly title: string
  readonly text: string
  /** The id of the panel that it explains. */
  readonly panel: string
  /** The message to go on to. Absent when nothing has to happen. */
  readonly isIt?: (row: MessageRow) => boolean
  /** The action of the A7 at this step. It causes the messages that follow. */
  readonly act?: "detect" | "measure"
  /** Whether to wait until the A7's action is done. */
  readonly isDone?: true
}

function response(name: string): (row: MessageRow) => boolean {
  return ({ message }) => message.name === name && message.kind === "response"
}

function status(bit: string): (row: MessageRow) => boolean {
  return ({ message }) =>
    message.name === "SET_DEVICE_STATUS" &&
    message.kind === "response" &&
    message.text.split(" | ").includes(bit)
}

export const TOUR_STEPS: readonly TourStep[] = [
  {
    title: "Two processors and a cable",
    text: "On the left the A7, which runs Linux or Node.js: the driver. On the right the M4, a microcontroller with sensors on its I2C bus: the device. They share no memory, only this cable. Time stands still now; each step lets it run to the next message.",
    panel: "wire",
  },
  {
    title: "HELLO",
    text: "The A7 begins an epoch and says which layout it was compiled for. The M4 answers with what a transport must know first: its revision, the largest message, and the size of the window that both will share.",
    panel: "wire",
    isIt: response("HELLO"),
  },
  {
    title: "Which devices are there?",
    text: "GET_DEVICES returns a bitmap with a bit for each device number in use. Nothing is plugged into this bus by hand: what is on it, it says itself.",
    panel: "wire",
    isIt: response("GET_DEVICES"),
  },
  {
    title: "What are you?",
    text: "GET_DEVICE_INFO names the device: type 34 is virtio-i2c, an I2C adapter. Look at the fields: how many feature bits, how many virtqueues.",
    panel: "inspector",
    isIt: response("GET_DEVICE_INFO"),
  },
  {
    title: "What both can do",
    text: "The device has offered its features, and the driver takes those that it knows. VIRTIO_F_VERSION_1 must be among them. Only then may FEATURES_OK be set, and the device may refuse.",
    panel: "inspector",
    isIt: status("FEATURES_OK"),
  },
  {
    title: "A queue in the window",
    text: "SET_VQUEUE puts a virtqueue into the shared window: the descriptor table and the available ring into area 1, which only the A7 writes; the used ring into area 2, which only the M4 writes. The map shows them now.",
    panel: "window",
    isIt: ({ message }) => message.name === "SET_VQUEUE" && message.kind === "response",
  },
  {
    title: "Ready",
    text: "With DRIVER_OK the device is live. The clock of its queue stands at 0: nothing is in flight.",
    panel: "queues",
    isIt: status("DRIVER_OK"),
  },
  {
    title: "The kick",
    text: "Who is on the I2C bus? The A7 writes a request for each of 112 addresses into the window, the first of them now. Only bytes that changed travel, and this one EVENT_AVAIL stands behind them: what it announces has arrived before it.",
    panel: "window",
    act: "detect",
    isIt: ({ message }) => message.name === "EVENT_AVAIL",
  },
  {
    title: "In flight",
    text: "The hands of the clock have parted: avail.idx went on, used.idx has yet to follow. What lies between belongs to the M4 now. The A7 keeps its own record and will believe nothing that contradicts it.",
    panel: "queues",
  },
  {
    title: "The answer",
    text: "EVENT_USED: the M4 has asked its chips, written a status for each request, and moved used.idx. Virtqueues complete in batches, and so one packet answers for many: its budget is 50 packets a second.",
    panel: "traffic",
    isIt: ({ message }) => message.name === "EVENT_USED",
  },
  {
    title: "The bus, as i2cdetect shows it",
    text: "Five chips acknowledged. Choose one of them to read its registers: 0x54 holds 0x66 at place 14.",
    panel: "i2c",
    isDone: true,
  },
  {
    title: "The first temperature",
    text: "The A7 reads the sensor's calibration and then twelve registers at once: one packet each way. What remains is arithmetic. From here on time runs freely: make trouble, and watch it recover.",
    panel: "sensor",
    act: "measure",
    isDone: true,
  },
]
