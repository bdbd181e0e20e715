// `virtio-msg gpio` with libgpiod 2's options: those that a driver can carry out, and the reasons of the others.

import { Readable } from "node:stream"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { runCommand } from "../../host/src/cli/run-command.js"
import { GpioChip } from "../../host/src/driver/gpio-chip.js"
import { words } from "./help-examples.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

process.setMaxListeners(100) // each run that could be stopped goes on listening, as a process of its own would

let stdout = ""
let stderr = ""
beforeEach(() => {
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += text
    return true
  })
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += text
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

async function run(line: string) {
  stdout = stderr = ""
  const code = await runCommand(["--port", "sim", "gpio", ...words(line)])
  return { code, stdout, stderr }
}

const ok = (text: string | RegExp) => ({
  code: 0,
  stdout: typeof text === "string" ? text : expect.stringMatching(text),
  stderr: "",
})

describe("gpio", () => {
  it("detect prints as gpiodetect does", async () => {
    expect(await run("detect")).toEqual(ok("gpiochip0 [virtio1] (7 lines)\n"))
    expect(JSON.parse((await run("detect --json")).stdout)).toEqual([
      { chip: "gpiochip0", label: "virtio1", lines: 7 },
    ])
  })

  it.each(["gpiochip0", "/dev/gpiochip0", "0"])("takes the only chip by name: -c %s", async (chip) => {
    expect(await run(`get -c ${chip} BUTTON`)).toEqual(ok('"BUTTON"=inactive\n'))
  })

  it("turns values round with --active-low", async () => {
    expect(await run("get -l BUTTON --numeric")).toEqual(ok("1\n"))
    expect(await run("get --active-low --json BUTTON")).toEqual(ok('{"BUTTON":1}\n'))
    expect(await run("set -l --toggle 0 OUT=0")).toEqual(ok(""))
  })

  it("tells edges the other way round with --active-low", async () => {
    const watch = vi.spyOn(GpioChip.prototype, "watch")
    expect(await run("monitor -n 1 -F '%e %E' -e rising CLOCK")).toEqual(ok("1 rising\n"))
    expect(watch).toHaveBeenLastCalledWith([2], { edges: "rising" })
    expect(await run("monitor -n 1 -F '%e %E' -e rising -l CLOCK")).toEqual(ok("1 rising\n"))
    expect(watch).toHaveBeenLastCalledWith([2], { edges: "falling" })
    expect(await run("monitor -n 1 -F '%e %E' -e falling --active-low CLOCK")).toEqual(ok("2 falling\n"))
    expect(watch).toHaveBeenLastCalledWith([2], { edges: "rising" })
  })

  it("get --as-is leaves an output an output; without, it is an input then", async () => {
    expect(await run("get -a --numeric OUT")).toEqual(ok("0\n"))
    expect(await run("get --hold-period 1ms --numeric OUT")).toEqual(ok("0\n"))
  })

  it("monitor ends when nothing comes for --idle-timeout, in silence", async () => {
    expect(await run("monitor --idle-timeout 30ms --banner BUTTON IN")).toEqual(
      ok("Monitoring lines BUTTON and IN...\n"),
    )
    expect(await run("monitor --idle-timeout 60s -q -n 1 CLOCK")).toEqual(ok(""))
  })

  it("monitor tells dates", async () => {
    const utc = await run("mon -n 1 --utc CLOCK")
    expect(utc).toEqual(ok(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\t(rising|falling)\t"CLOCK"\n$/))
    expect(utc.stdout.slice(0, 10)).toBe(new Date().toISOString().slice(0, 10))
    expect(await run("mon -n 1 --localtime CLOCK")).toEqual(ok(/^\d{4}-[-\dT:]+\.\d{9}\t(rising|falling)/))
    const [, seconds = ""] =
      /^(\d+)\.\d{9}\n$/.exec((await run("mon -n 1 -E realtime -F %S CLOCK")).stdout) ?? []
    expect(Math.abs(Number(seconds) - Date.now() / 1000)).toBeLessThan(3600)
  })

  it.each([
    ["get --bias as-is IN", '"IN"=inactive\n'],
    ["get -C me -s IN", '"IN"=inactive\n'],
    ["set --drive push-pull --toggle 0 OUT=1", ""],
    ["monitor --debounce-period 0 --idle-timeout 1 IN", ""],
  ])("%s asks for what is so anyway", async (line, expected) => {
    expect(await run(line)).toEqual(ok(expected))
  })
})

