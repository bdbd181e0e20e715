// Every command that a hint, a help text or the documentation tells people to type is accepted when it is typed: its
// command, its options and its arguments are valid. Hints are found in the sources, as strings in which the command's
// name stands, so that a new one is looked at, too.

import { readFileSync } from "node:fs"
import path from "node:path"
import ts from "typescript"
import { describe, expect, it, vi } from "vitest"
import { findFault } from "../../host/src/cli/check-line.js"
import { COMMANDS } from "../../host/src/cli/commands.js"
import { repositoryFiles } from "../support/repository-files.js"
import { words } from "./help-examples.js"

// it looks for package.json beside dist/
vi.mock("../../host/src/cli/version.js", () => ({ application: () => "test", packageVersion: () => "0" }))

const ROOT = path.join(import.meta.dirname, "../..")

/** What the expressions in hints may stand for when somebody reads them. A new one needs an example here. */
const EXPRESSIONS: Readonly<Record<string, string>> = {
  port: "/dev/ttyACM0",
  "server.port": "unix:/tmp/board.sock",
  "flashed.port": "/dev/ttyACM0",
  "listeningPort(dial)": "tcp-listen://:7654",
  "this.name": "unix:/tmp/board.sock",
  "options.replay": "/tmp/read.pcapng",
  "first.name": "sim-1234",
  'what.join(" ")': "i2c detect",
  'words.join(" ")': "i2c detect",
  "asked.id": "pico",
  where: "unix:/tmp/board.sock",
  tcpPort: "7000",
  kernel: "/tmp/zImage",
  chip: "0x54",
  register: "14",
  registerText: "14",
  lengthText: "4",
  first: "0x20",
  name: "lm75",
  "hex(type.addresses[0] ?? 0)": "0x48",
  LED: "LED",
  value: "1",
  use: "i2c detect",
  verb: "get",
  more: "",
  group: "i2c",
  command: "get",
  typed: "i2c detect",
  each: "info",
  example: "detect",
  EXAMPLE: "virtio-msg sim --chip ./my-chip.ts@0x40",
}

/** Words in capitals that a reader replaces, and what by. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  FILE: "/tmp/read.pcapng",
  "FILE@ADDRESS": "./my-chip.ts@0x40",
  BOARD: "pico",
  COMMAND: "i2c detect",
  SHELL: "bash",
  LINE: "BUTTON",
  "HOST:PORT": "192.0.2.10:7654",
  "unix:PATH": "unix:/tmp/board.sock",
}

/** What stands behind the project's name where no command is meant. */
const PROSE = [
  "that",
  "bus",
  "in",
  "itself",
  "of",
  "firmware",
  "is",
  "running",
  "have",
  "revision",
  "message",
  "service",
  "mailbox",
  "commands",
  "conformance",
]
/** Where a command ends in a sentence: at its punctuation, or before one of these words. */
const END =
  /(?:(?:[.,;:)!?]+(?= |$))| \(| (?:a|again|and|as|ends|goes|here|it|knows|lists|needs|shows|tells|which|with|works)\b(?!:)).*$/
