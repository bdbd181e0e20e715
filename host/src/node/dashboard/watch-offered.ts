// Watches every process that offers its trace (node/trace-socket.ts), from then on until it ends.

import type { Socket } from "node:net"
import path from "node:path"
import { PcapngReader } from "../../trace/pcapng-reader.js"
import { runtimeFolder } from "../runtime-folder.js"
import { connectTrace, socketsIn } from "../trace-socket.js"
import type { LiveFeed } from "./live-feed.js"

/** How often the folder of sockets is looked into. */
const LOOK_MS = 500

/** Feeds `feed` until the returned function is called. A folder that others may enter is ignored. */
export function watchOffered(feed: LiveFeed, folder = runtimeFolder()): () => void {
  const sockets = new Set<Socket>()
  let known = new Set<string>()
  let isEnded = false

  const follow = async (file: string) => {
    let socket: Socket
    try {
      socket = await connectTrace(path.join(folder, file))
    } catch {
      return // left behind by a process that was killed
    }
    if (isEnded) {
      socket.destroy()
      return
    }
    sockets.add(socket)
    const session = feed.begin(file.slice(0, -".sock".length))
    const reader = new PcapngReader(({ timeMs, direction, bytes }) =>
      session.packet(timeMs, direction, bytes),
    )
    try {
      for await (const chunk of socket) reader.push(chunk)
    } catch {
      // it ended in the middle of a packet, or was no capture: there is nothing more to see
    } finally {
      sockets.delete(socket)
      session.end()
    }
  }

  const look = () => {
    const files = new Set(socketsIn(folder))
    for (const file of files) if (!known.has(file)) void follow(file)
    known = files
  }
  look()
  const timer = setInterval(look, LOOK_MS)
  return () => {
    isEnded = true
    clearInterval(timer)
    for (const socket of sockets) socket.destroy()
  }
}
