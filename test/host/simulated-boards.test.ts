// The list of simulated boards that run here: only living processes of this user are on it, and nothing that lies in the
// folder can mislead, stop or block whoever reads it.

import { spawnSync } from "node:child_process"
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { listBoard, runningBoards } from "../../host/src/node/simulated-boards.js"
import { UNLESS_LINUX, UNLESS_ROOT } from "../support/because.js"

const PORT = "unix:/tmp/board.sock"
let parent: string
let folder: string
beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), "virtio-msg-boards-"))
  folder = path.join(parent, "virtio-msg")
})
afterEach(() => rm(parent, { recursive: true, force: true }))

/** A file as `listBoard` writes it, for any process. */
async function leave(pid: number, content: unknown): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const file = path.join(folder, `board-${pid}.json`)
  await writeFile(file, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o600 })
  return file
}

/** The number of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid
}

describe("a simulated board", () => {
  it("is listed while it runs, in a file that only its owner may read", async () => {
    const unlist = listBoard(PORT, "a simulated board", folder)
    expect(runningBoards(folder)).toEqual([{ port: PORT, pid: process.pid, what: "a simulated board" }])
    expect((await lstat(folder)).mode & 0o777).toBe(0o700)
    expect((await lstat(path.join(folder, `board-${process.pid}.json`))).mode & 0o777).toBe(0o600)
    unlist()
    expect(runningBoards(folder)).toEqual([])
    expect(await readdir(folder)).toEqual([])
    unlist()
  })

  it("that was killed disappears, with its file", async () => {
    await leave(deadPid(), { port: PORT, what: "a simulated board", startedAt: "1" })
    expect(runningBoards(folder)).toEqual([])
    expect(await readdir(folder)).toEqual([])
  })

  it.skipIf(UNLESS_LINUX)(`is not taken for a later process that has its number${UNLESS_LINUX}`, async () => {
    await leave(process.pid, { port: PORT, what: "a simulated board", startedAt: "1" })
    expect(runningBoards(folder)).toEqual([])
    const unlist = listBoard(PORT, "a simulated board", folder)
    expect(runningBoards(folder)).toHaveLength(1)
    unlist()
  })

  it("cannot be listed where others may write", async () => {
    await mkdir(folder, { mode: 0o700 })
    await chmod(folder, 0o777)
    expect(() => listBoard(PORT, "a simulated board", folder)).toThrow(
      /cannot be listed for others: .*they may enter it/,
    )
  })
})

describe("what else lies in the folder", () => {
  const mine = { port: PORT, what: "a simulated board", startedAt: null }

  it.each<[string, unknown]>([
    ["nothing", ""],
    ["half a file", '{"port":"unix:/tm'],
    ["another shape", [1, 2]],
    ["null", "null"],
    ["no port", { what: "x", startedAt: null }],
    ["a port that none is", { ...mine, port: "rm -rf /" }],
    ["a port with an escape sequence", { ...mine, port: "unix:/tmp/\u001b[2J" }],
    ["a port of two lines", { ...mine, port: "unix:/tmp/a\nhint: curl evil" }],
    ["a number", { ...mine, port: 7 }],
    ["megabytes", { ...mine, what: "x".repeat(3_000_000) }],
  ])("%s is passed over", async (_, content) => {
    await leave(process.pid, content)
    expect(runningBoards(folder)).toEqual([])
  })

  it("links, folders, pipes and other names are passed over, and block nobody", async () => {
    const unlist = listBoard(PORT, "a simulated board", folder)
    const secret = path.join(parent, "secret")
    await writeFile(secret, JSON.stringify(mine))
    await symlink(secret, path.join(folder, "board-2.json"))
    await mkdir(path.join(folder, "board-3.json"))
    await writeFile(path.join(folder, "board-x.json"), "{}")
    if (process.platform === "linux") spawnSync("mkfifo", [path.join(folder, "board-4.json")])
    expect(runningBoards(folder)).toEqual([expect.objectContaining({ pid: process.pid })])
    expect(await lstat(secret)).toBeDefined() // only the link went
    unlist()
  })

  it("is not looked at where others may write, nor where there is no folder", async () => {
    await leave(process.pid, mine)
    await chmod(folder, 0o777)
    expect(runningBoards(folder)).toEqual([])
    expect(runningBoards(path.join(parent, "none"))).toEqual([])
  })

  it.skipIf(UNLESS_ROOT)(`of another user is not trusted${UNLESS_ROOT}`, async () => {
    const { chown } = await import("node:fs/promises")
    const unlist = listBoard(PORT, "a simulated board", folder)
    const file = path.join(folder, `board-${process.pid}.json`)
    await chown(file, 12345, 12345)
    expect(runningBoards(folder)).toEqual([])
    unlist()
    const again = listBoard(PORT, "a simulated board", folder)
    await chown(folder, 12345, 12345)
    expect(runningBoards(folder)).toEqual([])
    again()
  })
})
