// The blocks of code on our pages: which there are, and what the mark before one says of how it is tried.

import { readFileSync } from "node:fs"
import path from "node:path"
import { repositoryFiles } from "../support/repository-files.js"

export const ROOT = path.join(import.meta.dirname, "../..")

/** The pages that a person reads: all but the list of changes. */
export function pages(): string[] {
  return repositoryFiles((name) => name.endsWith(".md") && name !== "CHANGELOG.md")
}

/**
 * What may stand in `<!-- not run: REASON -->` or `<!-- not run: REASON (TEST) -->`: why the block cannot run where the
 * tests of the documentation do. TEST is a file that does what it shows, where that is at hand.
 */
export const REASONS = [
  "needs a board",
  "needs a peer",
  "needs a network",
  "needs a Linux guest",
  "needs Wireshark",
  "takes long",
  "changes the machine",
]

export interface Block {
  /** The page, from the root. */
  readonly page: string
  /** Of the line with the fence, from 1. */
  readonly line: number
  /** What stands behind the fence, such as `sh`; "" for a picture or an output. */
  readonly language: string
  readonly code: string
  /** `<!-- KIND: TEXT -->` on the line before the fence. */
  readonly mark: { readonly kind: string; readonly text: string } | undefined
}

/** All blocks of a page, in order. */
export function blocksOf(page: string, text = readFileSync(path.join(ROOT, page), "utf8")): Block[] {
  const lines = text.split("\n")
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; at++) {
    const [, language] = /^```(\w*)$/.exec(lines[at] ?? "") ?? []
    if (language === undefined) continue
    const end = lines.indexOf("```", at + 1)
    if (end < 0) throw new Error(`${page}:${at + 1} opens a block that nothing closes.`)
    const [, kind = "", said = ""] = /^<!-- ([\w ]+): (.+) -->$/.exec(lines[at - 1] ?? "") ?? []
    blocks.push({
      page,
      line: at + 1,
      language,
      code: lines.slice(at + 1, end).join("\n"),
      mark: kind === "" ? undefined : { kind, text: said },
    })
    at = end
  }
  return blocks
}

/** The commands of a block for a shell, each with its comment, and with what a backslash continues. */
export function commandsOf({ code }: Block): { command: string; comment: string }[] {
  return code
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => {
      const [, command = "", comment = ""] = /^(.*?)(?:(?:^|\s+)# (.*))?$/.exec(line) ?? []
      return { command: command.trim(), comment: comment.trim() }
    })
    .filter(({ command }) => command !== "")
}

/** The file that a program says it is, in its first line. */
export const fileOf = ({ code }: Block) => /^\/\/ (\S+\.ts)\b/.exec(code)?.[1]
