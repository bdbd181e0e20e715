// The library's front door: opens a bus. The ports that Node can reach are behind it.

export { type OpenBusOptions, openBus } from "./node/open-bus.js"
export { OpenedBus } from "./opened-bus.js"
