// `i2c detect`, `get` and `dump`: byte for byte what i2cdetect, i2cget and i2cdump 4.3 print. The expected texts
// were compared with what Debian's binaries print when their ioctls reach the same simulated chips.

import path from "node:path"
import { describe, expect, it } from "vitest"
import { serveBoard } from "../../host/src/node/board-server.js"
import { readFirmware } from "../../host/src/vm/firmware-image.js"
import { VirtualMachine } from "../../host/src/vm/virtual-machine.js"
import { stdoutOf, virtioMsg, withFolder, withSimulator } from "./command.js"

const DETECT_HEADER = "     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f\n"
const NOTHING_FOUND = "-- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- \n"
const NOT_ASKED = `${" ".repeat(48)}\n`
const BYTES_HEADER = "     0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f    0123456789abcdef\n"
const WORDS_HEADER = "     0,8  1,9  2,a  3,b  4,c  5,d  6,e  7,f\n"

/** The EEPROM as it leaves the factory: a text, and erased cells. */
const EEPROM =
  BYTES_HEADER +
  "00: 76 69 72 74 69 6f 2d 6d 73 67 20 6f 6e 20 61 20    virtio-msg on a \n" +
  "10: 24 34 20 62 6f 61 72 64 ff ff ff ff ff ff ff ff    $4 board........\n" +
  ["20", "30", "40", "50", "60", "70", "80", "90", "a0", "b0", "c0", "d0", "e0", "f0"]
    .map((row) => `${row}: ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff    ................\n`)
    .join("")

describe.concurrent("i2c detect", () => {
  it("of a bus on which nothing answers says what to look at", async () => {
    await withFolder(async (folder) => {
      const machine = new VirtualMachine({ program: readFirmware("hardware") }) // has no bus in the VM
      await machine.start()
      const board = await serveBoard(machine, `unix:${path.join(folder, "board.sock")}`)
      try {
        const { code, stdout, stderr } = await virtioMsg(`--port ${board.port} i2c detect`)
        expect([code, stdout.split("\n").length]).toEqual([0, 10])
        expect(stderr).toMatch(
          /^No chip answered\.\nhint: Are SDA and SCL the right way round, each with a pull-up /,
        )
        expect((await virtioMsg(`--port ${board.port} i2c detect 0x20 0x30`)).stderr).toBe("")
      } finally {
        await board.close()
        machine.stop()
      }
    })
  })

  it("prints the table of chips", async () => {
    expect(await stdoutOf("--port sim i2c detect")).toBe(
      DETECT_HEADER +
        "00:                         -- -- -- -- -- -- -- -- \n" +
        `10: ${NOTHING_FOUND}20: ${NOTHING_FOUND}30: ${NOTHING_FOUND}` +
        "40: -- -- -- -- -- -- -- -- 48 -- -- -- -- -- -- -- \n" +
        "50: 50 -- -- -- 54 -- 56 -- -- -- -- -- -- -- -- -- \n" +
        `60: ${NOTHING_FOUND}` +
        "70: -- -- -- -- -- -- 76 --                         \n",
    )
  })

  it.each(["-y -a", "-a -q", "-a -r", "-a 0 0x7f"])("asks all 128 addresses with %s", async (options) => {
    expect(await stdoutOf(`--port sim i2c detect ${options}`)).toBe(
      DETECT_HEADER +
        `00: ${NOTHING_FOUND}10: ${NOTHING_FOUND}20: ${NOTHING_FOUND}30: ${NOTHING_FOUND}` +
        "40: -- -- -- -- -- -- -- -- 48 -- -- -- -- -- -- -- \n" +
        "50: 50 -- -- -- 54 -- 56 -- -- -- -- -- -- -- -- -- \n" +
        `60: ${NOTHING_FOUND}` +
        "70: -- -- -- -- -- -- 76 -- -- -- -- -- -- -- -- -- \n",
    )
  })

  it("asks a range only, in decimal and in hexadecimal", async () => {
    expect(await stdoutOf("--port sim i2c detect 75 0x55")).toBe(
      `${DETECT_HEADER}00: ${NOT_ASKED}10: ${NOT_ASKED}20: ${NOT_ASKED}30: ${NOT_ASKED}` +
        `40: ${" ".repeat(33)}-- -- -- -- -- \n` +
        `50: 50 -- -- -- 54 -- ${" ".repeat(30)}\n` +
        `60: ${NOT_ASKED}70: ${NOT_ASKED}`,
    )
  })

  it("lists the adapter with -l, under the name that Linux's driver gives it", async () => {
    expect(await stdoutOf("--port sim i2c detect -l")).toBe(
      "i2c-0\ti2c       \ti2c_virtio at virtio bus 0      \tI2C adapter\n",
    )
  })

  it("lists what the adapter can do with -F", async () => {
    expect(await stdoutOf("--port sim i2c detect -F")).toBe(
      "Functionalities implemented by /dev/i2c-0:\n" +
        "I2C                              yes\n" +
        "SMBus Quick Command              yes\n" +
        "SMBus Send Byte                  yes\n" +
        "SMBus Receive Byte               yes\n" +
        "SMBus Write Byte                 yes\n" +
        "SMBus Read Byte                  yes\n" +
        "SMBus Write Word                 yes\n" +
        "SMBus Read Word                  yes\n" +
        "SMBus Process Call               yes\n" +
        "SMBus Block Write                yes\n" +
        "SMBus Block Read                 no\n" +
        "SMBus Block Process Call         no\n" +
        "SMBus PEC                        yes\n" +
        "I2C Block Write                  yes\n" +
        "I2C Block Read                   yes\n",
    )
  })
})

