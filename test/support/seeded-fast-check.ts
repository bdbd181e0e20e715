// fast-check with one seed, so that everybody's `npm test` tries the same cases and none fails by chance.
// FUZZ_SEED=N takes others.

import fc from "fast-check"

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.FUZZ_SEED ?? 20260714) })

export { fc }
