// `virtio-msg trace` and --trace, as users call them.

import { once } from "node:events"
import { readFile, writeFile } from "node:fs/promises"
import path from "node:path"
import { text } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { splitTraced } from "../../host/src/cli/split-traced.js"
import { Simulator, spawnCommand, stdoutOf, virtioMsg, withFolder } from "./command.js"

/** The lines of a trace without what differs from run to run: times, and packets that a slow answer had sent again. */
function withoutTimes(output: string): string[] {
  return output
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^ *\d+\.\d{4} {2}/, "").replace(/ \(\d+\.\d ms\)$/, ""))
    .filter((line) => !line.startsWith("link ") && !line.startsWith("packet "))
    .filter((line) => !line.endsWith(" (taken no notice of)"))
    .map((line) => line.replace(/0x[0-9a-f]{4}$/, "EPOCH"))
}

const LAST_LINES = [
  "A7 --> M4  device 0  EVENT_AVAIL          queue 0",
  "A7 <-- M4  device 0  < queue 0            i2c 0x54 write 0e",
  "A7 <-- M4  device 0  < queue 0            i2c 0x54 read 66",
  "A7 <-- M4  device 0  EVENT_USED           queue 0",
]

describe("trace -- COMMAND", () => {
  it("shows on stdout what crosses the link, and on stderr what the command prints", async () => {
    const { code, stdout, stderr } = await virtioMsg("--port sim trace --no-spans -- i2c get 0x54 14")
    expect({ code, stderr }).toEqual({ code: 0, stderr: "0x66\n" })
    const lines = withoutTimes(stdout)
    expect(lines[0]).toMatch(/^A7 --> M4 {2}bus {7}HELLO {16}bus version \d+, protocol 0x/)
    expect(lines.slice(-4)).toEqual(LAST_LINES)
    expect(stdout).toMatch(
      /A7 <-- M4 {2}device 0 {2}GET_DEVICE_INFO {6}virtio-i2c \(34\), .* \(\d+\.\d ms\)$/m,
    )
  })

  it("shows the spans of the window", async () => {
    const { stdout } = await virtioMsg("--port sim trace -- i2c get 0x54 14")
    expect(stdout).toMatch(/window {4}\d+ bytes +device 0 queue 0: descriptor 0-2, .*available ring 1/)
    expect(stdout).toMatch(/window {4}\d+ bytes +device 0 queue 0: used ring 0; buffers: 1 byte$/m)
  })

  it("keeps the command's exit code and its error", async () => {
    const { code, stdout, stderr } = await virtioMsg("--port sim trace -d 0 -- i2c get 0x33 14")
    expect(code).toBe(1)
    expect(stdout).toContain("i2c 0x33 read 1: no answer")
    expect(stderr).toMatch(/^error: No chip acknowledged at address 0x33/)
  })

  it("leaves options behind -- to the command", async () => {
    expect(splitTraced(["-p", "trace", "trace", "--json", "--", "info", "--json"])).toEqual({
      own: ["-p", "trace", "trace", "--json"],
      traced: ["info", "--json"],
    })
    expect(splitTraced(["i2c", "get", "--", "0x54"])).toEqual({
      own: ["i2c", "get", "--", "0x54"],
      traced: undefined,
    })
    const { code, stdout, stderr } = await virtioMsg("--port sim trace -m hello -- info --json")
    expect(code).toBe(0)
    expect(JSON.parse(stderr)).toBeTypeOf("object")
    expect(withoutTimes(stdout)).toHaveLength(2)
  })

  it("prints JSON that has each field with its value, meaning and place", async () => {
    const { stdout } = await virtioMsg("--port sim trace --json --message set-vqueue -- i2c get 0x54 14")
    const [request, ...others] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
    const response = others.find(({ direction }) => direction !== "A7>M4")
    expect(request).toMatchObject({ kind: "message", direction: "A7>M4", device: 0, name: "SET_VQUEUE" })
    expect(request.fields).toContainEqual({
      name: "device",
      value: "0x0002000000000010",
      meaning: "2:0x0010",
      offset: 40,
      length: 8,
    })
    expect(response).toMatchObject({ messageKind: "response", requestPacket: request.packet })
    expect(response.roundTripMs).toBeGreaterThan(0)
  })

  it("is coloured where colours are wanted", async () => {
    const { stdout } = await virtioMsg("--port sim trace -m hello -- info", { FORCE_COLOR: "1" })
    expect(stdout).toContain("\u001b[36mA7 --> M4\u001b[39m")
  })
})

