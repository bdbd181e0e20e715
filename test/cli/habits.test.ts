// What people type who know i2c-tools and libgpiod: they are told what is different here, with the command that they
// meant, which does what they meant.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { findFault } from "../../host/src/cli/check-line.js"
import { runCommand } from "../../host/src/cli/run-command.js"
import { stdoutOf, virtioMsg } from "./command.js"
import { words } from "./help-examples.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

const NO_BUS = "error: There is no bus number here: a board has one I2C bus, and --port names the board."
const NO_CHIP = "error: No chip need be named here: a board has one GPIO chip, and --port names the board."

let stderr = ""
beforeEach(() => {
  stderr = ""
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += text
    return true
  })
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** The command that the hint tells, if the line is wrong in that way and the command is accepted. */
async function corrected(line: string, error: string): Promise<string> {
  stderr = ""
  const code = await runCommand(words(line))
  expect({ line, code, stderr }).toEqual({
    line,
    code: 2,
    stderr: expect.stringContaining(`${error}\nhint: `),
  })
  const [, command = ""] = /^hint: (?:Without it|Type): virtio-msg (.+)$/m.exec(stderr) ?? []
  expect({ line, command, fault: await findFault(words(command)) }).toEqual({
    line,
    command: expect.stringMatching(/./),
    fault: undefined,
  })
  return command
}

describe("a bus number", () => {
  it.each([
    ["i2c detect -y 1", "i2c detect"],
    ["i2c detect 1", "i2c detect"],
    ["i2c detect -y -r 1", "i2c detect -r"],
    ["i2c detect i2c-1", "i2c detect"],
    ["i2c detect /dev/i2c-1", "i2c detect"],
    ["i2c detect -y 1 0x20 0x30", "i2c detect 0x20 0x30"],
    ["i2c detect -a i2c-1", "i2c detect -a"],
    ["i2c get -y 1 0x54 14", "i2c get 0x54 14"],
    ["i2c get 1 0x54", "i2c get 0x54"],
    ["i2c get -y 20 0x54 14", "i2c get 0x54 14"],
    ["i2c get -y 0 0x54 14 i 8", "i2c get 0x54 14 i 8"],
    ["i2c get i2c-1 0x54 14", "i2c get 0x54 14"],
    ["i2c set -y 1 0x54 14 0x25", "i2c set 0x54 14 0x25"],
    ["i2c set -y -m 3 3 0x54 14 0x25", "i2c set -m 3 0x54 14 0x25"],
    ["i2c set -y 1 0x54 14 1 2 3 i", "i2c set 0x54 14 1 2 3 i"],
    ["i2c dump -y 1 0x50", "i2c dump 0x50"],
    ["i2c dump -y -r 1-3 1 0x50 b", "i2c dump -r 1-3 0x50 b"],
    ["i2c transfer -y 1 w1@0x54 0x0e r1", "i2c transfer w1@0x54 0x0e r1"],
    ["--port sim i2c get -y 1 0x54 14", "--port sim i2c get 0x54 14"],
    ["--port sim trace -- i2c get -y 1 0x54 14", "--port sim i2c get 0x54 14"],
    ["i2c get -y 1 0x54 14 --json", "i2c get 0x54 14 --json"],
  ])("in %s is left out", async (line, command) => {
    if (line.includes("--json")) {
      expect(await runCommand(words(line))).toBe(2)
      const { error } = JSON.parse(stderr)
      expect(error.hint).toBe(`Without it: virtio-msg ${command}`)
    } else expect(await corrected(line, NO_BUS)).toBe(command)
  })

  it.each([
    "i2c get 7",
    "i2c detect 0x20",
    "i2c set 0x54 14 1 2",
    "i2c set 20 14 1 2",
    "i2c get 0x80 1",
    "i2c dump 1",
  ])("is not suspected in %s", async (line) => {
    expect(await runCommand(words(line))).toBe(2)
    expect(stderr).not.toContain("bus number")
  })
})

