// Finds places that stand twice: runs of lines that are alike but for names, numbers and strings.

/** A line of code that counts, by what it is rather than by what it says. */
export interface Line {
  readonly file: string
  /** Counts from 1. */
  readonly line: number
  readonly shape: string
}

/** A run of lines that stands in two places, which are named by their first lines. */
export interface Repetition {
  readonly lines: number
  readonly first: Line
  readonly second: Line
}

const KEYWORDS =
  /^(?:as|async|await|break|case|catch|class|const|continue|default|delete|else|export|extends|false|finally|for|function|get|if|implements|in|instanceof|interface|let|new|null|of|private|protected|public|readonly|return|set|static|super|switch|this|throw|true|try|type|typeof|undefined|void|while|yield)$/

/** The lines of a TypeScript file that count: no comments, no imports, no lone brackets. */
export function shapesOf(file: string, text: string): Line[] {
  const lines: Line[] = []
  let isImport = false
  for (const [at, raw] of text.split("\n").entries()) {
    const code = raw.trim()
    if (/^import\b|^export (?:type )?\{/.test(code)) isImport = true
    const isLeftOut = isImport || /^(?:\/\/|\/?\*)/.test(code)
    if (isImport && /["}]$/.test(code) && !/\{$/.test(code)) isImport = false
    if (isLeftOut) continue
    const shape = code
      .replace(/\s\/\/ .*$/, "")
      .replace(/"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "'")
      .replace(/#?[A-Za-z_$][\w$]*/g, (word) => (KEYWORDS.test(word) ? word : "_"))
      .replace(/\b\d[\w.]*/g, "0")
    if (/\w/.test(shape) && shape.length > MIN_SHAPE) lines.push({ file, line: at + 1, shape })
  }
  return lines
}

/** `} else {` and `return` are everywhere. */
const MIN_SHAPE = 8

/** Runs of at least `least` lines that two places share, the longest first. Rows of a table are not alike for that. */
export function repetitionsAmong(texts: readonly (readonly Line[])[], least: number): Repetition[] {
  const places = new Map<string, { lines: readonly Line[]; at: number }[]>()
  for (const lines of texts)
    for (let at = 0; at + least <= lines.length; at++) {
      const shapes = lines.slice(at, at + least).map(({ shape }) => shape)
      if (new Set(shapes).size <= (2 * least) / 3) continue
      const key = shapes.join("\n")
      const found = places.get(key)
      if (found) found.push({ lines, at })
      else places.set(key, [{ lines, at }])
    }
  const repetitions: Repetition[] = []
  for (const found of places.values())
    for (const [n, a] of found.entries())
      for (const b of found.slice(n + 1)) {
        if (a.lines === b.lines && b.at < a.at + least) continue
        if (a.lines[a.at - 1] && a.lines[a.at - 1]?.shape === b.lines[b.at - 1]?.shape) continue // told where it begins
        let lines = least
        while (a.lines[a.at + lines] && a.lines[a.at + lines]?.shape === b.lines[b.at + lines]?.shape) lines++
        repetitions.push({ lines, first: a.lines[a.at] as Line, second: b.lines[b.at] as Line })
      }
  return repetitions.sort((a, b) => b.lines - a.lines)
}