describe("--trace FILE", () => {
  it("captures what trace shows", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "read.pcapng")
      // one run for both: no two have the same heartbeats
      const { stdout } = await virtioMsg(`--port sim --trace ${file} trace --no-spans -- i2c get 0x54 14`)
      expect(withoutTimes(await stdoutOf(`trace --no-spans ${file}`))).toEqual(withoutTimes(stdout))
    })
  })

  it("is shown from one time to another, each line with the time that it has in the whole", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "demo.pcapng")
      await stdoutOf(`--port sim --trace ${file} i2c get 0x54 14`)
      const lines = (await stdoutOf(`trace ${file}`)).split("\n").filter((line) => line !== "")
      const timeOf = (line: string) => line.trimStart().split(" ")[0] as string
      const [from, to] = [timeOf(lines[8] as string), timeOf(lines.at(-4) as string)]
      const part = (await stdoutOf(`trace --from ${from} --to ${to} ${file}`))
        .split("\n")
        .filter((line) => line !== "")
      expect(part).toEqual(lines.filter((line) => timeOf(line) >= from && timeOf(line) <= to))
      expect(part.length).toBeLessThan(lines.length)
      const last = timeOf(lines.at(-1) as string)
      expect(await virtioMsg(`trace --from 9999 ${file}`)).toEqual({
        code: 0,
        stdout: "",
        stderr: `Nothing of ${file} is asked for; its times go to ${last} s.\n`,
      })
      expect((await virtioMsg(`trace --from 1 -w ${folder}/x.pcapng ${file}`)).stderr).toContain(
        "error: A capture is written whole",
      )
    })
  })

  it("may stand behind the command, too", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "demo.pcapng")
      await stdoutOf(`--port sim demo --trace ${file}`)
      expect(await stdoutOf(`trace -m event-used ${file}`)).toContain("EVENT_USED")
    })
  })

  it("is written by sim for whoever uses its board", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "sim.pcapng")
      const child = spawnCommand(["--trace", file, "sim", "--listen", `unix:${folder}/board.sock`])
      await once(child.stdout, "data")
      await stdoutOf(`--port unix:${folder}/board.sock i2c get 0x54 14`)
      child.kill("SIGTERM")
      await once(child, "close")
      expect(withoutTimes(await stdoutOf(`trace --no-spans ${file}`)).slice(-4)).toEqual(LAST_LINES)
    })
  })

  it("that cannot be written is an error before anything else happens", async () => {
    expect(await virtioMsg("--port sim --trace /nowhere/x.pcapng i2c get 0x54 14")).toEqual({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^error: Cannot write the trace: .*\/nowhere\/x\.pcapng'\.\nhint: /),
    })
  })
})

