// Makes text safe to show: text of a board, of a USB device, or of somebody's file. A terminal obeys some characters:
// they move the cursor, change the title or turn the line around. These are written out, as \u001b and so on
// (docs/security.md).

import { hexDigits } from "./hex.js"

/** Control characters (C0, DEL, C1), those that turn the direction of text, and separators of lines and paragraphs. */
const INVISIBLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
const ESCAPE = "\u001b"
const COLOUR = /^\[[\d;]{0,20}m/

/** For a field: a name, a line. Everything invisible is written out. */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, writtenOut)
}

/** For text on its way to a terminal: keeps ends of lines, tabulators, and colours, which are our own. */
export function visibleLines(text: string): string {
  return text.replace(INVISIBLE, (character, at: number) => {
    if (character === "\n" || character === "\t") return character
    return character === ESCAPE && COLOUR.test(text.slice(at + 1, at + 24))
      ? character
      : writtenOut(character)
  })
}

/** JSON wants these in a string, too. */
function writtenOut(character: string): string {
  return `\\u${hexDigits(character.charCodeAt(0), 4)}`
}
