// Copies firmware to the USB drive of an RP2040's boot loader, which writes it to flash as it comes, and starts it,
// taking its drive away, with the last block.

import { access, open } from "node:fs/promises"
import path from "node:path"
import { counted } from "../counted.js"
import { connectFailed, VirtioMsgError } from "../errors.js"
import type { BootDrive } from "../node/boot-drives.js"
import { isThere } from "../node/system-root.js"

/** Bytes between two reports of progress, each written through to the drive. */
const PIECE_SIZE = 32 * 1024
const FILE_NAME = "firmware.uf2"

/**
 * Copies `file` to the drive. Rejects with CONNECT_FAILED when nothing was written, LINK_CLOSED or DEVICE_FAILED when the
 * drive went away, or took no more, before all was: the flash then holds a part.
 */
export async function copyToDrive(
  drive: BootDrive,
  file: Uint8Array,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const target = path.join(drive.folder, FILE_NAME)
  let done = 0
  try {
    const handle = await open(target, "w")
    try {
      for (; done < file.length; done += PIECE_SIZE) {
        onProgress(done, file.length)
        await handle.write(file.subarray(done, done + PIECE_SIZE))
        await handle.sync()
        await access(target) // a drive that was pulled may still accept bytes, which are lost
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    // the boot loader only needs the bytes: it starts the firmware while we are still closing the file
    const isAllWritten = done + PIECE_SIZE >= file.length
    const isGone = !(await isThere(drive.folder))
    if (!(isAllWritten && isGone))
      throw copyError(drive, done, file.length, error as NodeJS.ErrnoException, isGone)
  }
  onProgress(file.length, file.length)
}

function copyError(
  drive: BootDrive,
  done: number,
  total: number,
  error: NodeJS.ErrnoException,
  isGone: boolean,
): VirtioMsgError {
  if (done === 0)
    return connectFailed(`Cannot write to ${drive.folder}: ${error.message}`, {
      hint:
        error.code === "EACCES" || error.code === "EROFS"
          ? "Mount the drive so that you may write to it; nothing was written."
          : "Unplug the board, hold BOOTSEL while you plug it in, try again; nothing was written.",
      cause: error,
    })
  const what = isGone ? "went away" : `refused to be written (${error.message})`
  return new VirtioMsgError(
    isGone ? "LINK_CLOSED" : "DEVICE_FAILED",
    `The drive ${drive.folder} ${what} after ${done} of ${counted(total, "byte")}: the board holds half a firmware.`,
    {
      hint: "Nothing is broken: hold BOOTSEL while you plug it in, and flash again.",
      cause: error,
    },
  )
}
