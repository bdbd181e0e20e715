// Where one can listen. Checks the path of a Unix socket before anything is made there, and turns the system's refusal
// of an address into a sentence.

import { Buffer } from "node:buffer"
import { accessSync, constants, lstatSync } from "node:fs"
import path from "node:path"
import { invalidArgument, systemFailed, type VirtioMsgError } from "../errors.js"
import { statOf } from "./system-root.js"

/** The longest path of a Unix socket, in bytes. Node.js makes a longer one under a shorter name. */
export const MAX_SOCKET_PATH = 107

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "Another program listens there: end it, or choose another address. See: ss -lntxp",
  EADDRNOTAVAIL: "This computer has no such address; see: ip address",
  EACCES: "You may not listen there: choose a place of your own, or a port from 1024 on.",
}

/** The error for an address at which the system does not let us listen. */
export function cannotListen(where: string, cause: NodeJS.ErrnoException): VirtioMsgError {
  return systemFailed(`Cannot listen on ${where}: ${cause.message}.`, {
    hint: HINTS[cause.code ?? ""] ?? "Choose another address.",
    cause,
  })
}

/**
 * Throws where no socket can be. INVALID_ARGUMENT: the path is empty, too long, or another kind of file.
 * SYSTEM_FAILED: there is no such folder. With `isMadeHere` we also have to be allowed to write to the folder.
 */
export function checkSocketPlace(socketPath: string, isMadeHere = true): void {
  const length = Buffer.byteLength(socketPath)
  if (length === 0 || length > MAX_SOCKET_PATH)
    throw invalidArgument(
      `The path of a Unix socket has 1 to ${MAX_SOCKET_PATH} bytes, and this one has ${length}.`,
      { hint: "Use a shorter path, such as one in /tmp." },
    )
  const folder = path.dirname(socketPath)
  const found = statOf(folder)
  if (!found)
    throw systemFailed(`No socket can be at ${socketPath}: there is no folder ${folder}.`, {
      hint: `Make it: mkdir -p ${folder}`,
    })
  if (!found.isDirectory())
    throw systemFailed(`No socket can be at ${socketPath}: ${folder} is no folder.`, {
      hint: "Choose a path in a folder.",
    })
  const occupant = statOf(socketPath, lstatSync)
  if (occupant && !occupant.isSocket())
    throw invalidArgument(`${socketPath} exists and is not a socket.`, {
      hint: "Choose a path where no file is.",
    })
  if (isMadeHere && !mayWrite(folder))
    throw systemFailed(`No socket can be at ${socketPath}: you may not write to ${folder}.`, {
      hint: "Choose a path in a folder of yours, or in /tmp.",
    })
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}
