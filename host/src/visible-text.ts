// Text of a board, of a USB device, or of somebody's file, so that a terminal shows it and obeys none of it: what would
// move the cursor, change the title or turn the line around is written out as \u001b and so on (docs/security.md).

/** Control characters (C0, DEL, C1), what turns the direction of text, and separators of lines and paragraphs. */
const INVISIBLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu
const ESCAPE = "\u001b"
const COLOUR = /^\[[\d;]{0,20}m/

/** For a field: a name, a line. Nothing invisible is left of it. */
export function visibleText(text: string): string {
  return text.replace(INVISIBLE, writtenOut)
}

/** For what leaves for a terminal: keeps the ends of lines, tabulators, and colours, which are our own. */
export function visibleLines(text: string): string {
  return text.replace(INVISIBLE, (character, at: number) => {
    if (character === "\n" || character === "\t") return character
    return character === ESCAPE && COLOUR.test(text.slice(at + 1, at + 24))
      ? character
      : writtenOut(character)
  })
}

/** Also what JSON wants inside a string. */
function writtenOut(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
}
