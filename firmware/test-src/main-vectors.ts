// Runs the golden vectors of test/vectors in the DeviceScript virtual machine, and logs one line for each.

import * as ds from "@devicescript/core"
import type { OwnedBytes } from "../../shared-protocol/src/bytes.js"
import { allVectors } from "../../test/vectors/messages.js"

function allocate(length: number): OwnedBytes {
  return Buffer.alloc(length) as unknown as OwnedBytes
}

const vectors = allVectors()
for (let i = 0; i < vectors.length; i++) {
  const problem = vectors[i].run(allocate)
  if (problem === "") console.log(`OK ${vectors[i].name}`)
  else console.log(`FAIL ${vectors[i].name} got ${problem}`)
  await ds.sleep(1) // the runtime allows 131072 operations between two waits
}
console.log(`DONE ${vectors.length}`)
