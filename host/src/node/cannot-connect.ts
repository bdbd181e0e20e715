// Why no board answered at a socket's address, in a sentence, with what to do: the command in a hint works.

import type net from "node:net"
import path from "node:path"
import { connectFailed, type VirtioMsgError } from "../errors.js"
import { isLoopback } from "./private-socket.js"
import { isFolder, statOf } from "./system-root.js"

/** The error for the port `where` at `address`. */
export function cannotConnect(
  where: string,
  address: net.NetConnectOpts,
  cause: NodeJS.ErrnoException,
): VirtioMsgError {
  const [why, hint] =
    "path" in address ? atPath(where, address.path, cause) : atHost(where, address.host, address.port, cause)
  return connectFailed(`Cannot connect to ${where}: ${why}`, { hint, cause })
}

function atPath(where: string, file: string, cause: NodeJS.ErrnoException): [why: string, hint: string] {
  const start = `Is a board listening there? Start one: virtio-msg sim --listen ${where}`
  if (cause.code === "EACCES")
    return [cause.message, "The socket is another user's: only who started the board may use it."]
  const folder = path.dirname(file)
  if (!isFolder(folder))
    return [
      `there is no folder ${folder}.`,
      "Is the path right? A simulated board prints the one that it has.",
    ]
  const found = statOf(file)
  if (found && !found.isSocket())
    return [
      `${file} is no socket.`,
      "A serial port is named without unix: in front, as in --port /dev/ttyACM0",
    ]
  return [cause.message, start]
}

function atHost(
  where: string,
  host: string | undefined,
  tcpPort: number,
  cause: NodeJS.ErrnoException,
): [why: string, hint: string] {
  if (/ENOTFOUND|EAI_AGAIN/.test(cause.message))
    return [cause.message, "Is the host's name right? Its address works, too: tcp://192.0.2.1:7000"]
  if (host === undefined || isLoopback(host))
    return [cause.message, `Is a board listening there? Start one: virtio-msg sim --listen ${where}`]
  return [
    cause.message,
    `Is a board listening there? Start one on that computer: virtio-msg sim --expose --listen tcp://0.0.0.0:${tcpPort}`,
  ]
}
