// A vhost-user backend for a test's device, and a front end that does what the test says.

import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { VirtioMsgError } from "../../host/src/errors.js"
import { VhostUserBackend, type VhostUserBackendOptions } from "../../host/src/node/vhost-user/backend.js"
import type { GuestChain, VhostUserDevice } from "../../host/src/node/vhost-user/device.js"
import { loadLibc } from "../../host/src/node/vhost-user/libc.js"
import { FrontEnd } from "./front-end.js"

/** Keeps what it gets until the test completes it. */
export class TestDevice implements VhostUserDevice {
  readonly name = "test"
  readonly queueCount = 1
  readonly features = 1n
  readonly maxReadableLength = 256
  readonly config = Uint8Array.of(1, 2, 3, 4)
  readonly kicks: GuestChain[][] = []
  resets = 0
  handle(_queueIndex: number, chains: readonly GuestChain[]): void {
    this.kicks.push([...chains])
  }
  writeConfig(offset: number, bytes: Uint8Array): boolean {
    if (offset + bytes.length > this.config.length) return false
    this.config.set(bytes, offset)
    return true
  }
  reset(): void {
    this.resets++
  }
}

/** What to do, last first, when a test is over: call `cleanUpAll` after each. */
export const cleanUp: (() => void)[] = []

export function cleanUpAll(): void {
  for (const undo of cleanUp.splice(0).reverse()) undo()
}

export function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "vu-"))
  cleanUp.push(() => rmSync(folder, { recursive: true }))
  return join(folder, "s")
}

export async function newBackend(path: string, more: Partial<VhostUserBackendOptions> = {}) {
  const device = new TestDevice()
  const backend = new VhostUserBackend({ socketPath: path, device, ...more })
  const errors: VirtioMsgError[] = []
  backend.onError.on((error) => errors.push(error))
  cleanUp.push(() => backend.close())
  await backend.start()
  return { backend, device, errors }
}

/** A front end on a socket of its own, and a backend that connected to it. */
export async function connect(more: Partial<VhostUserBackendOptions> = {}) {
  const path = newPath()
  const libc = await loadLibc()
  const listener = libc.listen(path)
  cleanUp.push(() => libc.close(listener))
  const made = await newBackend(path, more)
  const frontEnd = await FrontEnd.accept(listener)
  cleanUp.push(() => frontEnd.close())
  return { ...made, frontEnd, listener, libc, path }
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length
}
