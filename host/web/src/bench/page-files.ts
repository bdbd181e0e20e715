// The files that the simulated board needs and that lie beside the page: its program and its virtual machine.

import { notFound } from "../../../src/errors.js"
import { instantiateRuntime, type LoadRuntime } from "../../../src/vm/runtime.js"

/** Our firmware's bytecode, beside the page. Rejects with NOT_FOUND. */
export async function fetchProgram(): Promise<Uint8Array> {
  const response = await fetch(new URL("firmware/simulated.devs", document.baseURI))
  if (!response.ok)
    throw notFound(`The firmware is not beside this page (${response.status}).`, {
      hint: "Copy the whole folder dist/web to the web server.",
    })
  return new Uint8Array(await response.arrayBuffer())
}

/** The VM's code: a file beside the page that is fetched when it is first needed. */
export const loadRuntimeFromPage: LoadRuntime = async (scope) => {
  const { default: evaluate } = await import(
    /* @vite-ignore */ new URL("vm/devicescript-vm.js", document.baseURI).href
  )
  return instantiateRuntime(evaluate, scope, (name) => {
    throw new Error(`a browser has no ${name}`)
  })
}
