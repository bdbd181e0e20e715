/** What is wrong with the links of the static site in `folder`; `broken` has a line for each. */
export function checkLinks(
  folder: string,
): Promise<{ readonly pageCount: number; readonly linkCount: number; readonly broken: readonly string[] }>
