// What the command says, and returns, when something is wrong: an error, a hint, never a stack trace.

import { spawnSync } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { writeFile } from "node:fs/promises"
import path from "node:path"
import { describe, expect, it, vi } from "vitest"
import { runCommand } from "../../host/src/cli/run-command.js"
import { cannotConnect } from "../../host/src/node/cannot-connect.js"
import { UNLESS_LINUX } from "../support/because.js"
import { MAIN, virtioMsg, withFolder } from "./command.js"

const SEE_GET = "hint: See virtio-msg i2c get --help\n"
const NUMBERS =
  "hint: Numbers are decimal (80), hexadecimal with 0x in front (0x50), or octal with 0 in front (0120).\n"
const LIST_CHIPS = "hint: List the chips on the bus: virtio-msg i2c detect\n"
const MEANT = LIST_CHIPS.replace("hint: ", "hint: 50 is decimal here, 0x32: was 0x50 meant? ")
const RESERVED = "hint: With -a also 0x00 to 0x7f.\n"
const TEN_BITS = "hint: An address has 7 bits here; those with 10 are not carried.\n"
const wide = (typed: string, meant: string) =>
  `hint: An address has 7 bits: what a data sheet calls ${typed}, with the bit for reading, is ${meant}.\n`
const MESSAGE = "hint: A message is r or w, a length, and @ADDRESS: w1@0x50 0x00 r8\n"
const BLOCK_READ =
  "error: The adapter does not have SMBus block read capability.\n" +
  "hint: The virtio-i2c device needs the length beforehand: mode i reads an I2C block.\n"

// what runs in this process meets a mistake; the compiled command does not
vi.mock("../../host/src/cli/version.js", () => ({
  application: () => "test",
  packageVersion: () => {
    throw new Error("made by a test")
  },
}))

type Case = readonly [line: string, stderr: string]

async function expectFailure([line, stderr]: Case, code: number): Promise<void> {
  expect({ line, ...(await virtioMsg(line)) }).toEqual({ line, code, stdout: "", stderr })
}

describe.concurrent("exit code 1: the operation failed", () => {
  const noChip = "No chip acknowledged at address 0x11"
  it.each<Case>([
    ["i2c get 0x11", `error: ${noChip} (ENXIO: No such device or address).\n${LIST_CHIPS}`],
    [
      "i2c get 0x11 0",
      `error: ${noChip} in message 1 of 2 (ENXIO: No such device or address).\n${LIST_CHIPS}`,
    ],
    [
      "i2c get -a 0x07",
      `error: ${noChip.replace("11", "07")} (ENXIO: No such device or address).\n${LIST_CHIPS}`,
    ],
    [
      "i2c get 50 0",
      `error: ${noChip.replace("11", "32")} in message 1 of 2 (ENXIO: No such device or address).\n${MEANT}`,
    ],
    ["i2c dump 50 c", `error: ${noChip.replace("11", "32")} (ENXIO: No such device or address).\n${MEANT}`],
    [
      "i2c transfer w1@50 0 r1",
      `error: Message 1 of 2 failed: no chip acknowledged at 0x32 (ENXIO: No such device or address).\n${MEANT}`,
    ],
    [
      "i2c get 17",
      `error: ${noChip} (ENXIO: No such device or address).\n${MEANT.replaceAll("50", "17").replace("32", "11")}`,
    ],
    [
      "i2c get 103",
      `error: ${noChip.replace("11", "67")} (ENXIO: No such device or address).\n${LIST_CHIPS}`,
    ],
    ["i2c set 0x11 0 1", `error: ${noChip} (ENXIO: No such device or address).\n${LIST_CHIPS}`],
    ["i2c dump 0x11 c", `error: ${noChip} (ENXIO: No such device or address).\n${LIST_CHIPS}`],
    [
      "i2c dump 0x11 i",
      `error: ${noChip} in message 1 of 2 (ENXIO: No such device or address).\n${LIST_CHIPS}`,
    ],
    [
      "i2c transfer w1@0x50 0 r1@0x11",
      `error: Message 2 of 2 failed: no chip acknowledged at 0x11 (ENXIO: No such device or address).\n${LIST_CHIPS}`,
    ],
  ])("%s", (...failure) => expectFailure([`--port sim ${failure[0]}`, failure[1]], 1))
})

