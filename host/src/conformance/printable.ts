// Words of a peer (a driver's last line, a greeting) for reports: without characters that a terminal takes for
// commands, or that XML does not allow.

import { hexDigits } from "../hex.js"

/** Control characters other than line ends and tabs, halves of surrogate pairs, and what is no character at all. */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** `text` with each such character as its code: \\x1b, \\ud800. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = hexDigits(character.charCodeAt(0))
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`
  })
}
