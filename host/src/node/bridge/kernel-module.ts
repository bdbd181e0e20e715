// Our kernel module that offers the bridge, for a kernel that has no bridge. It is taken from where DKMS put it, or
// built for the running kernel and loaded (host/linux-module).

import path from "node:path"
import { missingDependency, systemFailed } from "../../errors.js"
import { copyModuleSources, moduleSources } from "../linux-guest/linux-module.js"
import { modprobe } from "../modprobe.js"
import { isThere, systemPath } from "../system-root.js"
import { installCommand, inWords, missingToBuild } from "./build-needs.js"
import { BRIDGE_NODE } from "./layouts.js"
import { type BuildOptions, builtModules, insmod, type ModuleBuild, requireLoading } from "./module-build.js"

/** As they are loaded, one after the other. */
const MODULES = ["virtio_msg", "virtio_msg_bridge"]

export function ourModules(): ModuleBuild {
  return {
    what: "our module",
    modules: MODULES,
    key: JSON.stringify([...moduleSources()]),
    writeSources: copyModuleSources,
  }
}

/**
 * Sees to it that the kernel has the node. `alsoMissing` are packages that the caller would have installed, too. Rejects
 * with MISSING_DEPENDENCY, which names all that is missing, or SYSTEM_FAILED, as for who may load no module.
 */
export async function loadBridgeModule(
  options: BuildOptions,
  alsoMissing: readonly string[] = [],
): Promise<void> {
  if ((await modprobe(["virtio_msg_bridge"])) === undefined && (await isThere(systemPath(BRIDGE_NODE))))
    return
  await requireLoading()
  const needs = await missingToBuild()
  if (needs.length > 0)
    throw missingDependency(
      `This kernel has no ${BRIDGE_NODE}, and our module cannot be built without ${inWords(needs)}.`,
      { hint: await installCommand([...needs.map(({ packageName }) => packageName), ...alsoMissing]) },
    )
  const folder = await builtModules(ourModules(), options)
  for (const name of MODULES)
    if (!(await isThere(systemPath(`/sys/module/${name}`)))) await insmod(path.join(folder, `${name}.ko`))
  if (await isThere(systemPath(BRIDGE_NODE))) return
  throw systemFailed(`The module is loaded, and there is no ${BRIDGE_NODE}.`, {
    hint: "What does the kernel say? sudo dmesg | tail. Is devtmpfs mounted at /dev?",
  })
}
