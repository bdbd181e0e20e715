// Where the command that is traced begins on a command line.

import { describe, expect, it } from "vitest"
import { splitTraced } from "../../host/src/cli/split-traced.js"

const split = (line: string) => {
  const { own, traced } = splitTraced(line.split(" "))
  return [own.join(" "), traced?.join(" ")]
}

describe("a traced command", () => {
  it("begins behind --, or with a command's name as trace's first word", () => {
    expect(split("--port sim trace -- i2c get 0x54 14")).toEqual(["--port sim trace", "i2c get 0x54 14"])
    expect(split("--port sim trace i2c get 0x54 14")).toEqual(["--port sim trace", "i2c get 0x54 14"])
    expect(split("trace --json -d 0,bus i2c get 0x54 14")).toEqual([
      "trace --json -d 0,bus",
      "i2c get 0x54 14",
    ])
  })

  it("is no capture of trace, no value of an option, and nothing behind other commands", () => {
    expect(split("trace ./i2c")).toEqual(["trace ./i2c", undefined])
    expect(split("trace -w demo")).toEqual(["trace -w demo", undefined])
    expect(split("--trace demo i2c detect")).toEqual(["--trace demo i2c detect", undefined])
    expect(split("help trace")).toEqual(["help trace", undefined])
  })
})