describe("set --interactive, from a pipe,", () => {
  /** What is typed, and what was driven behind the first values: offset and level. */
  async function typed(line: string, ...input: string[]) {
    const stdin = Readable.from(input.map((each) => Buffer.from(each)))
    vi.spyOn(process, "stdin", "get").mockReturnValue(stdin as unknown as typeof process.stdin)
    const driven: [number | string, number][] = []
    vi.spyOn(GpioChip.prototype, "setValue").mockImplementation(async (at, level) => {
      driven.push([at, level])
    })
    vi.spyOn(GpioChip.prototype, "output").mockResolvedValue()
    return { ...(await run(`set -i ${line}`)), driven }
  }

  it("carries out gpioset's commands, in order, until exit", async () => {
    const all = "get\nset LED=off\nget LED\ntoggle\n\nget\nsleep 1ms\ntoggle 3\nget OUT\nexit\nset LED=0\n"
    expect(await typed("LED=1 OUT=0", all)).toEqual({
      code: 0,
      stdout: '"LED"=active "OUT"=inactive\n"LED"=inactive\n"LED"=active "OUT"=active\n"OUT"=inactive\n',
      stderr: "",
      driven: [
        [0, 0],
        [0, 1],
        [3, 1],
        [3, 0],
      ],
    })
  })

  it("ends with its input, whatever pieces that comes in", async () => {
    expect(await typed("--unquoted LED=1", "ge", "t\nge", "t")).toMatchObject({
      code: 0,
      stdout: "LED=active\nLED=active\n",
    })
    expect(await typed("LED=1")).toMatchObject({ code: 0, stdout: "" })
  })

  it("turns levels round with --active-low", async () => {
    expect(await typed("-l LED=1", "set LED=0\nget")).toMatchObject({
      stdout: '"LED"=inactive\n',
      driven: [[0, 1]],
    })
  })

  it("prints its commands", async () => {
    expect((await typed("LED=1", "help\n")).stdout).toMatch(/^Commands:\n {2}get /)
  })

  it.each([
    ["frob", 'error: "frob" is no command here.\nhint: help lists them.\n'],
    ["set BUTTON=1", 'error: "BUTTON" is none of the lines that are driven.\nhint: They are LED, OUT.\n'],
    ["toggle 4", 'error: "4" is none of the lines that are driven.\n'],
    ["set LED", 'error: "LED" sets no line.\n'],
    ["set LED=1 LED=0", "error: The line LED is named twice.\n"],
    ["set", "error: No line is named.\nhint: For example: set LED=1\n"],
    ["sleep", "error: sleep takes one period.\n"],
    ["sleep soon", 'error: "soon" is no period.\n'],
  ])("ends at what is wrong: %s", async (line, sentence) => {
    const outcome = await typed("LED=1 OUT=0", `${line}\nset OUT=1\n`)
    expect(outcome).toMatchObject({ code: 2, stdout: "", driven: [] })
    expect(outcome.stderr).toContain(sentence)
  })

  it("is not had with --toggle", async () => {
    expect(await run("set -i -t 1s LED=1")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("cannot be used with option"),
    })
  })
})

describe("what virtio-gpio cannot do is refused with that reason", () => {
  it.each([
    [
      "get --bias pull-up IN",
      /^error: The bias pull-up cannot be had: virtio-gpio has no request that sets one\.\n/,
    ],
    ["set -b disabled OUT=1", /^error: The bias disabled cannot be had: /],
    ["monitor --bias pull-down IN", /^error: The bias pull-down cannot be had: /],
    [
      "set -d open-drain OUT=1",
      /^error: The drive open-drain cannot be had: virtio-gpio's outputs are driven both ways/,
    ],
    ["set --drive open-source OUT=1", /^error: The drive open-source cannot be had: /],
    ["set --daemonize OUT=1", /^error: A daemon cannot be had: /],
    [
      "monitor --debounce-period 5ms IN",
      /^error: The debounce period 5ms cannot be had: virtio-gpio has no request for it/,
    ],
    [
      "monitor -E hte IN",
      /^error: The event clock hte cannot be had: virtio-gpio's interrupts carry no time/,
    ],
    ["notify", /^error: gpio notify cannot be had: virtio-gpio tells no one /],
    ["notify -n 1 -e requested --format %e LED", /^error: gpio notify cannot be had: /],
  ])("%s", async (line, sentence) => {
    const outcome = await run(line)
    expect(outcome).toMatchObject({ code: 2, stdout: "" })
    expect(outcome.stderr).toMatch(sentence)
    expect(outcome.stderr).toMatch(/^error: .+\nhint: .+\n$/)
  })

  it.each([
    [
      "get --bias up IN",
      'error: "up" is no bias.\nhint: libgpiod\'s are as-is, pull-up, pull-down and disabled.\n',
    ],
    ["set -d both OUT=1", 'error: "both" is no drive.\n'],
    ["monitor -E utc IN", 'error: "utc" is no event clock.\n'],
    ["get -c gpiochip1 IN", "error: There is no GPIO chip gpiochip1: a board has one, gpiochip0.\n"],
    [
      "get --by-name 5",
      'error: No line has the name "5".\nhint: The lines with names: LED, BUTTON, CLOCK, OUT, IN\n',
    ],
    ["monitor CLOCK CLOCK", "error: The line CLOCK is named twice.\n"],
    ["monitor CLOCK 2", "error: The line 2 is named twice.\n"],
    ["set OUT=1 OUT=0", "error: The line OUT is named twice.\n"],
    ["monitor --idle-timeout soon IN", 'error: "soon" is no period.\n'],
    ["monitor --idle-timeout 99999m IN", "error: The period 99999m is longer than can be waited for.\n"],
  ])("%s is an error of its own", async (line, sentence) => {
    const outcome = await run(line)
    expect(outcome).toMatchObject({ code: 2, stdout: "" })
    expect(outcome.stderr).toContain(sentence)
  })
})