describe("a tool's own name", () => {
  it.each([
    ["i2cdetect -y 1", "i2c detect"],
    ["i2cdetect -l", "i2c detect -l"],
    ["i2cdetect", "i2c detect"],
    ["i2cget -y 1 0x54 14 w", "i2c get 0x54 14 w"],
    ["i2cget -fy 1 0x54", "i2c get 0x54"],
    ["i2cget -y 20 21", "i2c get 21"],
    ["i2cset -y -r 1 0x54 14 0x25", "i2c set -r 0x54 14 0x25"],
    ["i2cdump -y 1 0x50 i", "i2c dump 0x50 i"],
    ["i2ctransfer -y 1 w1@0x54 0x0e r1", "i2c transfer w1@0x54 0x0e r1"],
    ["i2ctransfer -b -y 1 r8@0x54", "i2c transfer -b r8@0x54"],
    ["i2ctransfer -y 1 w3@0x54 0 0xff=", "i2c transfer w3@0x54 0 0xff="],
    ["--port sim i2cget -y 1 0x54 14", "--port sim i2c get 0x54 14"],
    ["trace i2cget -y 1 0x54 14", "i2c get 0x54 14"],
    ["gpioinfo", "gpio info"],
    ["gpiofind LED", "gpio info LED"],
    ["gpioget gpiochip0 4", "gpio get 4"],
    ["gpioget BUTTON", "gpio get BUTTON"],
    ["gpioset LED=1", "gpio set LED=1"],
    ["gpioset gpiochip0 0=1", "gpio set 0=1"],
    ["gpiomon -n 2 CLOCK", "gpio monitor -n 2 CLOCK"],
    ["gpiodetect", "gpio detect"],
    ["gpioget -c gpiochip0 4", "gpio get -c gpiochip0 4"],
    ["gpiomon --num-events=2 gpiochip0 2", "gpio monitor --num-events=2 2"],
  ])("%s is told as ours", async (line, command) => {
    const [, tool] = /\b((?:i2c|gpio)[a-z]+)/.exec(line) ?? []
    expect(
      await corrected(
        line,
        `error: ${tool} is the command ${command.replace("--port sim ", "").split(" ").slice(0, 2).join(" ")} here, ${tool?.startsWith("i2c") ? "without the bus number: a board has one bus." : "of the board's one chip."}`,
      ),
    ).toBe(command)
  })

  it("with arguments that are wrong all the same is told with the help", async () => {
    expect(await runCommand(words("i2cget -y 1"))).toBe(2)
    expect(stderr).toMatch(/\nhint: See virtio-msg i2c get --help\n$/)
  })
})

describe("libgpiod's -p", () => {
  it.each([
    ["gpio get -p 10ms BUTTON", "gpio get --hold-period 10ms BUTTON"],
    ["gpio set -p 1s LED=1", "gpio set --hold-period 1s LED=1"],
    ["gpio mon -p 0 CLOCK", "gpio mon --debounce-period 0 CLOCK"],
  ])("%s is told from the port", async (line, command) => {
    expect(await runCommand(words(line))).toBe(2)
    expect(stderr).toBe(
      `error: -p is --port here.\nhint: The period is another option: virtio-msg ${command}\n`,
    )
    expect(await findFault(words(command))).toBe(undefined)
  })

  it("behind a tool's own name is spelt out", async () => {
    expect(
      await corrected(
        "gpioset -p 20ms OUT=1",
        "error: gpioset is the command gpio set here, of the board's one chip.",
      ),
    ).toBe("gpio set --hold-period 20ms OUT=1")
  })
})

