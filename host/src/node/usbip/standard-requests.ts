// The requests that every USB device answers in the same way (USB 2.0 9.4). SET_ADDRESS never arrives here: the
// computer's virtual host controller answers it.

import { descriptorOf, type UsbDescription } from "./descriptors.js"
import { REQUEST_IN, type Setup } from "./gadget.js"

const GET_STATUS = 0
const CLEAR_FEATURE = 1
const SET_FEATURE = 3
const GET_DESCRIPTOR = 6
const GET_CONFIGURATION = 8
const SET_CONFIGURATION = 9
const GET_INTERFACE = 10
const SET_INTERFACE = 11

/** The answer; undefined for a request that the device refuses with a stall. */
export function answerStandardRequest(device: UsbDescription, setup: Setup): Uint8Array | undefined {
  const { request, value, index } = setup
  const isIn = (setup.requestType & REQUEST_IN) !== 0
  if (isIn)
    switch (request) {
      case GET_STATUS:
        return Uint8Array.of(0, 0)
      case GET_DESCRIPTOR:
        return descriptorOf(device, value >> 8, value & 0xff)
      case GET_CONFIGURATION:
        return Uint8Array.of(1)
      case GET_INTERFACE:
        return index < device.interfaces.length ? Uint8Array.of(0) : undefined
      default:
        return undefined
    }
  switch (request) {
    case CLEAR_FEATURE:
    case SET_FEATURE:
      return new Uint8Array(0)
    case SET_CONFIGURATION:
      return value <= 1 ? new Uint8Array(0) : undefined
    case SET_INTERFACE:
      return value === 0 && index < device.interfaces.length ? new Uint8Array(0) : undefined
    default:
      return undefined
  }
}
