// The rows of a conformance table, as `conform --list` prints them.

import type { BridgeRow } from "../conformance/bridge/bridge-row.js"
import type { Row, RowText } from "../conformance/row.js"
import { isCheckable } from "../conformance/table.js"
import { invalidArgument } from "../errors.js"
import { colours, print } from "./context.js"
import { formatTable } from "./table.js"

/** What a row is checked against, and, where it cannot be checked, why. */
interface Checked {
  readonly checkedAgainst: readonly string[]
  readonly notObservable: string | null
}

/** The rows with these ids. Throws INVALID_ARGUMENT, with that hint, for one that is not among those `ofTable`. */
export function rowsWith<R extends RowText>(
  ids: readonly string[],
  table: readonly R[],
  ofTable: string,
  hint: string,
): R[] {
  const wanted = ids.map((id) => id.toUpperCase())
  const unknown = wanted.find((id) => !table.some((row) => row.id === id))
  if (unknown !== undefined) throw invalidArgument(`There is no row ${unknown}${ofTable}.`, { hint })
  return table.filter((row) => wanted.includes(row.id))
}

/** Prints the rows of the text's table. */
export function listRows(rows: readonly Row[], asJson: boolean): void {
  listAll(rows, asJson, (row) => ({
    checkedAgainst: [...(row.device ? ["device"] : []), ...(row.driver ? ["driver"] : [])],
    notObservable: isCheckable(row) ? null : (row.reason ?? null),
  }))
}

/** Prints the rows of the bridge's table. */
export function listBridgeRows(rows: readonly BridgeRow[], asJson: boolean): void {
  listAll(rows, asJson, ({ side }) => ({ checkedAgainst: [side], notObservable: null }))
}

function listAll<R extends RowText>(rows: readonly R[], asJson: boolean, check: (row: R) => Checked): void {
  const listed = rows.map((row) => {
    const { id, side, level, section, requirement } = row
    return { id, side, level, section, requirement, ...check(row) }
  })
  if (asJson) {
    print(JSON.stringify(listed, undefined, 2))
    return
  }
  const [title = "", ...lines] = formatTable([
    ["ROW", "LEVEL", "CHECKED AGAINST", "REQUIREMENT"],
    ...listed.map(({ id, level, checkedAgainst, requirement }) => [
      id,
      level,
      checkedAgainst.join(", ") || "not observable",
      requirement,
    ]),
  ])
  print(colours.bold(title))
  for (const line of lines) print(line)
}