describe.concurrent("i2c get", () => {
  it.each([
    ["0x54 14", "0x66\n"],
    ["-y -f 0x54 0x0e b", "0x66\n"],
    ["84 016", "0x66\n"],
    ["0x54", "0x31\n"],
    ["0x54 14 w", "0x6766\n"],
    ["0x54 14 c", "0x66\n"],
    ["0x54 3 i 5", "0x34 0x35 0x36 0x37 0x38\n"],
    ["0x54 3 i 1", "0x34\n"],
    ["0x76 0xd0", "0x60\n"],
    ["0x50 0 i", `${eepromText()} ${"0xff ".repeat(8).trimEnd()}\n`],
  ])("get %s", async (args, expected) => {
    expect(await stdoutOf(`--port sim i2c get ${args}`)).toBe(expected)
  })

  it("reads a temperature that moves", async () => {
    expect(await stdoutOf("--port sim i2c get 0x48 0 w")).toMatch(
      /^0x[0-9a-f]{2}(1[4-9a-f]|[2-3][0-9a-f])\n$/,
    )
  })

  it("goes on behind the byte that was read last", async () => {
    await withSimulator(async (port) => {
      const lines = []
      for (const args of ["0x54 17", "0x54", "0x54", "0x54"])
        lines.push(await stdoutOf(`--port ${port} i2c get ${args}`))
      expect(lines).toEqual(["0x69\n", "0x6a\n", "0x00\n", "0x31\n"]) // 20 bytes, then from the start again
    })
  })

  it("notices a chip without packet error checking", async () => {
    const { code, stdout, stderr } = await virtioMsg("--port sim i2c get 0x54 14 bp")
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "",
      // the chip went on to its next byte, "g"; CRC-8 of a8 0e a9 66 is what it should have been
      stderr:
        `error: The chip at 0x54 sent the packet error code 0x67 instead of 0x${crc8([0xa8, 14, 0xa9, 0x66])} ` +
        "(EBADMSG: Bad message).\nhint: Many chips have no packet error checking: try the mode without p.\n",
    })
  })
})

describe.concurrent("i2c dump", () => {
  it.each(["", " b", " c", " i", " W"])("prints the whole chip in mode%s", async (mode) => {
    expect(await stdoutOf(`--port sim i2c dump 0x50${mode}`)).toBe(EEPROM)
  })

  it("prints bytes that are no characters as question marks, and 0x00 as a point", async () => {
    expect(await stdoutOf("--port sim i2c dump -r 0x0c-0x1f 0x54")).toBe(
      `${BYTES_HEADER}00: ${" ".repeat(36)}64 65 66 67 ${" ".repeat(15)}defg\n` +
        "10: 68 69 6a 00 31 32 33 34 35 36 37 38 39 61 62 63    hij.123456789abc\n",
    )
    await withSimulator(async (port) => {
      await stdoutOf(`--port ${port} i2c set 0x54 0 0x1f 0x20 0x7e 0x7f 0x80 0xfe 0xff 0 i`)
      expect(await stdoutOf(`--port ${port} i2c dump -r 0-7 0x54`)).toBe(
        `${BYTES_HEADER}00: 1f 20 7e 7f 80 fe ff 00 ${" ".repeat(27)}? ~???..        \n`,
      )
    })
  })

  it("prints words", async () => {
    expect(await stdoutOf("--port sim i2c dump -r 3-0x12 0x50 w")).toBe(
      `${WORDS_HEADER}00: ${" ".repeat(15)}6974 6f69 2d6f 6d2d 736d \n` +
        "08: 6773 2067 6f20 6e6f 206e 6120 2061 2420 \n" +
        `10: 3424 2034 6220 ${" ".repeat(25)}\n`,
    )
  })

  it.each(["b", "c", "i"])("keeps to a range in mode %s", async (mode) => {
    expect(await stdoutOf(`--port sim i2c dump -r 0x13-0x21 0x50 ${mode}`)).toBe(
      `${BYTES_HEADER}10:          62 6f 61 72 64 ff ff ff ff ff ff ff ff       board........\n` +
        `20: ff ff ${" ".repeat(45)}..${" ".repeat(14)}\n`,
    )
  })

  it("prints XX where no chip answers, and goes on", async () => {
    expect(await stdoutOf("--port sim i2c dump -r 0x0e-0x1f 0x11")).toBe(
      `${BYTES_HEADER}00: ${" ".repeat(42)}XX XX ${" ".repeat(17)}XX\n` +
        `10: ${"XX ".repeat(16)}   ${"X".repeat(16)}\n`,
    )
    expect(await stdoutOf("--port sim i2c dump -r 6-7 0x11 w")).toBe(
      `${WORDS_HEADER}00: ${" ".repeat(30)}XXXX XXXX \n`,
    )
  })

  it("switches to a bank, and back", async () => {
    await withSimulator(async (port) => {
      // the RAM has no banks: its register 4 shows 0x35 with the bank in its lower half, then 0x35 again
      expect(await stdoutOf(`--port ${port} i2c dump -r 3-5 0x54 b 2 4`)).toBe(
        `${BYTES_HEADER}00:          34 32 36 ${" ".repeat(36)}426${" ".repeat(10)}\n`,
      )
      expect(await stdoutOf(`--port ${port} i2c get 0x54 4`)).toBe("0x35\n")
    })
  })
})

