// Wireshark started by root takes no plugins from its user's folders: then it runs as nobody, in a user namespace,
// so that it can still read whatever folder this checkout lies in.

const UNSHARE = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]

/** The words of a command: as they are, unless we are root. */
export function asUser(command: string, args: readonly string[]): [string, string[]] {
  const words = process.getuid?.() === 0 ? [...UNSHARE, command, ...args] : [command, ...args]
  const [program = command, ...rest] = words
  return [program, rest]
}