describe("exit code 1: nothing can listen there", () => {
  it("a folder to listen in that is missing", () =>
    withFolder(async (folder) => {
      const place = `${folder}/none/x.sock`
      const refused = {
        code: 1,
        stdout: "",
        stderr: `error: No socket can be at ${place}: there is no folder ${folder}/none.\nhint: Make it: mkdir -p ${folder}/none\n`,
      }
      for (const line of [
        `sim --listen unix:${place}`,
        `sim --listen plain:unix:${place}`,
        `--port sim serve --socket ${place}`,
        `--port sim serve --socket ${folder}/i2c.sock --gpio ${place}`,
        `--port sim serve --socket ${folder}/i2c.sock --console ${place}`,
      ])
        expect({ line, ...(await virtioMsg(line)) }).toEqual({ line, ...refused })
    }))

  it("a path that is too long, for which Node.js would make a socket of another name", () =>
    withFolder(async (folder) => {
      const place = `${folder}/${"x".repeat(120)}`
      const length = Buffer.byteLength(place)
      for (const line of [`sim --listen unix:${place}`, `--port sim serve --socket ${place}`])
        expect({ line, ...(await virtioMsg(line)) }).toEqual({
          line,
          code: 2,
          stdout: "",
          stderr: `error: The path of a Unix socket has 1 to 107 bytes, and this one has ${length}.\nhint: Use a shorter path, such as one in /tmp.\n`,
        })
    }))

  it("another's file, and an address that this computer has not got", () =>
    withFolder(async (folder) => {
      const file = `${folder}/notes.txt`
      await writeFile(file, "")
      expect(await virtioMsg(`--port sim serve --socket ${file}`)).toEqual({
        code: 2,
        stdout: "",
        stderr: `error: ${file} exists and is not a socket.\nhint: Choose a path where no file is.\n`,
      })
      // 192.0.2.0/24 is for documentation, and nobody's
      for (const line of [
        "sim --listen tcp://192.0.2.1:7000 --expose",
        "--port sim usbip --listen tcp://192.0.2.1:7000,expose",
        "dashboard --listen 192.0.2.1:7000 --expose",
      ]) {
        const { code, stderr } = await virtioMsg(line)
        expect({ line, code }).toEqual({ line, code: 1 })
        expect(stderr).toMatch(
          /^error: Cannot listen on .*EADDRNOTAVAIL.*\nhint: This computer has no such address; see: ip address\n$/,
        )
      }
    }))
})

describe("exit code 2: a folder that cannot be", () => {
  it("is told for the exported page", () =>
    expectFailure(
      [
        "dashboard --export /proc/x",
        "error: Cannot write the page to /proc/x: ENOENT: no such file or directory, mkdir '/proc/x'.\n" +
          "hint: Name a folder that you may write to.\n",
      ],
      2,
    ))
})

