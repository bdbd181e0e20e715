// Lines that come faster than they are read: none of a capture's is left out, the others have a bound, and nobody who
// presses Ctrl-C waits for a reader.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { Readable, Writable } from "node:stream"
import { describe, expect, it } from "vitest"
import { sendResultsTo } from "../../host/src/cli/context.js"
import { watchDevices } from "../../host/src/cli/info-watch.js"
import { LiveLines, readAtPaceOf } from "../../host/src/cli/live-lines.js"
import { Emitter } from "../../host/src/emitter.js"
import type { OpenedBus } from "../../host/src/open-bus.js"
import { DEVICE_ADDED, DEVICE_REMOVED, type DeviceEvent } from "../../shared-protocol/src/messages/bus.js"
import { MAIN, plainEnvironment } from "./command.js"

/** A pipe whose other end reads when it is told to. */
class Pipe extends Writable {
  text = ""
  isRead = false
  #done: (() => void) | undefined

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("utf8")
    if (this.isRead) done()
    else this.#done = done
  }

  read(): void {
    this.isRead = true
    this.#done?.()
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe("lines of what goes on", () => {
  it("wait up to a bound for whoever reads; how many were left out is said, and those behind come", async () => {
    const pipe = new Pipe()
    const notes: string[] = []
    const lines = new LiveLines(pipe, (sentence) => notes.push(sentence))
    const line = "x".repeat(99)
    const count = 200_000
    for (let at = 0; at < count; at++) lines.write(line)
    expect(pipe.writableLength).toBeLessThan(5 * 1024 * 1024)
    expect(notes).toEqual([])
    pipe.read()
    await expect.poll(() => notes.length).toBe(1)
    const [, missed] = /^(\d+) lines were left out here/.exec(notes[0] ?? "") ?? []
    expect(pipe.text.length / 100 + Number(missed)).toBe(count)
    lines.write("after")
    expect(pipe.text.endsWith("\nafter\n")).toBe(true)
  })

  it("of a bus whose devices never stop coming and going ask it once at a time, and have a bound", async () => {
    const sink = new Pipe()
    sink.isRead = true
    sendResultsTo(sink)
    const onDevice = new Emitter<[event: DeviceEvent]>()
    let looks = 0
    const bus = {
      onDevice: (listener: (event: DeviceEvent) => void) => onDevice.on(listener),
      devices: async () => {
        looks++
        await turn()
        return []
      },
      bus: { onLost: new Emitter() },
    }
    const watch = watchDevices(bus as unknown as OpenedBus, true)
    void watch()
    await turn()
    await turn()
    for (let at = 0; at < 100_000; at++)
      onDevice.emit({ deviceNumber: at & 0xff, busState: at & 1 ? DEVICE_REMOVED : DEVICE_ADDED })
    await expect.poll(() => sink.text).toContain("added")
    for (let turns = 0; turns < 20; turns++) await turn()
    sendResultsTo(process.stdout)
    expect(looks).toBeLessThan(10)
    expect(sink.text.split("\n").length).toBeLessThan(3000)
  })
})

describe("lines of a capture", () => {
  it("are made no faster than they are read, and none is left out", async () => {
    const pipe = new Pipe()
    let read = 0
    const pieces = 1000
    const stream = Readable.from(
      (function* () {
        for (; read < pieces; read++) yield Buffer.from(`${"y".repeat(16_383)}\n`)
      })(),
      { objectMode: true, highWaterMark: 1 },
    )
    const done = readAtPaceOf(pipe, stream, (piece) => pipe.write(piece))
    for (let turns = 0; turns < 2000; turns++) await turn()
    expect(read).toBeLessThan(20)
    pipe.read()
    await done
    expect(pipe.text.length).toBe(pieces * 16_384)
  })
})

describe("Ctrl-C", () => {
  it("ends a command whose output nobody reads any more", async () => {
    // a pipe that is full: the process writes into it, and nobody takes anything out
    const child = spawn(
      process.execPath,
      [
        "--import",
        `data:text/javascript,process.stdout.write("z".repeat(2000000)+"\\n")`,
        MAIN,
        "--port",
        "sim",
        "logs",
      ],
      { stdio: ["ignore", "pipe", "pipe"], env: plainEnvironment() },
    )
    await once(child.stderr, "data") // it listens
    child.kill("SIGINT")
    const [code] = (await once(child, "exit")) as [number]
    expect(code).toBe(0)
    child.stdout.destroy()
  })
})
