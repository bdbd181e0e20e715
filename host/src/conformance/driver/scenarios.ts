// Every scenario, in the order in which they are shown; the first is the one where everything is as it should be.

import { AGAIN_SCENARIOS } from "./scenarios/again.js"
import { CONFIGURATION_SCENARIOS } from "./scenarios/configuration.js"
import { INITIALISATION_SCENARIOS } from "./scenarios/initialisation.js"
import { MESSAGE_SCENARIOS } from "./scenarios/messages.js"
import { REQUEST_SCENARIOS } from "./scenarios/requests.js"
import type { Scenario } from "./scripted-bus.js"

export const SCENARIOS: readonly Scenario[] = [
  ...MESSAGE_SCENARIOS,
  ...INITIALISATION_SCENARIOS,
  ...AGAIN_SCENARIOS,
  ...CONFIGURATION_SCENARIOS,
  ...REQUEST_SCENARIOS,
]

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (!found) throw new Error(`there is no scenario ${name}`)
  return found
}
