// Tables of text: columns as wide as what is in them, and the last one wrapped where a terminal ends.

/** With less room than this, the terminal wraps the last column. */
const LEAST_ROOM = 20

/** The width of the terminal. Infinite for a pipe or a file, whose lines stay whole. */
export function terminalWidth(): number {
  return (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY
}

/** The lines of `rows`, each a list of cells. Where `width` ends, the last column continues on the next line. */
export function formatTable(rows: readonly (readonly string[])[], width = terminalWidth()): string[] {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows.flatMap((row) => {
    const head = row.slice(0, -1).map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `)
    return hanging(head.join(""), row.at(-1) ?? "", { width })
  })
}

/**
 * `head` and `text` as a line of at most `width` columns, or as several: the text continues below its own beginning.
 * That is `indent` columns from the left, or the length of the head when absent. A head with colours is longer than it
 * looks.
 */
export function hanging(
  head: string,
  text: string,
  { indent = head.length, width = terminalWidth() }: { indent?: number; width?: number } = {},
): string[] {
  const room = width - indent
  if (text.length <= room || room < LEAST_ROOM) return [`${head}${text}`.trimEnd()]
  const lines: string[] = []
  for (const word of text.split(" ")) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.map((line, at) => `${at === 0 ? head : " ".repeat(indent)}${line}`.trimEnd())
}
