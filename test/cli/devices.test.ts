// `virtio-msg gpio`, `rng`, `console` and `info --watch`, as their users type them.

import { once } from "node:events"
import { buffer } from "node:stream/consumers"
import { describe, expect, it } from "vitest"
import { systemClock } from "../../host/src/clock.js"
import { simulatedModels } from "../../host/src/node/plain-board.js"
import { PlainServer } from "../../host/src/node/plain-server.js"
import { PlainDevice } from "../../host/src/plain/plain-device.js"
import type { DeviceModel } from "../../shared-protocol/src/device/device-model.js"
import { spawnCommand, stdoutOf, virtioMsg, virtioMsgWithInput } from "./command.js"

describe.concurrent("gpio", () => {
  it("info prints as gpioinfo of libgpiod 2 does", async () => {
    expect(await stdoutOf("--port sim gpio info")).toBe(
      [
        "gpiochip0 - 7 lines:",
        '\tline   0:\t"LED"           \tinput',
        '\tline   1:\t"BUTTON"        \tinput',
        '\tline   2:\t"CLOCK"         \tinput',
        '\tline   3:\t"OUT"           \tinput',
        '\tline   4:\t"IN"            \tinput',
        "\tline   5:\tunnamed         \tinput",
        "\tline   6:\tunnamed         \tinput",
        "",
      ].join("\n"),
    )
    expect(await stdoutOf("--port sim gpio info --unquoted OUT 5")).toBe(
      "gpiochip0 3\tOUT             \tinput\ngpiochip0 5\tunnamed         \tinput\n",
    )
    expect(JSON.parse(await stdoutOf("--port sim gpio info --json LED"))).toEqual([
      { offset: 0, name: "LED", direction: "input", isUsed: false },
    ])
  })

  it("get prints as gpioget of libgpiod 2 does", async () => {
    expect(await stdoutOf("--port sim gpio get BUTTON IN")).toBe('"BUTTON"=inactive "IN"=inactive\n')
    expect(await stdoutOf("--port sim gpio get --unquoted 5")).toBe("5=inactive\n")
    expect(await stdoutOf("--port sim gpio get --numeric 5 6")).toBe("0 0\n")
    expect(await stdoutOf("--port sim gpio get --json IN")).toBe('{"IN":0}\n')
  })

  it("monitor prints as gpiomon of libgpiod 2 does, and in other forms", async () => {
    const plain = (await stdoutOf("--port sim gpio monitor -n 2 CLOCK")).split("\n")
    expect(plain[0]).toMatch(/^\d+\.\d{9}\t(rising|falling)\t"CLOCK"$/)
    expect(plain[1]).toMatch(/^\d+\.\d{9}\t(rising|falling)\t"CLOCK"$/)
    expect(plain[0]?.split("\t")[1]).not.toBe(plain[1]?.split("\t")[1])
    const formatted = await virtioMsg([
      ..."--port sim gpio monitor -n 1 -e falling CLOCK -F".split(" "),
      "%o %l %c %e %E %% %x",
    ])
    expect(formatted.stdout).toBe("2 CLOCK gpiochip0 2 falling % %x\n")
    const json = JSON.parse(await stdoutOf("--port sim gpio monitor -n 1 -e rising --json CLOCK"))
    expect(json).toEqual({ offset: 2, name: "CLOCK", edge: "rising", timestampMs: expect.any(Number) })
  })

  it("set drives lines in the words of gpioset, toggles them, and ends when told", async () => {
    await stdoutOf("--port sim gpio set --toggle 20ms,10,0 LED=on OUT=inactive")
    await stdoutOf("--port sim gpio set --hold-period 20ms OUT=1")
  })

  it.each([
    ["gpio get NOTHING", 2, 'error: The GPIO chip has no line "NOTHING".\nhint: Its lines: LED, BUTTON, '],
    ["gpio set LED", 2, 'error: "LED" sets no line.\nhint: Write LINE=VALUE'],
    ["gpio set LED=2", 2, 'error: "LED=2" sets no line.'],
    ["gpio set -t soon LED=1", 2, 'error: "soon" is no period.'],
    ["gpio set -t 0 BUTTON=1", 1, "error: GPIO line BUTTON cannot do that"],
    ["gpio monitor -n 0 CLOCK", 2, 'error: "0" is no number of events.'],
    [
      "gpio monitor -e sideways CLOCK",
      2,
      "error: option '-e, --edges <edges>' argument 'sideways' is invalid.",
    ],
    ["gpio get", 2, "error: missing required argument 'lines'"],
    ["rng", 2, "error: required option '-b, --bytes <count>' not specified"],
    ["rng --bytes many", 2, 'error: "many" is no number of bytes.'],
  ])("%s is an error", async (line, code, message) => {
    const outcome = await virtioMsg(`--port sim ${line}`)
    expect(outcome.stderr).toContain(message)
    expect(outcome.code).toBe(code)
  })
})

