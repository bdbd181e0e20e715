// Who may look on: traces hold everything that crossed the link (docs/security.md).

import { chmod, lstat, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { ByteFile } from "../../../host/src/cli/byte-file.js"
import { VirtualClock } from "../../../host/src/clock.js"
import { offeredTraces, offerTrace } from "../../../host/src/node/trace-socket.js"
import { Trace } from "../../../host/src/trace/trace.js"

const modeOf = async (file: string) => (await lstat(file)).mode & 0o777
const offer = (where: string) =>
  offerTrace(new Trace(new VirtualClock(0)), {
    name: "test",
    application: "test",
    epochOffsetMs: 0,
    folder: where,
  })

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
    await expect(offer(folder)).rejects.toMatchObject({ code: "CONNECT_FAILED" })
    expect(await offeredTraces(folder)).toEqual([])
  })

  it("keeps every file that is no socket, whatever it is called", async () => {
    await mkdir(folder, { mode: 0o700 })
    const file = path.join(folder, "precious.sock")
    await writeFile(file, "data")
    expect(await offeredTraces(folder)).toEqual([])
    expect(await lstat(file).then((found) => found.isFile())).toBe(true)
  })
})
