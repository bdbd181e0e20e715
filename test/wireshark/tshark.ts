// Runs Debian's tshark with our dissector.

import { execFile, spawnSync } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Direction } from "../../host/src/link/link.js"
import {
  type CapturedPacket,
  encodeCapturedPacket,
  encodeCaptureHeader,
} from "../../host/src/trace/pcapng-writer.js"

export const DISSECTOR = fileURLToPath(new URL("../../host/wireshark/virtio-msg.lua", import.meta.url))

const run = promisify(execFile)

/** Why these tests have to be skipped, for the end of a title; empty when they can run. In CI they must. */
export function skippedWithoutTshark(): string {
  if (spawnSync("tshark", ["--version"]).status === 0) return ""
  if (process.env.CI) throw new Error("tshark is not installed, and in CI it must be: .ci/packages")
  return " (skipped: enable with: apt-get install tshark)"
}

/** A packet of a test: a millisecond apart, in the order of the list. */
export function packetsOf(list: readonly (readonly [Direction, Uint8Array])[]): CapturedPacket[] {
  return list.map(([direction, bytes], i) => ({ timeMs: 1_000_000 + i, direction, bytes, comments: [] }))
}

/** The packets as a pcapng file. */
export function captureFile(packets: readonly CapturedPacket[]): Uint8Array {
  return Buffer.concat([encodeCaptureHeader("virtio-msg test"), ...packets.map(encodeCapturedPacket)])
}

/** tshark's stdout for a capture of these packets. Fails when a script fails, or tshark says anything else. */
export async function tshark(packets: readonly CapturedPacket[], args: readonly string[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "virtio-msg-tshark-"))
  try {
    const file = path.join(folder, "capture.pcapng")
    await writeFile(file, captureFile(packets))
    return await tsharkFile(file, args)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export async function tsharkFile(file: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(
    "tshark",
    ["-2", "-r", file, "-X", `lua_script:${DISSECTOR}`, ...args],
    { maxBuffer: 256 * 1024 * 1024, env: { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8" } },
  )
  const said = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Running as user"))
  if (said.length > 0) throw new Error(`tshark: ${said.join("\n")}`)
  return stdout
}
