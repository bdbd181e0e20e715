// `i2c set` and `transfer`: byte for byte what i2cset and i2ctransfer 4.3 print, and what they leave in the chips.

import { describe, expect, it } from "vitest"
import { stdoutOf, withSimulator } from "./command.js"

/** Runs `lines` one after another against one simulated board: `[i2c ..., stdout]`. */
function session(lines: readonly (readonly [string, string])[]): Promise<void> {
  return withSimulator(async (port) => {
    for (const [line, expected] of lines)
      expect({ line, stdout: await stdoutOf(`--port ${port} i2c ${line}`) }).toEqual({
        line,
        stdout: expected,
      })
  })
}

describe.concurrent("i2c set", () => {
  it("writes bytes, words and blocks without a word", () =>
    session([
      ["set 0x54 14 0x25", ""],
      ["get 0x54 14", "0x25\n"],
      ["set -y -f 0x54 14 0x26 b", ""],
      ["set 0x54 15 0x4142 w", ""],
      ["get 0x54 14 i 3", "0x26 0x42 0x41\n"],
      ["set 0x54 0 1 2 3 i", ""],
      ["set 0x54 5 9 8 s", ""], // its length first
      ["get 0x54 0 i 9", "0x01 0x02 0x03 0x34 0x35 0x02 0x09 0x08 0x39\n"],
    ]))

  it("sets the chip's pointer when there is no value", () =>
    session([
      ["set 0x54 14", ""],
      ["get 0x54", "0x66\n"],
      ["set 0x54 3 c", ""],
      ["get 0x54", "0x34\n"],
    ]))

  it("puts a packet error code behind the last byte", () =>
    session([
      // a chip without it stores it as one more byte: CRC-8 of a8 0e 01, and of a8 03
      ["set 0x54 14 1 bp", ""],
      ["get 0x54 14 i 3", "0x01 0xc8 0x68\n"],
      ["set 0x54 3 cp", ""],
      ["get 0x54 3", "0xb9\n"],
    ]))

  it("reads back and compares with -r", () =>
    session([
      ["set -r 0x54 14 0x33", "Value 0x33 written, readback matched\n"],
      ["set -r 0x54 14 0x3344 w", "Value 0x3344 written, readback matched\n"],
      ["set -r 0x54 14", "Warning - data mismatch - wrote 0x0e, read back 0x44\n"],
      ["set -r 0x76 0xd0 0x61", "Warning - data mismatch - wrote 0x61, read back 0x60\n"], // it cannot be written
    ]))

  it("writes only the bits of -m", () =>
    session([
      ["set -m 0x0f 0x54 14 0xaa", ""],
      ["get 0x54 14", "0x6a\n"], // from 0x66
      ["set -m 0xf0 -r 0x54 14 0x5f", "Value 0x5a written, readback matched\n"],
      ["set -m 0x0ff0 -r 0x54 14 0x1234 w", "Value 0x623a written, readback matched\n"], // from 0x675a
    ]))
})

describe.concurrent("i2c transfer", () => {
  it("prints a line per message that reads", () =>
    session([
      ["transfer w1@0x50 0x00 r8", "0x76 0x69 0x72 0x74 0x69 0x6f 0x2d 0x6d\n"],
      ["transfer -y w1@0x50 0x10 r2 w1@0x54 0x0e r0x03", "0x24 0x34\n0x66 0x67 0x68\n"],
      ["transfer r0@0x50", ""],
      ["transfer w0@0x50", ""],
    ]))

  it("prints every message with -v", () =>
    session([
      [
        "transfer -v w2@0x54 0 0x41 r2 w0@0x50 r0",
        "msg 0: addr 0x54, write, len 2, buf 0x00 0x41\n" +
          "msg 1: addr 0x54, read, len 2, buf 0x32 0x33\n" +
          "msg 2: addr 0x50, write, len 0\n" +
          "msg 3: addr 0x50, read, len 0\n",
      ],
    ]))

  it("fills a message with the suffixes = + - p", () =>
    session([
      ["transfer w6@0x54 0 7=", ""],
      ["get 0x54 0 i 6", "0x07 0x07 0x07 0x07 0x07 0x36\n"],
      ["transfer w6@0x54 0 1 0xfe+", ""],
      ["get 0x54 0 i 6", "0x01 0xfe 0xff 0x00 0x01 0x36\n"],
      ["transfer w6@0x54 0 1-", ""],
      ["get 0x54 0 i 6", "0x01 0x00 0xff 0xfe 0xfd 0x36\n"],
      ["transfer w4@0x54 0 0p", ""], // i2ctransfer(8): "0p means 0x00, 0x50, 0xb0"
      ["get 0x54 0 i 4", "0x00 0x50 0xb0 0xfe\n"],
      ["transfer -v w17@0x50 0x42 0xff-", `msg 0: addr 0x50, write, len 17, buf 0x42 ${COUNTED_DOWN}\n`],
      // the EEPROM's page has 8 bytes: the second half went over the first
      ["get 0x50 0x40 i 8", "0xf1 0xf0 0xf7 0xf6 0xf5 0xf4 0xf3 0xf2\n"],
    ]))
})

const COUNTED_DOWN = Array.from({ length: 16 }, (_, at) => `0x${(0xff - at).toString(16)}`).join(" ")
