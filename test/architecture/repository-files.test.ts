// The list of files that these tests read is the same with git and without.

import { expect, it } from "vitest"
import { filesByGit, filesByWalking } from "../support/repository-files.js"

it("the repository's files are found without git, too", () => {
  const walked = filesByWalking()
  expect(walked).toEqual(expect.arrayContaining(["package.json", ".gitignore", "host/bin/virtio-msg.js"]))
  const listed = filesByGit()
  if (listed !== undefined) expect(walked.sort()).toEqual(listed.sort())
})
