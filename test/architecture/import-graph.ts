// Which file of the product imports which: read by TypeScript's own scanner, so that type-only imports, re-exports and
// imports at run time count, and what stands in a comment does not.

import { readFileSync } from "node:fs"
import path from "node:path"
import ts from "typescript"

export interface Arrow {
  readonly from: string
  readonly to: string
}

/** The arrows between `files`, whose paths count from `root`; what leads out of them is left out. */
export function arrowsAmong(root: string, files: readonly string[]): Arrow[] {
  const known = new Set(files)
  return files.flatMap((from) =>
    ts
      .preProcessFile(readFileSync(path.join(root, from), "utf8"), true, true)
      .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
      .map(({ fileName }) => path.posix.join(path.posix.dirname(from), fileName.replace(/\.js$/, ".ts")))
      .filter((to) => known.has(to))
      .map((to) => ({ from, to })),
  )
}

/** The circles: sets of files of which each reaches each (Tarjan's strongly connected components). */
export function circlesIn(files: readonly string[], arrows: readonly Arrow[]): string[][] {
  const targets = new Map<string, string[]>(files.map((file) => [file, []]))
  for (const { from, to } of arrows) targets.get(from)?.push(to)
  const circles: string[][] = []
  const numbers = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const visit = (file: string): number => {
    const number = numbers.size
    let low = number
    numbers.set(file, number)
    open.push(file)
    for (const target of targets.get(file) ?? []) {
      if (!numbers.has(target)) low = Math.min(low, visit(target))
      else if (open.includes(target)) low = Math.min(low, numbers.get(target) as number)
    }
    lowest.set(file, low)
    if (low === number) {
      const circle = open.splice(open.indexOf(file))
      if (circle.length > 1 || targets.get(file)?.includes(file)) circles.push(circle)
    }
    return low
  }
  for (const file of files) if (!numbers.has(file)) visit(file)
  return circles
}