describe("tracing a process that runs", () => {
  it("shows what it does from then on, rings included, and ends with Ctrl-C", async () => {
    await withFolder(async (folder) => {
      process.env.XDG_RUNTIME_DIR = folder // sockets of these tests only
      try {
        expect(await virtioMsg("trace")).toMatchObject({ code: 1, stderr: /^error: Nothing runs/ })
        const simulator = await Simulator.start(`unix:${folder}/board.sock`)
        const i2c = `--port unix:${folder}/board.sock i2c`
        await stdoutOf(`${i2c} get 0x54 14`)
        const [name = ""] = (await stdoutOf("trace --list")).split("\n")
        expect(name).toMatch(/^sim-\d+$/)
        expect(JSON.parse(await stdoutOf("trace --list --json"))).toEqual([
          { name, path: expect.stringContaining(folder) },
        ])
        const tracer = spawnCommand(["trace", "--no-spans", name])
        const output = text(tracer.stdout)
        await once(tracer.stderr, "data") // it says that it is there
        await stdoutOf(`${i2c} get 0x54 14`)
        tracer.kill("SIGINT")
        const [code] = await once(tracer, "close")
        expect(code).toBe(0)
        const shown = withoutTimes(await output)
        expect(shown.slice(-4)).toEqual(LAST_LINES)
        await simulator.stop()
        expect(await virtioMsg("trace --list")).toMatchObject({ code: 0, stdout: "" })
        expect(await virtioMsg("trace --list --json")).toEqual({ code: 0, stdout: "[]\n", stderr: "" })
      } finally {
        delete process.env.XDG_RUNTIME_DIR
      }
    })
  })
})

describe("serve", () => {
  it("can be traced while it runs, and writes a capture", async () => {
    await withFolder(async (folder) => {
      process.env.XDG_RUNTIME_DIR = folder
      try {
        const file = path.join(folder, "serve.pcapng")
        const words = ["--port", "sim", "--trace", file, "serve", "--socket", `${folder}/i2c.sock`]
        const child = spawnCommand(words)
        await once(child.stdout, "data")
        expect(await stdoutOf("trace --list")).toBe(`serve-${child.pid}\n`)
        const copy = path.join(folder, "late.pcapng")
        const tracer = spawnCommand(["trace", "--write", copy])
        await once(tracer.stderr, "data")
        child.kill("SIGTERM")
        await Promise.all([once(child, "close"), once(tracer, "close")])
        expect(await stdoutOf(`trace -m hello ${file}`)).toContain("revision 1")
        // who came late was told what had been negotiated
        const late = await stdoutOf(`trace --no-spans ${copy}`)
        expect(late).toContain("what was negotiated, and stood in the window, when the trace began")
        expect(late).toContain("SET_VQUEUE           queue 0: 256 descriptors")
      } finally {
        delete process.env.XDG_RUNTIME_DIR
      }
    })
  })
})

describe("conform", () => {
  it("can be traced: the breaches that it tries are remarked", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "conform.pcapng")
      await virtioMsg(`--port sim --trace ${file} conform --row V57`)
      expect(await stdoutOf(`trace ${file}`)).toContain("breach of D49: the reserved state operation 3")
    })
  })
})

describe("a wrong use of trace", () => {
  it.each([
    ["trace -d x -- info", 2, /"x" is no device number\.\nhint: .*"bus"/],
    ["trace -m GET_NOTHING -- info", 2, /"GET_NOTHING" is no message\.\nhint: Messages are GET_DEVICE_INFO/],
    ["trace --", 2, /No command stands behind --/],
    ["trace -- trace x", 2, /A trace cannot be traced/],
    ["trace a.pcapng b.pcapng", 2, /hint: To trace a command: virtio-msg trace -- a.pcapng b.pcapng/],
    ["trace /nowhere.pcapng", 2, /Cannot read \/nowhere\.pcapng: ENOENT/],
    ["trace package.json", 2, /This is no pcapng capture/],
  ])("%s returns %i and says why", async (line, code, message) => {
    expect(await virtioMsg(`--port sim ${line}`)).toEqual({
      code,
      stdout: "",
      stderr: expect.stringMatching(message),
    })
  })

  it("on a capture that is cut off shows what is there", async () => {
    await withFolder(async (folder) => {
      const file = path.join(folder, "cut.pcapng")
      await stdoutOf(`--port sim --trace ${file} info --json`)
      const bytes = await readFile(file)
      await writeFile(file, bytes.subarray(0, bytes.length - 5))
      const { code, stdout, stderr } = await virtioMsg(`trace ${file}`)
      expect(code).toBe(2)
      expect(stdout).toContain("GET_DEVICES")
      expect(stderr).toContain("cut off")
    })
  })
})
