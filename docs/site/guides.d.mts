/** The names of the guides' files by heading, in reading order. */
export const GUIDES: Readonly<Record<string, readonly string[]>>