describe("libgpiod 1's options", () => {
  it.each([
    ["gpio mon -r CLOCK", "gpio mon --edges rising CLOCK"],
    ["gpio monitor --falling-edge -n 3 gpiochip0 2", "gpio monitor --edges falling -n 3 2"],
    ["gpio monitor --silent --line-buffered CLOCK", "gpio monitor --quiet CLOCK"],
    ["gpio monitor -B as-is CLOCK", "gpio monitor --bias as-is CLOCK"],
    ["gpio get -n gpiochip0 3", "gpio get --as-is 3"],
    ["gpio set -m exit gpiochip0 3=1", "gpio set --toggle 0 3=1"],
    ["gpio set --mode=wait OUT=1", "gpio set OUT=1"],
    ["gpio set --mode signal OUT=1", "gpio set OUT=1"],
    ["gpio set -m time -s 2 OUT=1", "gpio set --hold-period 2s OUT=1"],
    ["gpio set --mode=time --usec=500 OUT=1", "gpio set --hold-period 500us OUT=1"],
    [
      "gpio set --mode=time -u 500 -D push-pull OUT=1",
      "gpio set --hold-period 500us --drive=push-pull OUT=1",
    ],
  ])("%s are told in those of libgpiod 2", async (line, command) => {
    expect(await runCommand(words(line))).toBe(2)
    expect(stderr).toBe(
      "error: These are options of libgpiod 1; here they are those of libgpiod 2.\n" +
        `hint: In those: virtio-msg ${command}\n`,
    )
    expect(await findFault(words(command))).toBe(undefined)
  })

  it.each([
    ["gpiomon -r -n 2 gpiochip0 2", "gpio monitor --edges rising -n 2 2"],
    ["gpioset -m time -s 1 gpiochip0 3=1", "gpio set --hold-period 1s 3=1"],
    ["gpioset -s LED=1", "gpio set -s LED=1"],
  ])("behind a tool's own name are spelt out: %s", async (line, command) => {
    const [tool] = line.split(" ")
    const sentence = `error: ${tool} is the command ${command.split(" ", 2).join(" ")} here, of the board's one chip.`
    expect(await corrected(line, sentence)).toBe(command)
  })

  it.each([
    ["gpio get -B pull-up BUTTON", "error: The bias pull-up cannot be had: "],
    ["gpiomon -B pull-down gpiochip0 2", "error: The bias pull-down cannot be had: "],
    ["gpio set -m signal -D open-drain OUT=1", "error: The drive open-drain cannot be had: "],
    ["gpio set -m signal --background OUT=1", "error: A daemon cannot be had: "],
  ])("that ask for what cannot be had are refused with that reason: %s", async (line, sentence) => {
    expect(await runCommand(words(line))).toBe(2)
    expect(stderr).toContain(sentence)
    expect(stderr).toMatch(/\nhint: More: virtio-msg gpio (get|set|monitor) --help\n$/)
  })

  it.each(["gpio set -m LED=1", "gpio monitor -f -r", "gpio get --nonsense 3"])(
    "are not suspected where another thing is wrong: %s",
    async (line) => {
      expect(await runCommand(words(line))).toBe(2)
      expect(stderr).not.toContain("libgpiod 1")
    },
  )

  it("gpio find is told as gpio info", async () => {
    expect(await corrected("gpio find LED", "error: gpiofind is the command gpio info here.")).toBe(
      "gpio info LED",
    )
  })
})

describe("a chip's name", () => {
  it.each([
    ["gpio get gpiochip0 4", "gpio get 4"],
    ["gpio info gpiochip0", "gpio info"],
    ["gpio set gpiochip0 LED=1", "gpio set LED=1"],
    ["gpio monitor -n 1 /dev/gpiochip0 CLOCK", "gpio monitor -n 1 CLOCK"],
  ])("in front of the lines, %s, is left out", async (line, command) => {
    expect(await corrected(line, NO_CHIP)).toBe(command)
  })
})

describe("the corrected command", () => {
  it("does what was meant", async () => {
    vi.restoreAllMocks()
    const { code, stderr: told } = await virtioMsg("--port sim i2cget -y 1 0x54 14")
    expect(code).toBe(2)
    const [, command = ""] = /Type: virtio-msg (.+)\n/.exec(told) ?? []
    expect(await stdoutOf(command)).toBe("0x66\n")
  })
})
