// Help texts as wide as the terminal: what stands behind the options is prose, which commander leaves as it is.

import { hanging } from "./table.js"

/** As commander takes it for what it wraps itself: that of a terminal, else 80. */
export function helpWidth(stream: { isTTY?: boolean; columns?: number } = process.stdout): number {
  return (stream.isTTY && stream.columns) || 80
}

/** The paragraphs of `text` in lines of at most `width`. What is indented stays: lists, and commands to be copied. */
export function foldHelp(text: string, width = helpWidth()): string {
  const folded: string[] = []
  let paragraph: string[] = []
  const flush = () => {
    if (paragraph.length > 0) folded.push(...hanging("", paragraph.join(" "), { width }))
    paragraph = []
  }
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(" ")) {
      flush()
      folded.push(line)
    } else paragraph.push(line)
  }
  flush()
  return folded.join("\n")
}