function eepromText(): string {
  return Array.from(Buffer.from("virtio-msg on a $4 board"), (byte) => `0x${byte.toString(16)}`).join(" ")
}

/** SMBus's packet error code, written once more: by polynomial division. */
function crc8(bytes: readonly number[]): string {
  let rest = BigInt(`0x${Buffer.from([...bytes, 0]).toString("hex")}`)
  for (let bit = BigInt(bytes.length * 8 + 7); bit >= 8n; bit--)
    if ((rest >> bit) & 1n) rest ^= 0x107n << (bit - 8n)
  return rest.toString(16).padStart(2, "0")
}

describe.concurrent("i2c, for programs", () => {
  it.each([
    ["i2c detect --json", { first: 8, last: 119, addresses: [0x48, 0x50, 0x54, 0x56, 0x76] }],
    ["i2c detect --json 0x50 0x55", { first: 0x50, last: 0x55, addresses: [0x50, 0x54] }],
    ["i2c detect -l --json", [{ number: 0, name: "i2c_virtio at virtio bus 0" }]],
    ["i2c get --json 0x54 14", { address: 0x54, register: 14, mode: "b", value: 0x66 }],
    ["i2c get --json 0x54", { address: 0x54, register: null, mode: "b", value: 0x31 }],
    ["i2c get --json 0x54 14 w", { address: 0x54, register: 14, mode: "w", value: 0x6766 }],
    ["i2c get --json 0x54 3 i 2", { address: 0x54, register: 3, mode: "i", values: [0x34, 0x35] }],
    ["i2c set --json 0x54 14 3", { address: 0x54, register: 14, mode: "b", values: [3] }],
    ["i2c set --json -r 0x54 14 3", { address: 0x54, register: 14, mode: "b", values: [3], readback: 3 }],
    [
      "i2c dump --json -r 0-3 0x54",
      { address: 0x54, mode: "b", first: 0, last: 3, values: [0x31, 0x32, 0x33, 0x34] },
    ],
    [
      "i2c dump --json -r 14-15 0x54 w",
      { address: 0x54, mode: "w", first: 14, last: 15, values: [0x6766, 0x6867] },
    ],
    [
      "i2c transfer --json w1@0x54 14 r1",
      {
        messages: [
          { address: 0x54, write: [14] },
          { address: 0x54, read: [0x66] },
        ],
      },
    ],
  ])("%s", async (line, expected) => {
    expect(JSON.parse(await stdoutOf(`--port sim ${line}`))).toEqual(expected)
  })

  it("lists what the adapter can do", async () => {
    const can = JSON.parse(await stdoutOf("--port sim i2c detect -F --json"))
    expect(can).toMatchObject({ I2C: true, "SMBus Block Read": false })
  })

  it("dumps a gap as null", async () => {
    const { values } = JSON.parse(await stdoutOf("--port sim i2c dump --json -r 0-1 0x11"))
    expect(values).toEqual([null, null])
  })

  it("transfer -b writes the bytes that were read, and nothing else", async () => {
    expect(await stdoutOf("--port sim i2c transfer -b w1@0x54 14 r2 r1")).toBe("fgh")
  })
})
