// What a table of mutants says: by the rows that have to notice, what is wrong.

export interface Mutant<Fault> {
  /** As its test is called: "D24 D40: reads beyond the configuration, too". */
  readonly title: string
  /** The rows that fail, and only these. */
  readonly rows: readonly string[]
  readonly what: string
  readonly fault: Fault
}

/** The mutants of a table, whose keys are their titles. */
export function mutantsOf<Fault>(table: Readonly<Record<string, Fault>>): Mutant<Fault>[] {
  return Object.entries(table).map(([title, fault]) => {
    const [rows = "", what = ""] = title.split(": ")
    return { title, rows: rows.split(" "), what, fault }
  })
}

/** Ids of rows, each once, to be compared. */
export const sorted = (ids: readonly string[]) => [...new Set(ids)].sort()
