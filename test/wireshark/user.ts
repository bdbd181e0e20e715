// Wireshark started by root takes no plugins from its user's folders: then it is run as nobody.

const NOBODY = 65534

/** Options for a child process: as it is, unless we are root. */
export const asUser = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
