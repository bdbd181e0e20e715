// Who may look on: traces hold everything that crossed the link (docs/security.md).

import { once } from "node:events"
import { chmod, lstat, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ByteFile } from "../../../host/src/cli/byte-file.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { LiveFeed } from "../../../host/src/node/dashboard/live-feed.js"
import { watchOffered } from "../../../host/src/node/dashboard/watch-offered.js"
import { connectTrace, offeredTraces, offerTrace, socketsIn } from "../../../host/src/node/trace-socket.js"
import { Trace } from "../../../host/src/trace/trace.js"

const modeOf = async (file: string) => (await lstat(file)).mode & 0o777
const offer = (where: string) =>
  offerTrace(new Trace(new VirtualClock(0)), {
    name: "test",
    application: "test",
    epochOffsetMs: 0,
    folder: where,
  })

/** Settles when a connection was made that was begun now: whoever connected before us is there by then. */
async function connectedOnce(socketPath: string): Promise<false> {
  for (let times = 0; times < 20; times++) {
    const socket = await connectTrace(socketPath)
    await once(socket, "data") // the capture's header
    socket.destroy()
  }
  return false
}

let parent: string
let folder: string
let umask: number
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), "virtio-msg-trace-"))
  folder = path.join(parent, "own")
  umask = process.umask(0)
})
afterEach(async () => {
  process.umask(umask)
  await rm(parent, { recursive: true })
})

describe("whatever the umask,", () => {
  it("a trace's socket and its folder are their owner's alone", async () => {
    const offered = await offer(folder)
    expect(await modeOf(folder)).toBe(0o700)
    expect(await modeOf(offered.path)).toBe(0o600)
    expect((await offeredTraces(folder)).map(({ path }) => path)).toEqual([offered.path])
    await offered.close()
  })

  it("a trace's file is its owner's alone", async () => {
    const file = path.join(parent, "capture.pcapng")
    new ByteFile(file).close()
    expect(await modeOf(file)).toBe(0o600)
  })
})

describe("a folder of traces", () => {
  it("that others may enter is neither used nor looked at", async () => {
    await mkdir(folder)
    await chmod(folder, 0o755)
    await writeFile(path.join(folder, "x.sock"), "")
    await expect(offer(folder)).rejects.toMatchObject({ code: "SYSTEM_FAILED" })
    expect(await offeredTraces(folder)).toEqual([])
    expect(socketsIn(folder)).toEqual([])
  })

  it("of another user, or that others may enter, is not followed by the dashboard either", async () => {
    await mkdir(folder, { mode: 0o700 })
    const offered = await offer(folder)
    const sessions = async () => {
      const feed = new LiveFeed()
      const next = feed.reader()
      const isTold = new Promise((resolve) => feed.onMore.on(() => resolve(true)))
      const end = watchOffered(feed, folder)
      const isSeen = await Promise.race([isTold, connectedOnce(offered.path)])
      end()
      return isSeen === true ? next() : undefined
    }
    expect(await sessions()).toMatchObject({ type: "processes", processes: [{ title: offered.name }] })
    await chmod(folder, 0o755)
    expect(await sessions()).toBeUndefined()
    await offered.close()
  })

  it("keeps every file that is no socket, whatever it is called", async () => {
    await mkdir(folder, { mode: 0o700 })
    const file = path.join(folder, "precious.sock")
    await writeFile(file, "data")
    expect(await offeredTraces(folder)).toEqual([])
    expect(await lstat(file).then((found) => found.isFile())).toBe(true)
  })
})

describe("a process that offers its trace", () => {
  it("ends, whatever strangers sent it and however little they read", async () => {
    const offered = await offer(folder)
    const talker = await connectTrace(offered.path)
    talker.write("is anybody there?")
    talker.pause()
    await once(talker, "readable")
    await offered.close()
    talker.destroy()
  })

  it("forgets those who have gone: more than may read at once can come one after another", async () => {
    const offered = await offer(folder)
    let served = 0
    // one that comes in the moment in which another goes may be turned away
    for (let tries = 0; tries < 400 && served < 40; tries++) {
      const socket = await connectTrace(offered.path)
      socket.on("error", () => {})
      socket.write("hello")
      const [first] = await Promise.race([once(socket, "data"), once(socket, "close")])
      if (Buffer.isBuffer(first)) served++
      socket.destroy()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(served).toBe(40)
    await offered.close()
  })
})