describe.concurrent("exit code 2: numbers and addresses", () => {
  it.each<Case>([
    ["i2c get 0x80", `error: Chip address 0x80 is out of range: 0x08 to 0x77.\n${wide("0x80", "0x40")}`],
    ["i2c get -a 0xed 0", `error: Chip address 0xed is out of range: 0x00 to 0x7f.\n${wide("0xed", "0x76")}`],
    ["i2c detect 8 236", `error: Chip address 236 is out of range: 8 to 119.\n${wide("0xec", "0x76")}`],
    ["i2c get 0x250", `error: Chip address 0x250 is out of range: 0x08 to 0x77.\n${TEN_BITS}`],
    ["i2c get 7", `error: Chip address 7 is out of range: 8 to 119.\n${RESERVED}`],
    ["i2c get -a 0x80", `error: Chip address 0x80 is out of range: 0x00 to 0x7f.\n${wide("0x80", "0x40")}`],
    ["i2c get lm75", `error: Chip address "lm75" is not a number.\n${NUMBERS}`],
    ["i2c get 0x54 08", `error: Register "08" is not a number.\n${NUMBERS}`],
    ["i2c get 0x54 256", "error: Register 256 is out of range: 0 to 255.\n"],
    ["i2c get 0x54 0 i 33", "error: Length 33 is out of range: 1 to 32.\n"],
    ["i2c set 0x54 14 0x100", "error: Value 0x100 is out of range: 0x00 to 0xff.\n"],
    ["i2c set 0x54 14 0x10000 w", "error: Value 0x10000 is out of range: 0x00 to 0xffff.\n"],
    ["i2c set -m 0 0x54 14 1", "error: Mask 0 is out of range: 1 to 255.\n"],
    ["i2c dump 0x54 b 16", "error: Bank 16 is out of range: 0 to 15.\n"],
    ["i2c dump -r 5 0x54", 'error: "5" is not a range of registers.\nhint: For example: -r 0x00-0x1f\n'],
    ["i2c dump -r 5-4 0x54", "error: The last register 4 is below the first, 5.\n"],
    ["i2c dump -r 0-256 0x54", "error: Last register 256 is out of range: 0 to 255.\n"],
    ["i2c dump -r a-b 0x54", `error: First register "a" is not a number.\n${NUMBERS}`],
    ["i2c dump -r 1-4 0x54 W", "error: In mode W the first register is even and the last odd.\n"],
    [
      "i2c detect 0x20",
      "error: The last address is missing.\nhint: For example: virtio-msg i2c detect 0x20 0x77\n",
    ],
    ["i2c detect 0x20 0x10", "error: The last address 0x10 is below the first, 0x20.\n"],
    ["i2c detect 3 0x77", `error: Chip address 3 is out of range: 8 to 119.\n${RESERVED}`],
  ])("%s", (...failure) => expectFailure(failure, 2))
})

describe.concurrent("exit code 2: modes and messages", () => {
  it.each<Case>([
    ["i2c get 0x54 0 z", 'error: "z" is not a mode here.\nhint: A mode is b, w, c or i.\n'],
    ["i2c get 0x54 0 s", BLOCK_READ],
    ["i2c get 0x54 0 ip", "error: Mode i has no packet error checking (p).\n"],
    [
      "i2c get 0x54 0 w 4",
      "error: Only an I2C block has a length, not mode w.\nhint: For example: virtio-msg i2c get 0x54 0 i 4\n",
    ],
    ["i2c dump 0x54 s", BLOCK_READ],
    ["i2c dump 0x54 x", 'error: "x" is not a mode here.\nhint: A mode is b, w, W, c or i.\n'],
    ["i2c dump 0x54 i 1", "error: Mode i does not go with a bank.\n"],
    ["i2c set 0x54 14 1 z", 'error: "z" is not a mode here.\nhint: A mode is c, b, w, s or i.\n'],
    ["i2c set 0x54 14 w", "error: Mode w takes one value, not 0.\n"],
    [
      "i2c set 0x54 14 1 2",
      "error: Mode b takes one value, not 2.\nhint: Several values are an I2C block: put an i behind them.\n",
    ],
    ["i2c set 0x54 14 1 c", "error: Mode c takes no value.\n"],
    ["i2c set 0x54 14 i", "error: Mode i takes 1 to 32 values, not 0.\n"],
    ["i2c set -r 0x54 14 1 2 i", "error: -r does not go with a block (mode i).\n"],
    ["i2c set -m 1 0x54 14 1 2 s", "error: -m does not go with a block (mode s).\n"],
    ["i2c transfer w1 0", "error: The first message needs an address.\nhint: For example: w1@0x50 0x00 r8\n"],
    ["i2c transfer w4@0x54 0 1", 'error: "w4@0x54" lacks 2 bytes of data.\n'],
    ["i2c transfer x1@0x54", `error: "x1@0x54" is no message.\n${MESSAGE}`],
    ["i2c transfer r@0x54", `error: "r@0x54" is no message.\n${MESSAGE}`],
    ["i2c transfer r65536@0x54", "error: Message length 65536 is out of range: 0 to 65535.\n"],
    ["i2c transfer r?@0x54", BLOCK_READ],
    ["i2c transfer w1@0x54 0x100", "error: Data byte 0x100 is out of range: 0x00 to 0xff.\n"],
    ["i2c transfer w1@0x54 1z", `error: Data byte "1z" is not a number.\n${NUMBERS}`],
    ["i2c transfer r1@0x78", `error: Chip address 0x78 is out of range: 0x08 to 0x77.\n${RESERVED}`],
  ])("%s", (...failure) => expectFailure(failure, 2))
})

