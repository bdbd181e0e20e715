// The runtime's service that holds a board's program (Jacdac "DeviceScript Manager"): the part that not only `deploy`
// needs. It is there whatever program runs.

import { visibleText } from "../visible-text.js"

export const MANAGER_CLASS = 0x1134ea2b
/** A command that reads a register: this and the register's number; the report has the same one. */
export const GET_REGISTER = 0x1000
/** The name of the program: `@virtio-msg/firmware -hardware`. */
export const NAME_REGISTER = 0x184

/** "" for a program without a name, and for none. */
export function decodeProgramName(payload: Uint8Array): string {
  return visibleText(new TextDecoder().decode(payload).replace(/\0+$/, ""))
}

/** Whether a program of this name is a build of ours that dials its host, so that it is silent on its serial port. */
export function isDialling(programName: string): boolean {
  return /^@virtio-msg\/firmware .*-dial$/.test(programName)
}
