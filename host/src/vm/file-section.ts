// A part of a file far larger than it: DeviceScript's command line tool is one file of 28 MB, and the virtual machine a
// hundredth of it. Decoding all of it took longer than everything else that a simulated board needs to begin.

import { closeSync, openSync, readSync } from "node:fs"

const PIECE_BYTES = 1 << 20

/** The text of a file in UTF-8 from the first `begin` up to the next `end`; undefined when it has not both. */
export function readSection(file: string, begin: string, end: string): string | undefined {
  const descriptor = openSync(file, "r")
  try {
    const from = find(descriptor, begin, 0)
    const to = from === undefined ? undefined : find(descriptor, end, from)
    if (from === undefined || to === undefined) return undefined
    const bytes = Buffer.alloc(to - from)
    readSync(descriptor, bytes, 0, bytes.length, from)
    return bytes.toString()
  } finally {
    closeSync(descriptor)
  }
}

/** Where in the file `text` is, at `from` or behind it. */
function find(descriptor: number, text: string, from: number): number | undefined {
  const wanted = Buffer.from(text)
  const piece = Buffer.alloc(PIECE_BYTES)
  // pieces overlap: what is wanted may lie across the end of one
  for (let position = from; ; position += PIECE_BYTES - wanted.length + 1) {
    const size = readSync(descriptor, piece, 0, PIECE_BYTES, position)
    const at = piece.subarray(0, size).indexOf(wanted)
    if (at >= 0) return position + at
    if (size < PIECE_BYTES) return undefined
  }
}