describe.concurrent("exit code 2: the command line", () => {
  it.each<Case>([
    ["dmeo", "error: unknown command 'dmeo'\nhint: Did you mean demo?\nhint: See virtio-msg --help\n"],
    [
      "i2c dmup",
      "error: unknown command 'dmup'\nhint: Did you mean dump?\nhint: See virtio-msg i2c --help\n",
    ],
    ["i2c get", `error: missing required argument 'chip'\n${SEE_GET}`],
    ["i2c get --frob 0x54", `error: unknown option '--frob'\n${SEE_GET}`],
    ["i2c get 1 2 b 4 5", `error: too many arguments for 'get'. Expected 4 arguments but got 5.\n${SEE_GET}`],
    [
      "i2c detect -q -r",
      "error: option '-q' cannot be used with option '-r'\nhint: See virtio-msg i2c detect --help\n",
    ],
    [
      "--port foo info",
      'error: "foo" is no port.\nhint: A port is sim, sim-native, auto, a serial port\'s path, serial:NUMBER, unix:PATH, tcp://HOST:PORT, tcp-listen://[ADDRESS]:PORT, plain:unix:PATH or qemu-msg:FOLDER/NAME.\n',
    ],
    [
      "attach --bus virtio-msg --devices i2c",
      "error: --devices is not for --bus virtio-msg.\nhint: All the board's devices are attached: leave it out.\n",
    ],
    [
      "attach --bus virtio-msg --detach",
      "error: --detach is not for --bus virtio-msg: nothing would end it.\nhint: Run it as a service, or leave it to your shell: put & behind it, and end it with kill.\n",
    ],
    [
      "attach --endpoint loopback:a",
      "error: --endpoint is not for --bus usb.\nhint: Add --bus virtio-msg.\n",
    ],
    [
      "attach --bus virtio-msg --endpoint Loop/x",
      'error: "Loop/x" is no endpoint.\nhint: It is loopback, or loopback:NAME for one of several boards.\n',
    ],
    [
      "conform foo",
      "error: conform starts no foo.\nhint: A driver's command is for conform driver, a device model's for --bridge-kernel.\n",
    ],
    [
      "sim --listen foo",
      'error: "foo" is nothing to listen on.\nhint: Use unix:PATH, tcp://127.0.0.1:PORT or pty.\n',
    ],
  ])("%s", (...failure) => expectFailure(failure, 2))

  it("prints its help, on stderr, when no command is given", async () => {
    for (const line of ["", "i2c"]) {
      const { code, stdout, stderr } = await virtioMsg(line)
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
      expect(stderr).toMatch(/^Usage: virtio-msg .*\[command\]\n/)
    }
  })
})