/** Where it ends in a line of a shell: at a comment, a pipe, another command. */
const SHELL_END = /\s+(?:#|\||&|>|2>|;|\)).*$|[;)`"]+.*$/

const NAMES = new Set([...COMMANDS.map(({ name }) => name), "help"])

/** The command lines in a text, without the command's own name. */
function commandsIn(text: string, isCode: boolean): string[] {
  const found: string[] = []
  for (const line of text.split("\n"))
    for (const piece of line.split(/(?<!-- |--bus )(?<![\w./@-])virtio-msg(?= )/).slice(1)) {
      const rest = piece.trim()
      const command = (isCode ? rest : rest.replace(END, "")).replace(SHELL_END, "").trim()
      const [word = ""] = command.split(" ")
      if (command === "" || command.includes("[options]")) continue
      const isCommand = word.startsWith("-") ? /^-\w|^--\w/.test(word) : NAMES.has(word)
      // whatever else begins like a command is one that was misspelt
      if (isCommand || (/^[a-z]/.test(word) && !PROSE.includes(word))) found.push(command)
    }
  return found
}

const asTyped = (command: string) =>
  words(command).flatMap((word) => PLACEHOLDERS[word]?.split(" ") ?? [word])

/** A text about a command names it without what it takes. */
const IS_MENTIONED = /missing required argument|argument missing|not specified|^Usage: /

async function faultsOf(commands: readonly string[], isMention = false): Promise<object[]> {
  const faults: object[] = []
  for (const command of new Set(commands)) {
    const fault = await findFault(asTyped(command))
    if (fault !== undefined && !(isMention && IS_MENTIONED.test(fault))) faults.push({ command, fault })
  }
  return faults
}

/** The texts of a source file: its strings, joined where they are added to each other, and expressions by example. */
function textsOf(file: string): string[] {
  const written = readFileSync(path.join(ROOT, file), "utf8")
  if (!written.includes("virtio-msg ")) return []
  const source = ts.createSourceFile(file, written, ts.ScriptTarget.Latest, true)
  const texts: string[] = []
  const textOf = (node: ts.Node): string | undefined => {
    if (ts.isStringLiteralLike(node)) return node.text
    if (ts.isTemplateExpression(node)) {
      let whole = node.head.text
      for (const { expression, literal } of node.templateSpans) {
        const written = expression.getText()
        // a call has texts of its own, which are looked at by themselves
        const unknown = ts.isCallExpression(expression) ? "\n" : `\0${written}\0`
        const example = EXPRESSIONS[written] ?? textOf(expression) ?? unknown
        whole += example + literal.text
      }
      return whole
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
      const [left, right] = [textOf(node.left), textOf(node.right)]
      return left === undefined && right === undefined ? undefined : `${left ?? "\0"}${right ?? "\0"}`
    }
    return undefined
  }
  const visit = (node: ts.Node): void => {
    const text = textOf(node)
    if (text === undefined) ts.forEachChild(node, visit)
    else {
      texts.push(text)
      if (!ts.isStringLiteralLike(node)) ts.forEachChild(node, visit)
    }
  }
  visit(source)
  return texts
}

const SOURCES = repositoryFiles((file) => /^host\/((web\/|i2c-bus\/)?src\/.*\.ts|bin\/.*\.js)$/.test(file))
const PAGES = repositoryFiles((file) =>
  /^(README|CONTRIBUTING|CHANGELOG|docs\/.*|.*\/README)\.md$/.test(file),
)

describe("the commands that people are told to type", () => {
  it("are accepted, in the hints, messages and help texts of the sources", async () => {
    const texts = SOURCES.flatMap(textsOf).filter((text) => text.includes("virtio-msg "))
    const commands = texts.flatMap((text) => commandsIn(text, false))
    expect(commands.length).toBeGreaterThan(100)
    expect(commands).toEqual(expect.arrayContaining(["i2c detect", "ports", "trace --list"]))
    expect(commands.filter((command) => command.includes("\0"))).toEqual([])
    expect(await faultsOf(commands)).toEqual([])
  })

  it("are accepted, in the documentation", async () => {
    const commands: string[] = []
    const mentions: string[] = []
    for (const page of PAGES) {
      const text = readFileSync(path.join(ROOT, page), "utf8")
      for (const [, block = ""] of text.matchAll(/^```\w*\n([\s\S]*?)^```$/gm))
        commands.push(...commandsIn(block.replace(/\\\n\s*/g, ""), true))
      for (const [, code = ""] of text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/`([^`]+)`/g))
        mentions.push(...commandsIn(code.replace(/\s+/g, " "), true))
    }
    expect(commands.length).toBeGreaterThan(50)
    expect(mentions.length).toBeGreaterThan(30)
    expect(await faultsOf(commands)).toEqual([])
    expect(await faultsOf(mentions, true)).toEqual([])
  })
})
