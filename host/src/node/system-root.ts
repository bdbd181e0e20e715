// Where this computer's files about its devices are. Tests set VIRTIO_MSG_ROOT to a folder that looks like a root.

import path from "node:path"

/** A path below the root: `/sys/class/tty`. */
export function systemPath(absolute: string): string {
  return path.join(process.env.VIRTIO_MSG_ROOT || "/", absolute)
}