describe.concurrent("exit code 3: no board", () => {
  it("a socket that is missing", () =>
    withFolder((folder) => {
      const port = `unix:${path.join(folder, "none.sock")}`
      return expectFailure(
        [
          `--port ${port} i2c detect`,
          `error: Cannot connect to ${port}: connect ENOENT ${port.slice("unix:".length)}\n` +
            `hint: Is a board listening there? Start one: virtio-msg sim --listen ${port}\n`,
        ],
        3,
      )
    }))

  it("a socket in a folder that is missing, and a file that is none", () =>
    withFolder(async (folder) => {
      const connect = `error: Cannot connect to unix:${folder}`
      const [away, file] = [path.join(folder, "away"), path.join(folder, "file")]
      await writeFile(file, "")
      await expectFailure(
        [
          `--port unix:${away}/board.sock info`,
          `${connect}/away/board.sock: there is no folder ${away}.\n` +
            "hint: Is the path right? A simulated board prints the one that it has.\n",
        ],
        3,
      )
      await expectFailure(
        [
          `--port unix:${file} info`,
          `${connect}/file: ${file} is no socket.\n` +
            "hint: A serial port is named without unix: in front, as in --port /dev/ttyACM0\n",
        ],
        3,
      )
    }))

  it("another computer, where nobody listens", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED 192.0.2.1:7000"), { code: "ECONNREFUSED" })
    expect(cannotConnect("tcp://192.0.2.1:7000", { host: "192.0.2.1", port: 7000 }, refused).hint).toBe(
      "Is a board listening there? Start one on that computer: virtio-msg sim --expose --listen tcp://0.0.0.0:7000",
    )
  })

  it.each<Case>([
    [
      "--port /dev/ttyACM99 info",
      "error: There is no serial port /dev/ttyACM99.\n" +
        "hint: Plug the board in, or use --port sim for the simulated one.\n",
    ],
    [
      "--port tcp://127.0.0.1:1 info",
      "error: Cannot connect to tcp://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1\n" +
        "hint: Is a board listening there? Start one: virtio-msg sim --listen tcp://127.0.0.1:1\n",
    ],
  ])("%s", (...failure) => expectFailure(failure, 3))
})

describe.concurrent("an error, for who reads results as JSON", () => {
  it.each([
    ["--port /dev/ttyACM99 info --json", 3, "NOT_FOUND", /^There is no serial port/, /^Plug the board in/],
    [
      "info --json --nonsense",
      2,
      "INVALID_ARGUMENT",
      /^unknown option '--nonsense'$/,
      /^See .* info --help$/,
    ],
    ["ports --json one", 2, "INVALID_ARGUMENT", /^too many arguments/, /^See virtio-msg ports --help$/],
    ["nonsense --json", 2, "INVALID_ARGUMENT", /^unknown command 'nonsense'$/, /^See virtio-msg --help$/],
    ["inf --json", 2, "INVALID_ARGUMENT", /^unknown command 'inf'$/, /^Did you mean info\? See/],
    ["gpio --json", 2, "INVALID_ARGUMENT", /^unknown option '--json'$/, /^See .* gpio --help$/],
    ["--port foo gpio info --json", 2, "INVALID_ARGUMENT", /^"foo" is no port/, /^A port is/],
  ] as const)("%s", async (line, code, name, message, hint) => {
    const outcome = await virtioMsg(line)
    expect(outcome).toMatchObject({ code, stdout: "" })
    expect(JSON.parse(outcome.stderr)).toEqual({
      error: { code: name, message: expect.stringMatching(message), hint: expect.stringMatching(hint) },
    })
  })
})

describe("a defect of virtio-msg", () => {
  it.each([
    ["boards", (text: string) => text.startsWith("error: a defect of virtio-msg: Error: made by a test\n")],
    [
      "boards --json",
      (text: string) => {
        const { code, message, hint } = JSON.parse(text).error
        expect(message).toMatch(/^a defect of virtio-msg: Error: made by a test\n/)
        return code === "DEFECT" && hint.startsWith("Please report it")
      },
    ],
  ])("is said as the results are: %s", async (line, isRight) => {
    let stderr = ""
    const write = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      stderr += text
      return true
    })
    const code = await runCommand(line.split(" "))
    write.mockRestore()
    expect({ code, isRight: isRight(stderr) }).toEqual({ code: 1, isRight: true })
  })
})

describe("a disk that is full", () => {
  it.skipIf(UNLESS_LINUX)(`is told in a sentence, with exit code 1${UNLESS_LINUX}`, () => {
    const full = openSync("/dev/full", "w")
    const { status, stderr } = spawnSync(process.execPath, [MAIN, "boards"], {
      stdio: ["ignore", full, "pipe"],
      encoding: "utf8",
    })
    closeSync(full)
    expect(stderr).toMatch(
      /^error: Cannot write to standard output: .*ENOSPC.*\.\nhint: Is the disk full\?\n$/,
    )
    expect(status).toBe(1)
  })
})
