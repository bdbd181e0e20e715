// The errors that a device can cause, and what to do then. An error that several files raise has one function here.

import {
  deviceFailed,
  linkClosed,
  NOT_AS_SPECIFIED,
  protocolBroken,
  VirtioMsgError,
  WHOSE_FIRMWARE,
} from "../errors.js"

/** All devices that are in use share the window. */
const FREE_THE_WINDOW = `Close the bus and open it again, or use fewer of the board's devices at the same time. ${WHOSE_FIRMWARE}`

/** The device breaks the specification; `sentence` says how. It may be anybody's firmware. */
export function notAsSpecified(sentence: string): VirtioMsgError {
  return protocolBroken(sentence, { hint: NOT_AS_SPECIFIED, maybeExecuted: true })
}

/** Device `devNum` refuses, or stopped. */
export function deviceUnusable(devNum: number, what: string): VirtioMsgError {
  return deviceFailed(`Device ${devNum} ${what}.`, {
    hint: "The next call initialises it again; reset the board if that does not help.",
    maybeExecuted: true,
  })
}

/** Queue `index` of device `devNum` cannot be used. */
export function noQueue(devNum: number, index: number, what: string): VirtioMsgError {
  return deviceFailed(`Virtqueue ${index} of device ${devNum} ${what}.`, { hint: FREE_THE_WINDOW })
}

/** The window is full; `what` found no place. */
export function noRoom(what: string): VirtioMsgError {
  return deviceFailed(`The window has no room for ${what}.`, { hint: FREE_THE_WINDOW })
}

/** The used ring of device `devNum` holds what no device may write there. */
export function brokenQueue(devNum: number, reason: string): VirtioMsgError {
  return new VirtioMsgError("BROKEN_QUEUE", `Device ${devNum} broke its queue: ${reason}.`, {
    hint: "The next call initialises the device again.",
    maybeExecuted: true,
  })
}

/** `name`, as people call it, completed nothing for `timeoutMs`. */
export function timedOut(
  name: string,
  timeoutMs: number,
  hint = "The next call resets the device.",
): VirtioMsgError {
  return new VirtioMsgError("TIMEOUT", `The ${name} completed nothing for ${timeoutMs} ms.`, {
    hint,
    maybeExecuted: true,
  })
}

/** The program closed the driver of `name` while calls were in flight. */
export function closed(name: string): VirtioMsgError {
  return linkClosed(`The ${name} was closed.`, { maybeExecuted: true })
}
