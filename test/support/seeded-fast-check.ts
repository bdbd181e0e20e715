// fast-check with a fixed seed, so that `npm test` tries the same cases everywhere and none fails by chance.
// FUZZ_SEED=N takes other cases.

import fc from "fast-check"

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.FUZZ_SEED ?? 20260714) })

export { fc }