describe.concurrent("rng", () => {
  it("writes raw bytes, exactly as many as asked for, and others every time", async () => {
    const run = () => buffer(spawnCommand(["--port", "sim", "rng", "--bytes", "1000"]).stdout)
    const [first, second] = [await run(), await run()]
    expect([first.length, second.length]).toEqual([1000, 1000])
    expect(first.equals(second)).toBe(false)
    expect(await stdoutOf("--port sim rng --bytes 0")).toBe("")
    expect(await stdoutOf("--port sim rng --hex --bytes 3")).toMatch(/^[0-9a-f]{6}\n$/)
  })
})

describe.concurrent("console", () => {
  it("runs a command, with the log on stderr", async () => {
    const { code, stdout, stderr } = await virtioMsg("--port sim console chips")
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "0x48 lm75\n0x50 24c02\n0x54 ram\n0x56 ram\n0x76 bme280\n",
    })
    expect(stderr).toMatch(/^virtio-msg \d+\.\d+\.\d+ on DeviceScript Simulator \(WASM\)\n$/)
  })

  it("runs the lines of its standard input, one after another", async () => {
    const input = "chip remove 0x48\nchips\n\nflood 60\n"
    const { code, stdout } = await virtioMsgWithInput("--port sim console", input)
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split("\n")
    expect(lines.slice(0, 5)).toEqual([
      "chip 0x48 removed",
      "0x50 24c02",
      "0x54 ram",
      "0x56 ram",
      "0x76 bme280",
    ])
    expect(lines.slice(5).map((line) => Number.parseInt(line, 10))).toEqual(
      Array.from({ length: 60 }, (_, at) => at),
    )
  })
})

/** Our device code in this process, behind a socket: devices come and go when the test says so. */
async function servePluggableBoard(): Promise<{ device: PlainDevice; server: PlainServer }> {
  const windowBytes = 16_384
  const sizes = { maxMessageSize: 264, windowBytes }
  let device: PlainDevice | undefined
  const server = await PlainServer.listen(
    { revision: 1, maxMessageSize: sizes.maxMessageSize, transportFeatures: 0 },
    windowBytes,
    { onFrame: (frame) => device?.take(frame), onConnect: () => device?.connect() },
  )
  device = new PlainDevice({ ...sizes, models: simulatedModels(systemClock) }, server.window, (frame) =>
    server.send(frame),
  )
  return { device, server }
}

describe.concurrent("info --watch", () => {
  it("tells what comes and goes", async () => {
    const { device, server } = await servePluggableBoard()
    const [, , rng] = simulatedModels(systemClock)
    const child = spawnCommand(["--port", server.port, "info", "--watch"])
    let output = ""
    let plugged: number | undefined
    let isThere = true
    for await (const chunk of child.stdout) {
      output += chunk
      if (plugged === undefined && output.includes("Device 2")) plugged = device.bus.plug(rng as DeviceModel)
      if (isThere && output.includes("added")) isThere = !device.bus.unplug(plugged as number)
      if (output.includes("removed")) break
    }
    child.kill("SIGINT")
    await once(child, "close")
    await server.close()
    expect(output).toContain("Device 2   virtio-rng (4)")
    expect(output).toMatch(/\n\+ device 3 added: virtio-rng\n- device 3 removed: virtio-rng\n$/)
  })
})
